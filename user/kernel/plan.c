// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/privileges.h"

struct planner {
	const struct features *features;
	struct plan plan;
};

static void sentence(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds to a text, after "; " if there is something already. */
static void sentence(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	if (used)
		used += (size_t)snprintf(text + used, size - used, "; ");
	if (used >= size)
		return;
	va_start(arguments, format);
	vsnprintf(text + used, size - used, format, arguments);
	va_end(arguments);
}

/* One mechanism for a fact, best first: the first that is there is taken, those before it are
 * rejected with their reason, those after it are not needed. */
static bool try(struct planner *planner, enum plan_fact fact, enum feature feature,
		const char *mechanism)
{
	struct plan_row *row = &planner->plan.rows[fact];

	if (row->mechanism)
		return false;
	if (planner->features->has[feature]) {
		row->mechanism = mechanism;
		return true;
	}
	sentence(row->rejected, sizeof(row->rejected), "%s: %s", feature_name(feature),
		 planner->features->reason[feature]);
	row->lacking |= planner->features->lacking[feature];
	return false;
}

/* One function of several: where programs cannot be attached to any, that is the reason. */
static bool try_fentry(struct planner *planner, enum plan_fact fact, enum feature feature,
		       const char *mechanism)
{
	bool any = planner->features->has[FEATURE_FENTRY];

	return try(planner, fact, any ? feature : FEATURE_FENTRY, mechanism);
}

static void otherwise(struct planner *planner, enum plan_fact fact, const char *mechanism)
{
	struct plan_row *row = &planner->plan.rows[fact];

	if (!row->mechanism)
		row->mechanism = mechanism;
}

static void plan_states(struct planner *planner)
{
	struct plan *plan = &planner->plan;

	plan->rows[FACT_STATES].needed = true;
	try(planner, FACT_STATES, FEATURE_STATE_TRACEPOINT, "sock:inet_sock_set_state");
	plan->cookie = try(planner, FACT_IDENTITY, FEATURE_SOCKET_COOKIE, "socket cookie");
	otherwise(planner, FACT_IDENTITY, "our own count of sockets");
	plan->destroy = try(planner, FACT_CLEANUP, FEATURE_DESTROY, "tcp:tcp_destroy_sock");
	otherwise(planner, FACT_CLEANUP, "the socket's last state change");
	plan->map_grows = try(planner, FACT_MEMORY, FEATURE_MAP_GROWS, "map that grows");
	otherwise(planner, FACT_MEMORY, "map of a fixed size");
}

static void plan_holders(struct planner *planner, bool few_files)
{
	static const char walk[] = "/proc/*/fd of every process";
	struct plan *plan = &planner->plan;

	if (few_files)
		plan->all_processes = try(planner, FACT_HOLDERS, FEATURE_ALL_PROCESSES, walk);
	plan->task_files = try(planner, FACT_HOLDERS, FEATURE_TASK_FILES, "iter/task_file");
	if (!few_files)
		plan->all_processes = try(planner, FACT_HOLDERS, FEATURE_ALL_PROCESSES, walk);
	plan->all_processes |= plan->task_files;
	otherwise(planner, FACT_HOLDERS, "/proc/*/fd of our own processes");
}

static void plan_owners(struct planner *planner, const struct plan_request *request)
{
	struct plan *plan = &planner->plan;

	otherwise(planner, FACT_OWNER_CONNECT, "current task at CLOSED to SYN_SENT");
	plan->graft =
		try_fentry(planner, FACT_OWNER_ACCEPT, FEATURE_GRAFT, "fentry:security_sock_graft");
	plan->accept = try(planner, FACT_OWNER_ACCEPT, FEATURE_ACCEPT_TRACEPOINT,
			   "syscalls:sys_exit_accept4");
	otherwise(planner, FACT_OWNER_ACCEPT, "who closes it, or holds its descriptor");
	plan->snapshot = try(planner, FACT_OWNER_OLDER, FEATURE_SOCK_DIAG, "sock_diag");
	otherwise(planner, FACT_OWNER_OLDER, "/proc/net/tcp");
	plan_holders(planner, request->few_files);
}

static void plan_namespaces(struct planner *planner, const struct plan_request *request)
{
	struct plan *plan = &planner->plan;

	if (request->own_namespace)
		return;
	plan->namespaces = try(planner, FACT_NAMESPACES, FEATURE_NAMESPACES, "setns()");
	otherwise(planner, FACT_NAMESPACES, "our own only");
	if (!plan->namespaces || !plan->packets)
		return;
	try(planner, FACT_LINK_NEWS, FEATURE_LINK_NEWS, "netlink");
	otherwise(planner, FACT_LINK_NEWS, "those that are there at first sight");
}

static void plan_resets(struct planner *planner)
{
	struct plan *plan = &planner->plan;
	const char *wire = plan->packets ? "RST segments only" : NULL;

	plan->reset_reason = try(planner, FACT_RESET_SENT, FEATURE_RESET_REASON,
				 "tcp:tcp_send_reset, with its reason");
	plan->send_reset = try(planner, FACT_RESET_SENT, FEATURE_SEND_RESET,
			       "tcp:tcp_send_reset, without a reason") ||
			   plan->reset_reason;
	otherwise(planner, FACT_RESET_SENT, wire);
	plan->receive_reset =
		try(planner, FACT_RESET_RECEIVED, FEATURE_RECEIVE_RESET, "tcp:tcp_receive_reset");
	otherwise(planner, FACT_RESET_RECEIVED, wire);
	plan->retransmit =
		try(planner, FACT_RETRANSMIT, FEATURE_RETRANSMIT, "tcp:tcp_retransmit_skb");
	otherwise(planner, FACT_RETRANSMIT, plan->packets ? "FIN segments only" : NULL);
}

static void plan_mini_sockets(struct planner *planner)
{
	const struct features *features = planner->features;
	struct plan *plan = &planner->plan;
	const char *wire = plan->packets ? "segments only" : NULL;

	plan->tw_begin = try_fentry(planner, FACT_MINI_SOCKET_START, FEATURE_TW_BEGIN,
				    "fentry:tcp_time_wait");
	otherwise(planner, FACT_MINI_SOCKET_START, "sock:inet_sock_set_state");
	plan->tw_restart = try_fentry(planner, FACT_MINI_SOCKET_RESTART, FEATURE_TW_RESTART,
				      "fentry:__inet_twsk_schedule");
	otherwise(planner, FACT_MINI_SOCKET_RESTART, plan->packets ? "FIN segments only" : NULL);
	plan->tw_expire = try_fentry(planner, FACT_MINI_SOCKET_END, FEATURE_TW_EXPIRE,
				     "fentry:tw_timer_handler");
	plan->timer_expire = try(planner, FACT_MINI_SOCKET_END, FEATURE_TIMER_EXPIRE,
				 "timer:timer_expire_entry");
	otherwise(planner, FACT_MINI_SOCKET_END, wire);
	/* Who cannot tell that the timer ended one cannot tell that something else did. */
	if (plan->tw_expire || plan->timer_expire)
		plan->tw_kill = try_fentry(planner, FACT_MINI_SOCKET_REMOVAL, FEATURE_TW_KILL,
					   "fentry:inet_twsk_kill");
	else
		memcpy(plan->rows[FACT_MINI_SOCKET_REMOVAL].rejected,
		       plan->rows[FACT_MINI_SOCKET_END].rejected,
		       sizeof(plan->rows[FACT_MINI_SOCKET_END].rejected));
	plan->abort = plan->tw_kill && features->has[FEATURE_ABORT];
	otherwise(planner, FACT_MINI_SOCKET_REMOVAL, "the next socket, sock_diag");
}

/* Where sockets came from. */
static void plan_origins(struct planner *planner)
{
	struct plan *plan = &planner->plan;

	plan->user_registers = try(planner, FACT_STACK, FEATURE_USER_REGISTERS,
				   "registers, stack and frame pointers");
	otherwise(planner, FACT_STACK, "frame pointers");
	plan->recv = try(planner, FACT_READER, FEATURE_RECV_TRACEPOINT, "sock:sock_recv_length");
}

static bool plan_tc(struct planner *planner, enum plan_fact fact, const char *tcx,
		    const char *clsact)
{
	if (try(planner, fact, FEATURE_TCX, tcx))
		planner->plan.tcx = true;
	else
		try(planner, fact, FEATURE_CLSACT, clsact);
	return planner->plan.rows[fact].mechanism;
}

/* Both directions or none: half of the segments would tell a wrong story. */
static bool plan_directions(struct planner *planner, enum packet_source packets)
{
	struct plan *plan = &planner->plan;
	bool in;

	if (packets == PACKETS_XDP)
		in = plan->xdp_ingress = try(planner, FACT_SEGMENTS_IN, FEATURE_XDP, "XDP");
	else
		in = plan_tc(planner, FACT_SEGMENTS_IN, "tcx ingress", "clsact ingress");
	return plan_tc(planner, FACT_SEGMENTS_OUT, "tcx egress", "clsact egress") && in;
}

static void plan_packets(struct planner *planner, const struct plan_request *request)
{
	struct plan *plan = &planner->plan;

	if (request->packets == PACKETS_NONE) {
		for (int fact = FACT_SEGMENTS_IN; fact <= FACT_SEGMENTS_OUT; fact++)
			sentence(plan->rows[fact].rejected, sizeof(plan->rows[fact].rejected),
				 "--packets none");
		return;
	}
	plan->rows[FACT_SEGMENTS_IN].needed = request->packets_asked;
	plan->rows[FACT_SEGMENTS_OUT].needed = request->packets_asked;
	plan->packets = plan_directions(planner, request->packets);
	if (!plan->packets) {
		plan->tcx = plan->xdp_ingress = false;
		plan->rows[FACT_SEGMENTS_IN].mechanism = NULL;
		plan->rows[FACT_SEGMENTS_OUT].mechanism = NULL;
	}
}

/* What nothing works without, in the order in which a reader should hear of it. */
static bool plan_refuse(struct planner *planner)
{
	static const struct {
		enum feature feature;
		const char *what;
		const char *advice;
	} needed[] = {
		{FEATURE_ROOT, "permission", "run it as root (sudo), a container as privileged"},
		{FEATURE_BTF, "kernel types", "run a kernel with CONFIG_DEBUG_INFO_BTF"},
		{FEATURE_RINGBUF, "BPF ring buffer", "run a newer kernel"},
		{FEATURE_STATE_TRACEPOINT, "tracepoint sock:inet_sock_set_state",
		 "run a kernel with CONFIG_TRACEPOINTS"},
	};
	const struct features *features = planner->features;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		const char *reason = features->reason[needed[i].feature];

		if (features->has[needed[i].feature])
			continue;
		snprintf(planner->plan.refusal, sizeof(planner->plan.refusal),
			 "cannot trace: no %s (%s); %s", needed[i].what, reason,
			 strstr(reason, "--without") ? "leave that option out" : needed[i].advice);
		return true;
	}
	return false;
}

static void plan_refuse_packets(struct planner *planner, const struct plan_request *request)
{
	struct plan *plan = &planner->plan;
	const struct plan_row *in = &plan->rows[FACT_SEGMENTS_IN];
	const struct plan_row *out = &plan->rows[FACT_SEGMENTS_OUT];
	const char *why = in->rejected[0] ? in->rejected : out->rejected;

	if (plan->packets || request->packets == PACKETS_NONE)
		return;
	if (request->packets_asked)
		snprintf(plan->refusal, sizeof(plan->refusal),
			 "cannot read segments with --packets %s: %s; leave the option out",
			 request->packets == PACKETS_XDP ? "xdp" : "tc", why);
	else
		snprintf(plan->notice, sizeof(plan->notice),
			 "segments will not be seen, states only: %s", why);
}

/* What is less than it could be, in one sentence: which capability is missing for what. */
static void plan_notice_lacking(struct plan *plan)
{
	uint64_t told = 0;

	for (int first = 0; first < FACT_SEGMENTS_IN; first++) {
		uint64_t lacking = plan->rows[first].lacking;
		char names[64], facts[160] = "";

		if (!lacking || told >> first & 1)
			continue;
		for (int fact = first; fact < FACT_SEGMENTS_IN; fact++) {
			if (plan->rows[fact].lacking != lacking)
				continue;
			told |= UINT64_C(1) << fact;
			snprintf(facts + strlen(facts), sizeof(facts) - strlen(facts), "%s%s",
				 facts[0] ? ", " : "", plan_fact_name((enum plan_fact)fact));
		}
		privileges_names(lacking, names, sizeof(names));
		sentence(plan->notice, sizeof(plan->notice), "without %s less is known of: %s",
			 names, facts);
	}
}

/* What each is for, once all is attached. */
static const struct {
	uint64_t privilege;
	const char *what_for;
} uses[] = {
	{PRIVILEGE(BPF), "what the programs in the kernel count and keep"},
	{PRIVILEGE(NET_ADMIN), "interfaces that come, filters that go"},
	{PRIVILEGE(SYS_ADMIN), "other network namespaces, or in place of a lesser one"},
	{PRIVILEGE(SYS_PTRACE), "processes: their sockets, namespaces and code"},
	{PRIVILEGE(DAC_OVERRIDE), "the same as CAP_DAC_READ_SEARCH, in its place"},
	{PRIVILEGE(DAC_READ_SEARCH), "descriptors of others, paths of cgroups, programs"},
	{PRIVILEGE(SYS_CHROOT), "the reader of stacks shuts itself in"},
	{PRIVILEGE(CHECKPOINT_RESTORE), "programs whose files were deleted"},
};

static void plan_kept(struct planner *planner, const struct plan_request *request)
{
	struct plan *plan = &planner->plan;
	uint64_t kept = PRIVILEGE(BPF);

	if (plan->packets && !request->counting && !request->only_origins)
		kept |= PRIVILEGE(NET_ADMIN);
	if (plan->namespaces)
		kept |= PRIVILEGE(SYS_ADMIN);
	if (plan->namespaces || !request->counting)
		kept |= PRIVILEGE(SYS_PTRACE);
	if (!request->counting)
		kept |= PRIVILEGE(DAC_READ_SEARCH);
	if (request->origins)
		kept |= PRIVILEGE(SYS_CHROOT) | PRIVILEGE(CHECKPOINT_RESTORE);
	plan->kept = privileges_available(planner->features->privileges, kept);
}

static void keep(struct plan *plan, const bool kept[PLAN_FACTS])
{
	for (int fact = 0; fact < PLAN_FACTS; fact++)
		if (!kept[fact])
			plan->rows[fact] = (struct plan_row){0};
}

/* What only counts asks for little, and gets it in its own way. */
static void plan_counting(struct plan *plan)
{
	static const bool kept[PLAN_FACTS] = {
		[FACT_STATES] = true,          [FACT_OWNER_OLDER] = true, [FACT_MEMORY] = true,
		[FACT_MINI_SOCKET_END] = true, [FACT_NAMESPACES] = true,
	};

	keep(plan, kept);
	plan->rows[FACT_MINI_SOCKET_START].mechanism = "sock:inet_sock_set_state";
	plan->rows[FACT_MINI_SOCKET_REMOVAL].mechanism =
		"skb:kfree_skb, the next socket, the kernel's table";
}

/* The same for what explains CLOSE_WAIT and does nothing else. */
static void plan_only_origins(struct plan *plan)
{
	static const bool kept[PLAN_FACTS] = {
		[FACT_STATES] = true,       [FACT_IDENTITY] = true,    [FACT_OWNER_CONNECT] = true,
		[FACT_OWNER_ACCEPT] = true, [FACT_OWNER_OLDER] = true, [FACT_CLEANUP] = true,
		[FACT_MEMORY] = true,       [FACT_HOLDERS] = true,     [FACT_STACK] = true,
		[FACT_READER] = true,       [FACT_NAMESPACES] = true,
	};

	keep(plan, kept);
	if (!plan->cookie)
		plan->rows[FACT_IDENTITY].mechanism = "addresses and ports";
}

struct plan plan_make(const struct features *features, const struct plan_request *request)
{
	struct planner planner = {.features = features};

	plan_states(&planner);
	plan_owners(&planner, request);
	plan_packets(&planner, request);
	plan_namespaces(&planner, request);
	plan_resets(&planner);
	plan_mini_sockets(&planner);
	if (request->origins)
		plan_origins(&planner);
	if (!plan_refuse(&planner))
		plan_refuse_packets(&planner, request);
	if (request->counting)
		plan_counting(&planner.plan);
	if (request->only_origins)
		plan_only_origins(&planner.plan);
	plan_notice_lacking(&planner.plan);
	plan_kept(&planner, request);
	return planner.plan;
}

const char *plan_fact_name(enum plan_fact fact)
{
	static const char *const names[PLAN_FACTS] = {
		[FACT_STATES] = "states of sockets",
		[FACT_IDENTITY] = "which socket is which",
		[FACT_OWNER_CONNECT] = "owner, connecting",
		[FACT_OWNER_ACCEPT] = "owner, accepting",
		[FACT_OWNER_OLDER] = "older than the tracer",
		[FACT_RESET_SENT] = "RST sent",
		[FACT_RESET_RECEIVED] = "RST received",
		[FACT_RETRANSMIT] = "FIN sent again",
		[FACT_CLEANUP] = "end of a socket",
		[FACT_MEMORY] = "memory of sockets",
		[FACT_MINI_SOCKET_START] = "start of a mini-socket",
		[FACT_MINI_SOCKET_RESTART] = "restart of TIME_WAIT",
		[FACT_MINI_SOCKET_REMOVAL] = "early end of TIME_WAIT",
		[FACT_MINI_SOCKET_END] = "end of TIME_WAIT, of orphans",
		[FACT_HOLDERS] = "who holds a socket",
		[FACT_NAMESPACES] = "other network namespaces",
		[FACT_LINK_NEWS] = "new interfaces there",
		[FACT_STACK] = "stack of connect, accept",
		[FACT_READER] = "who reads after the FIN",
		[FACT_SEGMENTS_IN] = "segments received",
		[FACT_SEGMENTS_OUT] = "segments sent",
	};

	return names[fact];
}

static void explain_cell(struct buffer *out, const char *text, size_t width)
{
	size_t length = strlen(text);

	buffer_add_string(out, text);
	buffer_add_repeat(out, ' ', length < width ? width - length : 0);
	buffer_add_string(out, "  ");
}

static const char *explain_mechanism(const struct plan_row *row)
{
	return row->mechanism ? row->mechanism : "-";
}

static bool is_asked_for(const struct plan_row *row)
{
	return row->mechanism || row->rejected[0];
}

static void explain_kept(const struct plan *plan, struct buffer *out)
{
	char name[64];

	buffer_add_string(out, "\nONCE ATTACHED, KEEPS    FOR\n");
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (!(plan->kept & uses[i].privilege))
			continue;
		privileges_names(uses[i].privilege, name, sizeof(name));
		explain_cell(out, name, 22);
		buffer_add_string(out, uses[i].what_for);
		buffer_add_char(out, '\n');
	}
	buffer_add_char(out, '\n');
}

void plan_explain(const struct plan *plan, struct buffer *out)
{
	size_t fact_width = 0, mechanism_width = 0;

	for (int fact = 0; fact < PLAN_FACTS; fact++) {
		size_t length = strlen(plan_fact_name((enum plan_fact)fact));

		fact_width = length > fact_width ? length : fact_width;
		length = strlen(explain_mechanism(&plan->rows[fact]));
		mechanism_width = length > mechanism_width ? length : mechanism_width;
	}
	explain_cell(out, "FACT", fact_width);
	explain_cell(out, "BY", mechanism_width);
	buffer_add_string(out, "NOT\n");
	for (int fact = 0; fact < PLAN_FACTS; fact++) {
		const struct plan_row *row = &plan->rows[fact];

		if (!is_asked_for(row))
			continue;
		explain_cell(out, plan_fact_name((enum plan_fact)fact), fact_width);
		if (row->rejected[0]) {
			explain_cell(out, explain_mechanism(row), mechanism_width);
			buffer_add_string(out, row->rejected);
		} else {
			buffer_add_string(out, explain_mechanism(row));
		}
		buffer_add_char(out, '\n');
	}
	if (!plan->refusal[0])
		explain_kept(plan, out);
	if (plan->notice[0]) {
		buffer_add_string(out, plan->notice);
		buffer_add_char(out, '\n');
	}
	if (plan->refusal[0]) {
		buffer_add_string(out, plan->refusal);
		buffer_add_char(out, '\n');
	}
}

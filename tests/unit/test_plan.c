// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The attach plan from recorded features: which mechanism, what is rejected and why, and when the
 * answer is no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/privileges.h"
#include "kernel/plan.h"

/* What features_detect() says on a kernel: everything but these. */
struct absent {
	enum feature feature;
	const char *reason;
};

#define ABSENT_MAX 16

static const struct absent linux_5_10[ABSENT_MAX] = {
	{FEATURE_SOCKET_COOKIE, "needs Linux 5.12"},
	{FEATURE_USER_REGISTERS, "needs Linux 5.15"},
	{FEATURE_RECV_TRACEPOINT, "needs Linux 6.3"},
	{FEATURE_RESET_REASON, "needs Linux 6.10"},
	{FEATURE_TCX, "needs Linux 6.6"},
	{FEATURE_MAP_GROWS, "needs Linux 6.1"},
};
static const struct absent linux_6_1[ABSENT_MAX] = {
	{FEATURE_RESET_REASON, "needs Linux 6.10"},
	{FEATURE_TCX, "needs Linux 6.6"},
};
static const struct absent linux_6_18[ABSENT_MAX] = {};

static struct features recorded(const struct absent *absent)
{
	struct features features = {.privileges = UINT64_MAX};

	for (int feature = 0; feature < FEATURES; feature++)
		features.has[feature] = true;
	for (int i = 0; i < ABSENT_MAX && absent[i].reason; i++) {
		features.has[absent[i].feature] = false;
		snprintf(features.reason[absent[i].feature], sizeof(features.reason[0]), "%s",
			 absent[i].reason);
	}
	return features;
}

static struct plan plan_of(const struct absent *absent, enum packet_source packets, bool asked)
{
	struct features features = recorded(absent);
	struct plan_request request = {.packets = packets, .packets_asked = asked};

	return plan_make(&features, &request);
}

static void assert_row(const struct plan *plan, enum plan_fact fact, const char *mechanism,
		       const char *rejected)
{
	const struct plan_row *row = &plan->rows[fact];

	if (mechanism)
		assert_string_equal(row->mechanism ? row->mechanism : "-", mechanism);
	else
		assert_null(row->mechanism);
	assert_string_equal(row->rejected, rejected);
}

static void newest_kernel_takes_the_best_of_all(void **state)
{
	struct features features = recorded(linux_6_18);
	const struct plan_request request = {.packets = PACKETS_TC, .origins = true};
	struct plan plan = plan_make(&features, &request);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_string_equal(plan.notice, "");
	for (int fact = 0; fact < PLAN_FACTS; fact++) {
		assert_non_null(plan.rows[fact].mechanism);
		assert_string_equal(plan.rows[fact].rejected, "");
	}
	assert_true(plan.cookie && plan.send_reset && plan.reset_reason && plan.receive_reset);
	assert_true(plan.retransmit && plan.destroy && !plan.timer_expire);
	assert_true(plan.graft && !plan.accept);
	assert_true(plan.tw_begin && plan.tw_restart && plan.tw_expire && plan.tw_kill);
	assert_true(plan.abort);
	assert_true(plan.snapshot && plan.tcx && plan.packets && !plan.xdp_ingress);
	assert_true(plan.user_registers && plan.recv);
	assert_true(plan.rows[FACT_STATES].needed);
	assert_false(plan.rows[FACT_SEGMENTS_IN].needed);
}

static struct plan plan_of_origins(const struct absent *absent)
{
	struct features features = recorded(absent);
	const struct plan_request request = {
		.packets = PACKETS_NONE, .origins = true, .only_origins = true};

	return plan_make(&features, &request);
}

static void origins_by_function_or_by_system_call(void **state)
{
	static const struct absent refused[ABSENT_MAX] = {{FEATURE_FENTRY, "refused"},
							  {FEATURE_GRAFT, "needs fentry"}};
	struct plan plan = plan_of_origins(linux_6_18);

	(void)state;
	assert_row(&plan, FACT_OWNER_ACCEPT, "fentry:security_sock_graft", "");
	assert_true(plan.graft);
	assert_null(plan.rows[FACT_SEGMENTS_IN].mechanism);
	assert_null(plan.rows[FACT_MINI_SOCKET_END].mechanism);
	plan = plan_of_origins(refused);
	assert_row(&plan, FACT_OWNER_ACCEPT, "syscalls:sys_exit_accept4", "fentry: refused");
	assert_true(plan.accept && !plan.graft);
	plan = plan_of_origins(linux_5_10);
	assert_row(&plan, FACT_IDENTITY, "addresses and ports", "socket-cookie: needs Linux 5.12");
	assert_row(&plan, FACT_STACK, "frame pointers", "user-registers: needs Linux 5.15");
	assert_row(&plan, FACT_READER, NULL, "recv-tracepoint: needs Linux 6.3");
}

static void holders_by_list_or_by_walk(void **state)
{
	static const struct absent refused[ABSENT_MAX] = {{FEATURE_TASK_FILES, "refused"}};
	static const struct absent others[ABSENT_MAX] = {
		{FEATURE_TASK_FILES, "refused"}, {FEATURE_ALL_PROCESSES, "without CAP_SYS_PTRACE"}};
	static const struct absent little[ABSENT_MAX] = {
		{FEATURE_ALL_PROCESSES, "without CAP_SYS_PTRACE"}};
	const struct plan_request request = {.only_origins = true, .few_files = true};
	struct plan plan = plan_of_origins(refused);
	struct features features;

	(void)state;
	assert_row(&plan, FACT_HOLDERS, "/proc/*/fd of every process", "task-files: refused");
	assert_true(!plan.task_files && plan.all_processes);
	plan = plan_of_origins(others);
	assert_row(&plan, FACT_HOLDERS, "/proc/*/fd of our own processes",
		   "task-files: refused; all-processes: without CAP_SYS_PTRACE");
	assert_false(plan.task_files || plan.all_processes);
	/* The list is of all, whoever asks for it; of few files it is not worth its program. */
	plan = plan_of_origins(little);
	assert_row(&plan, FACT_HOLDERS, "iter/task_file", "");
	assert_true(plan.task_files && plan.all_processes);
	features = recorded(linux_6_18);
	plan = plan_make(&features, &request);
	assert_row(&plan, FACT_HOLDERS, "/proc/*/fd of every process", "");
	assert_true(!plan.task_files && plan.all_processes);
	features = recorded(little);
	plan = plan_make(&features, &request);
	assert_row(&plan, FACT_HOLDERS, "iter/task_file", "all-processes: without CAP_SYS_PTRACE");
	assert_true(plan.task_files && plan.all_processes);
}

static void linux_6_1_falls_back_to_clsact(void **state)
{
	struct plan plan = plan_of(linux_6_1, PACKETS_TC, false);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_row(&plan, FACT_SEGMENTS_IN, "clsact ingress", "tcx: needs Linux 6.6");
	assert_row(&plan, FACT_SEGMENTS_OUT, "clsact egress", "tcx: needs Linux 6.6");
	assert_row(&plan, FACT_RESET_SENT, "tcp:tcp_send_reset, without a reason",
		   "reset-reason: needs Linux 6.10");
	assert_true(plan.packets && plan.send_reset && plan.cookie);
	assert_false(plan.tcx || plan.reset_reason);
}

static void linux_5_10_counts_sockets_itself(void **state)
{
	struct plan plan = plan_of(linux_5_10, PACKETS_TC, false);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_row(&plan, FACT_IDENTITY, "our own count of sockets",
		   "socket-cookie: needs Linux 5.12");
	assert_row(&plan, FACT_MEMORY, "map of a fixed size", "map-grows: needs Linux 6.1");
	assert_false(plan.cookie || plan.map_grows);
}

static void xdp_takes_ingress_and_leaves_egress_to_tc(void **state)
{
	struct plan plan = plan_of(linux_6_18, PACKETS_XDP, true);

	(void)state;
	assert_row(&plan, FACT_SEGMENTS_IN, "XDP", "");
	assert_row(&plan, FACT_SEGMENTS_OUT, "tcx egress", "");
	assert_true(plan.xdp_ingress && plan.tcx && plan.packets);
	assert_true(plan.rows[FACT_SEGMENTS_IN].needed);

	plan = plan_of(linux_6_1, PACKETS_XDP, true);
	assert_row(&plan, FACT_SEGMENTS_OUT, "clsact egress", "tcx: needs Linux 6.6");
	assert_true(plan.xdp_ingress && !plan.tcx && plan.packets);
}

static void no_packets_asked_for_is_no_loss(void **state)
{
	struct plan plan = plan_of(linux_6_18, PACKETS_NONE, true);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_string_equal(plan.notice, "");
	assert_row(&plan, FACT_SEGMENTS_IN, NULL, "--packets none");
	assert_false(plan.packets || plan.tcx || plan.xdp_ingress);
}

static const struct absent no_tc[ABSENT_MAX] = {
	{FEATURE_TCX, "needs Linux 6.6"},
	{FEATURE_CLSACT, "this kernel has no module cls_bpf"},
};

static void default_segments_are_skipped_with_a_word(void **state)
{
	struct plan plan = plan_of(no_tc, PACKETS_TC, false);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_string_equal(plan.notice,
			    "segments will not be seen, states only: tcx: needs Linux 6.6; clsact: "
			    "this kernel has no module cls_bpf");
	assert_row(&plan, FACT_SEGMENTS_IN, NULL,
		   "tcx: needs Linux 6.6; clsact: this kernel has no module cls_bpf");
	assert_false(plan.packets || plan.tcx);
}

static void segments_asked_for_are_refused(void **state)
{
	static const struct absent no_xdp[ABSENT_MAX] = {{FEATURE_XDP, "needs Linux 5.9"}};
	struct plan plan = plan_of(no_tc, PACKETS_TC, true);

	(void)state;
	assert_string_equal(
		plan.refusal,
		"cannot read segments with --packets tc: tcx: needs Linux 6.6; clsact: this "
		"kernel has no module cls_bpf; leave the option out");
	assert_string_equal(plan.notice, "");

	plan = plan_of(no_xdp, PACKETS_XDP, true);
	assert_string_equal(plan.refusal,
			    "cannot read segments with --packets xdp: xdp: needs Linux "
			    "5.9; leave the option out");
	assert_false(plan.packets || plan.xdp_ingress || plan.tcx);

	/* XDP sees what comes in only: what goes out needs tc. */
	plan = plan_of(no_tc, PACKETS_XDP, true);
	assert_true(strncmp(plan.refusal, "cannot read segments with --packets xdp: ", 41) == 0);
}

static void without_the_needed_it_refuses(void **state)
{
	static const struct {
		struct absent absent[ABSENT_MAX];
		const char *refusal;
	} cases[] = {
		{{{FEATURE_ROOT, "not root, without CAP_BPF"}, {FEATURE_RINGBUF, "needs root"}},
		 "cannot trace: no permission (not root, without CAP_BPF); run it as root (sudo), "
		 "a "
		 "container as privileged"},
		{{{FEATURE_BTF, "no /sys/kernel/btf/vmlinux"},
		  {FEATURE_STATE_TRACEPOINT, "needs btf"}},
		 "cannot trace: no kernel types (no /sys/kernel/btf/vmlinux); run a kernel with "
		 "CONFIG_DEBUG_INFO_BTF"},
		{{{FEATURE_RINGBUF, "needs Linux 5.8"}},
		 "cannot trace: no BPF ring buffer (needs Linux 5.8); run a newer kernel"},
		{{{FEATURE_STATE_TRACEPOINT, "this kernel has no such tracepoint"}},
		 "cannot trace: no tracepoint sock:inet_sock_set_state (this kernel has no such "
		 "tracepoint); run a kernel with CONFIG_TRACEPOINTS"},
		{{{FEATURE_RINGBUF, "switched off by --without"}},
		 "cannot trace: no BPF ring buffer (switched off by --without); leave that option "
		 "out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan plan = plan_of(cases[i].absent, PACKETS_TC, false);

		assert_string_equal(plan.refusal, cases[i].refusal);
	}
}

static void facts_without_their_tracepoint(void **state)
{
	static const struct absent bare[ABSENT_MAX] = {
		{FEATURE_SEND_RESET, "this kernel has no such tracepoint"},
		{FEATURE_RESET_REASON, "needs send-reset"},
		{FEATURE_RECEIVE_RESET, "this kernel has no such tracepoint"},
		{FEATURE_ACCEPT_TRACEPOINT, "no syscall events"},
		{FEATURE_SOCK_DIAG, "module tcp_diag is neither loaded nor loadable"},
		{FEATURE_DESTROY, "this kernel has no such tracepoint"},
		{FEATURE_TIMER_EXPIRE, "addresses are hidden"},
		{FEATURE_FENTRY, "refused"},
	};
	struct plan plan = plan_of(bare, PACKETS_TC, false);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_row(
		&plan, FACT_RESET_SENT, "RST segments only",
		"reset-reason: needs send-reset; send-reset: this kernel has no such tracepoint");
	assert_row(&plan, FACT_OWNER_ACCEPT, "who closes it, or holds its descriptor",
		   "fentry: refused; accept-tracepoint: no syscall events");
	assert_row(&plan, FACT_OWNER_OLDER, "/proc/net/tcp",
		   "sock-diag: module tcp_diag is neither loaded nor loadable");
	assert_row(&plan, FACT_MINI_SOCKET_END, "segments only",
		   "fentry: refused; timer-expire: addresses are hidden");
	assert_row(&plan, FACT_MINI_SOCKET_REMOVAL, "the next socket, sock_diag",
		   "fentry: refused; timer-expire: addresses are hidden");
	assert_row(&plan, FACT_MINI_SOCKET_RESTART, "FIN segments only", "fentry: refused");
	assert_false(plan.send_reset || plan.receive_reset || plan.accept || plan.graft ||
		     plan.snapshot || plan.destroy || plan.timer_expire);

	plan = plan_of(bare, PACKETS_NONE, true);
	assert_null(plan.rows[FACT_RESET_SENT].mechanism);
	assert_null(plan.rows[FACT_MINI_SOCKET_END].mechanism);
	assert_null(plan.rows[FACT_MINI_SOCKET_RESTART].mechanism);
}

static void mini_sockets_without_fentry(void **state)
{
	static const struct absent no_fentry[ABSENT_MAX] = {
		{FEATURE_FENTRY, "refused: Operation not permitted"},
		{FEATURE_TW_BEGIN, "needs fentry"},
		{FEATURE_TW_RESTART, "needs fentry"},
		{FEATURE_TW_EXPIRE, "needs fentry"},
		{FEATURE_TW_KILL, "needs fentry"},
		{FEATURE_ABORT, "needs fentry"},
	};
	static const char why[] = "fentry: refused: Operation not permitted";
	struct plan plan = plan_of(no_fentry, PACKETS_TC, false);

	(void)state;
	assert_row(&plan, FACT_MINI_SOCKET_START, "sock:inet_sock_set_state", why);
	assert_row(&plan, FACT_MINI_SOCKET_RESTART, "FIN segments only", why);
	assert_row(&plan, FACT_MINI_SOCKET_END, "timer:timer_expire_entry", why);
	assert_row(&plan, FACT_MINI_SOCKET_REMOVAL, "the next socket, sock_diag", why);
	assert_true(plan.timer_expire);
	assert_false(plan.tw_begin || plan.tw_restart || plan.tw_expire || plan.tw_kill ||
		     plan.abort);
}

static void mini_sockets_where_a_function_is_another(void **state)
{
	static const struct absent no_handler[ABSENT_MAX] = {
		{FEATURE_TW_EXPIRE, "this kernel's tw_timer_handler is another or not there"},
		{FEATURE_ABORT, "this kernel's tcp_abort is another or not there"},
	};
	static const struct absent no_end[ABSENT_MAX] = {
		{FEATURE_TW_EXPIRE, "not there"},
		{FEATURE_TIMER_EXPIRE, "addresses are hidden"},
	};
	struct plan plan = plan_of(no_handler, PACKETS_TC, false);

	(void)state;
	assert_row(&plan, FACT_MINI_SOCKET_END, "timer:timer_expire_entry",
		   "tw-expire: this kernel's tw_timer_handler is another or not there");
	assert_row(&plan, FACT_MINI_SOCKET_REMOVAL, "fentry:inet_twsk_kill", "");
	assert_true(plan.timer_expire && plan.tw_kill && plan.tw_begin);
	assert_false(plan.tw_expire || plan.abort);

	/* Then every end would look like an early one. */
	plan = plan_of(no_end, PACKETS_TC, false);
	assert_row(&plan, FACT_MINI_SOCKET_REMOVAL, "the next socket, sock_diag",
		   "tw-expire: not there; timer-expire: addresses are hidden");
	assert_false(plan.tw_kill || plan.abort || plan.timer_expire);
}

static void explain_is_a_table(void **state)
{
	static const char text[] =
		"FACT                          BY                                    NOT\n"
		"states of sockets             sock:inet_sock_set_state\n"
		"which socket is which         our own count of sockets              "
		"socket-cookie: "
		"needs Linux 5.12\n"
		"owner, connecting             current task at CLOSED to SYN_SENT\n"
		"owner, accepting              fentry:security_sock_graft\n"
		"older than the tracer         sock_diag\n"
		"RST sent                      tcp:tcp_send_reset, without a reason  reset-reason: "
		"needs Linux 6.10\n"
		"RST received                  tcp:tcp_receive_reset\n"
		"FIN sent again                tcp:tcp_retransmit_skb\n"
		"end of a socket               tcp:tcp_destroy_sock\n"
		"memory of sockets             map of a fixed size                   map-grows: "
		"needs Linux 6.1\n"
		"start of a mini-socket        fentry:tcp_time_wait\n"
		"restart of TIME_WAIT          fentry:__inet_twsk_schedule\n"
		"end of TIME_WAIT, of orphans  fentry:tw_timer_handler\n"
		"early end of TIME_WAIT        fentry:inet_twsk_kill\n"
		"who holds a socket            iter/task_file\n"
		"other network namespaces      setns()\n"
		"new interfaces there          netlink\n"
		"segments received             clsact ingress                        tcx: needs "
		"Linux "
		"6.6\n"
		"segments sent                 clsact egress                         tcx: needs "
		"Linux "
		"6.6\n"
		"\n"
		"ONCE ATTACHED, KEEPS    FOR\n"
		"CAP_BPF                 what the programs in the kernel count and keep\n"
		"CAP_NET_ADMIN           interfaces that come, filters that go\n"
		"CAP_SYS_ADMIN           other network namespaces, or in place of a lesser one\n"
		"CAP_SYS_PTRACE          processes: their sockets, namespaces and code\n"
		"CAP_DAC_READ_SEARCH     descriptors of others, paths of cgroups, programs\n"
		"\n";
	struct plan plan = plan_of(linux_5_10, PACKETS_TC, false);
	struct buffer out;

	(void)state;
	buffer_init(&out);
	plan_explain(&plan, &out);
	buffer_add_char(&out, '\0');
	assert_false(out.failed);
	assert_string_equal(out.data, text);

	buffer_clear(&out);
	plan = plan_of(no_tc, PACKETS_TC, true);
	plan_explain(&plan, &out);
	buffer_add_char(&out, '\0');
	assert_non_null(strstr(out.data, "\nsegments sent                 -     "));
	assert_non_null(strstr(out.data, "\ncannot read segments with --packets tc: "));
	buffer_done(&out);
}

/* As features_detect() finds it with these capabilities alone, where fentry and the list of
 * descriptors are refused. */
static struct features recorded_with(uint64_t held)
{
	static const struct {
		enum feature feature;
		uint64_t needed;
		const char *reason;
	} needs[] = {
		{FEATURE_TCX, PRIVILEGE(NET_ADMIN), "without CAP_NET_ADMIN"},
		{FEATURE_CLSACT, PRIVILEGE(NET_ADMIN), "without CAP_NET_ADMIN"},
		{FEATURE_XDP, PRIVILEGE(NET_ADMIN), "without CAP_NET_ADMIN"},
		{FEATURE_TIMER_EXPIRE, PRIVILEGE(SYSLOG), "without CAP_SYSLOG"},
		{FEATURE_ALL_PROCESSES, PRIVILEGE(SYS_PTRACE) | PRIVILEGE(DAC_READ_SEARCH),
		 "without some"},
		{FEATURE_NAMESPACES, PRIVILEGE(SYS_ADMIN), "without CAP_SYS_ADMIN"},
		{FEATURE_LINK_NEWS, PRIVILEGE(NET_BROADCAST), "without CAP_NET_BROADCAST"},
	};
	static const struct absent refused[ABSENT_MAX] = {{FEATURE_FENTRY, "refused"},
							  {FEATURE_TASK_FILES, "refused"}};
	struct features features = recorded(refused);

	features.privileges = held;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		features.lacking[needs[i].feature] = needs[i].needed & ~held;
		features.has[needs[i].feature] = !features.lacking[needs[i].feature];
		snprintf(features.reason[needs[i].feature], sizeof(features.reason[0]), "%s",
			 needs[i].reason);
	}
	return features;
}

static struct plan plan_with(uint64_t held, const struct plan_request *request)
{
	struct features features = recorded_with(held);

	return plan_make(&features, request);
}

#define LEAST (PRIVILEGE(BPF) | PRIVILEGE(PERFMON) | PRIVILEGE(NET_ADMIN))

static void what_capabilities_are_missing_for(void **state)
{
	struct plan_request request = {.packets = PACKETS_TC};
	struct plan plan = plan_with(LEAST, &request);

	(void)state;
	assert_string_equal(plan.refusal, "");
	assert_true(plan.packets);
	assert_string_equal(
		plan.notice,
		"without CAP_SYSLOG less is known of: end of TIME_WAIT, of orphans; without "
		"CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE less is known of: who holds a socket; "
		"without CAP_SYS_ADMIN less is known of: other network namespaces");
	assert_row(&plan, FACT_NAMESPACES, "our own only", "namespaces: without CAP_SYS_ADMIN");
	assert_row(&plan, FACT_LINK_NEWS, NULL, "");

	plan = plan_with(LEAST & ~PRIVILEGE(NET_ADMIN), &request);
	assert_string_equal(plan.refusal, "");
	assert_false(plan.packets);
	assert_non_null(strstr(plan.notice, "segments will not be seen, states only: tcx: without "
					    "CAP_NET_ADMIN"));
	request.packets_asked = true;
	plan = plan_with(LEAST & ~PRIVILEGE(NET_ADMIN), &request);
	assert_non_null(strstr(plan.refusal, "without CAP_NET_ADMIN"));

	/* Nobody misses what nobody asked for. */
	request = (struct plan_request){.counting = true, .own_namespace = true};
	plan = plan_with(LEAST | PRIVILEGE(SYSLOG), &request);
	assert_string_equal(plan.notice, "");
	plan = plan_with(UINT64_MAX & ~PRIVILEGE(NET_BROADCAST), &(struct plan_request){});
	assert_string_equal(plan.notice,
			    "without CAP_NET_BROADCAST less is known of: new interfaces there");
}

static void what_is_kept(void **state)
{
	uint64_t owners = PRIVILEGE(SYS_PTRACE) | PRIVILEGE(DAC_READ_SEARCH);
	uint64_t reader = PRIVILEGE(SYS_CHROOT) | PRIVILEGE(CHECKPOINT_RESTORE);
	const struct {
		uint64_t held;
		struct plan_request request;
		uint64_t kept;
	} cases[] = {
		{UINT64_MAX,
		 {.packets = PACKETS_TC},
		 PRIVILEGE(BPF) | PRIVILEGE(NET_ADMIN) | PRIVILEGE(SYS_ADMIN) | owners},
		{UINT64_MAX,
		 {.packets = PACKETS_TC, .own_namespace = true},
		 PRIVILEGE(BPF) | PRIVILEGE(NET_ADMIN) | owners},
		{UINT64_MAX,
		 {.packets = PACKETS_NONE, .own_namespace = true},
		 PRIVILEGE(BPF) | owners},
		{UINT64_MAX,
		 {.packets = PACKETS_NONE, .own_namespace = true, .origins = true},
		 PRIVILEGE(BPF) | owners | reader},
		{UINT64_MAX,
		 {.packets = PACKETS_NONE, .own_namespace = true, .counting = true},
		 PRIVILEGE(BPF)},
		{UINT64_MAX,
		 {.packets = PACKETS_NONE, .counting = true},
		 PRIVILEGE(BPF) | PRIVILEGE(SYS_ADMIN) | PRIVILEGE(SYS_PTRACE)},
		{LEAST, {.packets = PACKETS_TC}, PRIVILEGE(BPF) | PRIVILEGE(NET_ADMIN)},
		{PRIVILEGE(SYS_ADMIN),
		 {.packets = PACKETS_NONE, .own_namespace = true},
		 PRIVILEGE(SYS_ADMIN)},
		{LEAST | PRIVILEGE(DAC_OVERRIDE),
		 {.packets = PACKETS_NONE},
		 PRIVILEGE(BPF) | PRIVILEGE(DAC_OVERRIDE)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(plan_with(cases[i].held, &cases[i].request).kept, cases[i].kept);
}

static void features_have_names(void **state)
{
	(void)state;
	for (int feature = 0; feature < FEATURES; feature++) {
		assert_non_null(feature_meaning((enum feature)feature));
		assert_int_equal(feature_find(feature_name((enum feature)feature)), feature);
	}
	assert_int_equal(feature_find("nonsense"), FEATURES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_kernel_takes_the_best_of_all),
		cmocka_unit_test(origins_by_function_or_by_system_call),
		cmocka_unit_test(holders_by_list_or_by_walk),
		cmocka_unit_test(linux_6_1_falls_back_to_clsact),
		cmocka_unit_test(linux_5_10_counts_sockets_itself),
		cmocka_unit_test(xdp_takes_ingress_and_leaves_egress_to_tc),
		cmocka_unit_test(no_packets_asked_for_is_no_loss),
		cmocka_unit_test(default_segments_are_skipped_with_a_word),
		cmocka_unit_test(segments_asked_for_are_refused),
		cmocka_unit_test(without_the_needed_it_refuses),
		cmocka_unit_test(facts_without_their_tracepoint),
		cmocka_unit_test(mini_sockets_without_fentry),
		cmocka_unit_test(mini_sockets_where_a_function_is_another),
		cmocka_unit_test(explain_is_a_table),
		cmocka_unit_test(what_capabilities_are_missing_for),
		cmocka_unit_test(what_is_kept),
		cmocka_unit_test(features_have_names),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

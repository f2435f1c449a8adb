// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/snapshot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/clock.h"
#include "kernel/namespaces.h"

/* include/net/tcp_states.h */
enum {
	ESTABLISHED = 1,
	SYN_SENT = 2,
	FIN_WAIT1 = 4,
	FIN_WAIT2 = 5,
	TIME_WAIT = 6,
	CLOSE_WAIT = 8,
	LAST_ACK = 9,
	LISTEN = 10,
	CLOSING = 11,
};
#define MAX_ERRNO 4095 /* include/linux/err.h */
#define STATES 32      /* as many as a bit set of them has room for */

/* idiag_timer and its counterpart in /proc/net/tcp: the time of a mini-socket. */
#define TIMER_TIME_WAIT 3

struct snapshot;

/* A socket as the kernel lists it. */
struct listed {
	const struct snapshot *snapshot;
	struct state_record record;
	int64_t left;    /* of a mini-socket's time, ms; of others: -1 */
	uint32_t queued; /* not read by the program */
	uint64_t since;  /* the last segment that brought an acknowledgement or data */
};

struct snapshot {
	const struct snapshot_request *request;
	/* One of them. */
	snapshot_each each;
	snapshot_each_close_wait each_close_wait;
	void *context;
	struct snapshot_result *result;
	uint32_t netns; /* being read */
	uint64_t read;  /* when its last message was */
	int stopped;    /* the negative result of each() */
};

static void fill_context(struct state_record *record)
{
	unsigned int sent_fin = 1u << FIN_WAIT1 | 1u << FIN_WAIT2 | 1u << LAST_ACK | 1u << CLOSING;
	unsigned int fin_seen = 1u << CLOSE_WAIT | 1u << LAST_ACK | 1u << CLOSING;

	record->context = CONTEXT_SNAPSHOT;
	if (1u << record->to & fin_seen)
		record->context |= CONTEXT_FIN_SEEN;
	/* Before accept() there is no file either, but then no FIN was sent. */
	if (!record->inode)
		record->context |= CONTEXT_NO_SOCKET;
	if (!record->inode && 1u << record->to & sent_fin)
		record->context |= CONTEXT_ORPHAN;
}

static void map_ipv4(__u8 address[16], const void *ipv4)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, ipv4, 4);
}

static uint32_t states_of(unsigned int contents)
{
	uint32_t states = 0;

	if (contents & SNAPSHOT_SOCKETS)
		states |= 1u << ESTABLISHED | 1u << SYN_SENT | 1u << FIN_WAIT1 | 1u << FIN_WAIT2 |
			  1u << CLOSE_WAIT | 1u << LAST_ACK | 1u << CLOSING;
	if (contents & SNAPSHOT_MINI_SOCKETS)
		states |= 1u << TIME_WAIT | 1u << FIN_WAIT2;
	if (contents & SNAPSHOT_LISTENERS)
		states |= 1u << LISTEN;
	return states;
}

static int pass(struct snapshot *snapshot, struct record *record, uint16_t kind, size_t length)
{
	int result;

	record->kind = kind;
	record->length = (uint16_t)length;
	record->time = snapshot->request->time;
	record->netns = snapshot->netns;
	result = snapshot->each(snapshot->context, record);
	snapshot->stopped = result < 0 ? result : 0;
	return snapshot->stopped;
}

static int pass_close_wait(struct snapshot *snapshot, const struct listed *listed)
{
	const struct state_record *record = &listed->record;
	const struct close_wait_found found = {
		.flow = record->header.flow,
		.netns = snapshot->netns,
		.socket = record->socket,
		.cgroup = record->cgroup,
		.by = listed->since,
		.inode = record->inode,
		.uid = record->uid,
		.queued = listed->queued,
	};
	int result = snapshot->each_close_wait(snapshot->context, &found);

	snapshot->stopped = result < 0 ? result : 0;
	return snapshot->stopped;
}

static int pass_records(struct snapshot *snapshot, struct listed *listed)
{
	struct state_record *record = &listed->record;
	struct time_wait_record found = {
		.header.flow = record->header.flow,
		.socket = record->socket,
		.timeout_ms = (uint32_t)listed->left,
		.event = TIME_WAIT_FOUND,
		.substate = record->to,
	};
	int stopped = 0;

	if (record->to == LISTEN ||
	    (snapshot->request->contents & SNAPSHOT_SOCKETS && record->to != TIME_WAIT)) {
		record->from = record->to;
		fill_context(record);
		stopped = pass(snapshot, &record->header, RECORD_STATE, sizeof(*record));
	}
	if (!stopped && listed->left >= 0 && snapshot->request->contents & SNAPSHOT_MINI_SOCKETS)
		stopped = pass(snapshot, &found.header, RECORD_TIME_WAIT, sizeof(found));
	return stopped;
}

static int pass_listed(struct snapshot *snapshot, struct listed *listed)
{
	snapshot->result->sockets++;
	return snapshot->each_close_wait ? pass_close_wait(snapshot, listed)
					 : pass_records(snapshot, listed);
}

static uint32_t states_wanted(const struct snapshot *snapshot)
{
	return snapshot->each_close_wait ? 1u << CLOSE_WAIT
					 : states_of(snapshot->request->contents);
}

/* Not before it came, as the kernel's answer has been read since it was made. Both are counted in
 * ticks and ms that have begun. */
static uint64_t last_segment(const struct snapshot *snapshot, const struct tcp_info *info)
{
	uint64_t ack = info->tcpi_last_ack_recv, data = info->tcpi_last_data_recv;
	uint64_t ns = (ack < data ? ack : data) * 1000000, tick = 1000000000 / clock_hz() + 1000000;

	return ns > tick && ns - tick < snapshot->read ? snapshot->read - (ns - tick)
						       : snapshot->read;
}

/* Kernels differ in how much of tcp_info they know: what is missing stays 0. */
static void fill_counters(struct listed *listed, const struct nlattr *attribute)
{
	struct state_record *record = &listed->record;
	struct tcp_info info = {};
	size_t length = mnl_attr_get_payload_len(attribute);

	memcpy(&info, mnl_attr_get_payload(attribute),
	       length < sizeof(info) ? length : sizeof(info));
	record->bytes_sent = info.tcpi_bytes_sent;
	record->bytes_retrans = info.tcpi_bytes_retrans;
	record->bytes_acked = info.tcpi_bytes_acked;
	record->bytes_received = info.tcpi_bytes_received;
	record->retransmits = info.tcpi_retransmits;
	record->snd_wscale = info.tcpi_snd_wscale;
	record->rcv_wscale = info.tcpi_rcv_wscale;
	listed->since = last_segment(listed->snapshot, &info);
}

static int fill_attribute(const struct nlattr *attribute, void *context)
{
	struct listed *listed = context;
	struct state_record *record = &listed->record;

	switch (mnl_attr_get_type(attribute)) {
	case INET_DIAG_INFO:
		fill_counters(listed, attribute);
		break;
	case INET_DIAG_SHUTDOWN:
		record->shutdown = mnl_attr_get_u8(attribute);
		break;
	case INET_DIAG_CGROUP_ID:
		record->cgroup = mnl_attr_get_u64(attribute);
		break;
	}
	return MNL_CB_OK;
}

static int take_message(const struct nlmsghdr *header, void *context)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	const struct snapshot *snapshot = context;
	struct listed listed = {.snapshot = snapshot, .left = -1, .since = snapshot->read};
	struct state_record *record = &listed.record;
	struct flow *flow = &record->header.flow;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message) || message->idiag_state >= STATES)
		return MNL_CB_OK;
	record->socket = (__u64)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0];
	record->inode = message->idiag_inode;
	record->uid = message->idiag_uid;
	record->to = message->idiag_state;
	listed.queued = message->idiag_rqueue;
	if (message->idiag_family == AF_INET6) {
		memcpy(flow->local, message->id.idiag_src, 16);
		memcpy(flow->remote, message->id.idiag_dst, 16);
	} else {
		map_ipv4(flow->local, message->id.idiag_src);
		map_ipv4(flow->remote, message->id.idiag_dst);
	}
	flow->local_port = ntohs(message->id.idiag_sport);
	flow->remote_port = ntohs(message->id.idiag_dport);
	mnl_attr_parse(header, sizeof(*message), fill_attribute, &listed);
	if (message->idiag_timer == TIMER_TIME_WAIT)
		listed.left = message->idiag_expires;
	return pass_listed(context, &listed) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static int take_result(int error)
{
	if (error >= 0)
		return MNL_CB_STOP;
	errno = error < -MAX_ERRNO ? EBADMSG : -error;
	return MNL_CB_ERROR;
}

/* A dump that fails midway says so in its last message, which libmnl takes for a success. */
static int take_done(const struct nlmsghdr *header, void *context)
{
	int error = 0;

	(void)context;
	if (mnl_nlmsg_get_payload_len(header) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
	return take_result(error);
}

static int take_error(const struct nlmsghdr *header, void *context)
{
	const struct nlmsgerr *message = mnl_nlmsg_get_payload(header);

	(void)context;
	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message))
		return take_result(-EBADMSG);
	return take_result(message->error);
}

/* In its older form, which asks for both families at once: the kernel walks its table, in which the
 * sockets of all namespaces are, once for each request. */
static int diag_request(struct mnl_socket *socket, uint32_t states)
{
	char buffer[NLMSG_ALIGN(sizeof(struct nlmsghdr)) + sizeof(struct inet_diag_req)];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));

	header->nlmsg_type = TCPDIAG_GETSOCK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	request->idiag_states = states;
	return mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}

static int diag_read(struct mnl_socket *socket, struct snapshot *snapshot)
{
	/* Takes the place of libmnl's own, also where it has no entry. */
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = take_error,
		[NLMSG_DONE] = take_done,
	};
	_Alignas(struct nlmsghdr) char buffer[1 << 15]; /* no dump message is larger */
	int result = MNL_CB_OK;

	while (result == MNL_CB_OK) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		snapshot->read = clock_boot();
		result = mnl_cb_run2(buffer, (size_t)length, 0, 0, take_message, snapshot, control,
				     NLMSG_MIN_TYPE);
		if (result < 0)
			return snapshot->stopped ? snapshot->stopped : -errno;
	}
	return 0;
}

/* Asks over a socket of the namespace that is meant; takes over the descriptor. */
static int diag_dump(int descriptor, uint32_t states, struct snapshot *snapshot)
{
	struct mnl_socket *socket = mnl_socket_fdopen(descriptor);
	int error = 0;

	if (!socket) {
		close(descriptor);
		return -ENOMEM;
	}
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		error = -errno;
	else
		error = diag_request(socket, states);
	if (!error)
		error = diag_read(socket, snapshot);
	mnl_socket_close(socket);
	return error;
}

static int diag_socket(void)
{
	int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return descriptor < 0 ? -errno : descriptor;
}

int snapshot_probe(void)
{
	struct snapshot snapshot = {};
	int descriptor = diag_socket();

	/* Of no state there is no socket: the answer is empty or an error. */
	return descriptor < 0 ? descriptor : diag_dump(descriptor, 0, &snapshot);
}

/* "0100007F" or four of these: words as the machine sees the bytes of the network. */
static bool parse_address(__u8 address[16], const char *text, size_t digits)
{
	__u8 bytes[16];

	if (digits != 8 && digits != 32)
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		char part[9] = "";
		uint32_t word;

		memcpy(part, text + i * 8, 8);
		word = (uint32_t)strtoul(part, NULL, 16);
		memcpy(bytes + i * 4, &word, 4);
	}
	if (digits == 8)
		map_ipv4(address, bytes);
	else
		memcpy(address, bytes, 16);
	return true;
}

/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 12345 ..." */
static bool parse_line(const char *line, struct listed *listed)
{
	struct state_record *record = &listed->record;
	struct flow *flow = &record->header.flow;
	unsigned int local_port, remote_port, state, timer, ticks;
	char local[33], remote[33];

	if (sscanf(line, " %*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %*x:%x %x:%x %*x %u %*u %u", local,
		   &local_port, remote, &remote_port, &state, &listed->queued, &timer, &ticks,
		   &record->uid, &record->inode) != 10)
		return false;
	listed->left = timer == TIMER_TIME_WAIT ? (int64_t)ticks * 1000 / sysconf(_SC_CLK_TCK) : -1;
	flow->local_port = (__u16)local_port;
	flow->remote_port = (__u16)remote_port;
	record->to = (__u8)state;
	return state < STATES && parse_address(flow->local, local, strlen(local)) &&
	       parse_address(flow->remote, remote, strlen(remote));
}

static int read_table(FILE *file, struct snapshot *snapshot)
{
	char line[512];

	while (!snapshot->stopped && fgets(line, sizeof(line), file)) {
		struct listed listed = {.since = clock_boot()};

		if (parse_line(line, &listed) && 1u << listed.record.to & states_wanted(snapshot))
			pass_listed(snapshot, &listed);
	}
	return snapshot->stopped;
}

static int read_tables(FILE *const files[2], struct snapshot *snapshot)
{
	int error = files[0] ? 0 : -ENOENT;

	for (int i = 0; i < 2; i++) {
		if (files[i] && !error)
			error = read_table(files[i], snapshot);
		if (files[i])
			fclose(files[i]);
	}
	return error;
}

/* What is opened in a namespace stays in it: only the opening needs us to be there. */
static int snapshot_namespace(struct snapshot *snapshot, int namespace)
{
	bool diag = snapshot->request->sock_diag;
	FILE *files[2] = {};
	int descriptor = -1, error;
	int home = namespaces_enter(namespace);

	if (home < 0)
		return home;
	if (diag) {
		descriptor = diag_socket();
	} else {
		files[0] = fopen("/proc/thread-self/net/tcp", "re");
		files[1] = fopen("/proc/thread-self/net/tcp6", "re"); /* not without IPv6 */
	}
	error = namespaces_leave(home);
	if (error)
		snapshot->stopped = error;
	if (!diag)
		return read_tables(files, snapshot);
	return descriptor < 0 ? descriptor
			      : diag_dump(descriptor, states_wanted(snapshot), snapshot);
}

static int visit(void *context, uint32_t netns, int descriptor)
{
	struct snapshot *snapshot = context;
	int error;

	if (snapshot->request->netns && netns != snapshot->request->netns)
		return 0;
	snapshot->netns = netns;
	error = snapshot_namespace(snapshot, descriptor);
	snapshot->result->namespaces++;
	if (error && !snapshot->stopped) {
		snapshot->result->unread++;
		if (!snapshot->result->error)
			snapshot->result->error = error;
	}
	return snapshot->stopped;
}

static int take_all(struct snapshot *snapshot)
{
	*snapshot->result = (struct snapshot_result){};
	return namespaces_walk(visit, snapshot);
}

int snapshot_take(const struct snapshot_request *request, snapshot_each each, void *context,
		  struct snapshot_result *result)
{
	struct snapshot snapshot = {
		.request = request, .each = each, .context = context, .result = result};

	return take_all(&snapshot);
}

int snapshot_close_wait(const struct snapshot_request *request, snapshot_each_close_wait each,
			void *context, struct snapshot_result *result)
{
	struct snapshot snapshot = {
		.request = request, .each_close_wait = each, .context = context, .result = result};

	return take_all(&snapshot);
}

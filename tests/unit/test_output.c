// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Each story of a close in each format against its file in tests/unit/golden, byte by byte. After
 * a change that was meant: GOLDEN=write build/tests/unit/test_output, and read the diff.
 * To be run from the top of the tree.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "core/inference.h"
#include "golden.h"
#include "output/output.h"

#define START 100000000000000ull /* boot clock of the first event */
#define WALL (1795172743123456789ll - (int64_t)START)
#define US 1000ull
#define MS 1000000ull
#define SECOND 1000000000ull

#define F SEGMENT_FIN
#define A SEGMENT_ACK
#define R SEGMENT_RST
#define P SEGMENT_PSH

#define CGROUP_USER 1
#define CGROUP_NGINX 2
#define CGROUP_DOCKER 3
#define CGROUP_HOSTILE 4
#define INTERFACE_LO 1
#define INTERFACE_UNKNOWN 77

struct story {
	struct connection_view view;
	struct segment segments[16];
	struct state_change states[2][12];
	struct teardown_report reports[2];
	unsigned int report_count;
	struct output_options options;
};

static const char *interface_name(void *context, uint32_t netns, uint32_t interface)
{
	(void)context;
	(void)netns;
	return interface == INTERFACE_UNKNOWN ? NULL : interface == INTERFACE_LO ? "lo" : "eth0";
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	static const char *const paths[] = {
		[CGROUP_USER] = "/user.slice",
		[CGROUP_NGINX] = "/system.slice/nginx.service",
		[CGROUP_DOCKER] =
			"/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcd"
			"ef0123456789abcdef.scope",
		[CGROUP_HOSTILE] =
			"/system.slice/a-very-long-name-of-a-slice.slice/\033]0;owned\007",
	};

	(void)context;
	return cgroup < sizeof(paths) / sizeof(paths[0]) ? paths[cgroup] : NULL;
}

static const char *reset_reason(void *context, uint32_t reason)
{
	(void)context;
	return reason == 7 ? "TCP_ABORT_ON_CLOSE" : NULL;
}

static void set_address(uint8_t address[16], const char *hex)
{
	for (unsigned int i = 0; i < 16; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};

		address[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

#define V4_A "00000000000000000000ffff0a000005"
#define V4_B "00000000000000000000ffff0a000009"
#define V4_LO "00000000000000000000ffff7f000001"
#define V6_A "20010db8aaaabbbbccccddddeeee1111"
#define V6_B "20010db8aaaabbbbccccddddeeee2222"

static void set_end(struct story *story, unsigned int end, const char *address, uint16_t port,
		    uint32_t isn)
{
	set_address(story->view.ends[end].address, address);
	story->view.ends[end].port = port;
	story->view.ends[end].isn = isn;
	story->view.ends[end].has_isn = isn != 0;
}

static struct story *story_new(const char *local, const char *remote)
{
	struct story *story = calloc(1, sizeof(*story));

	assert_non_null(story);
	story->view.id[0] = 0x00112233445566ff;
	story->view.id[1] = 0x8899aabbccddeeff;
	story->view.segments = story->segments;
	for (unsigned int i = 0; i < 2; i++)
		story->view.ends[i].states = story->states[i];
	set_end(story, 0, local, 52344, 4294967200u);
	set_end(story, 1, remote, 80, 1000);
	story->options = (struct output_options){
		.wall_offset = WALL,
		.lookup = {.interface_name = interface_name,
			   .cgroup_path = cgroup_path,
			   .reset_reason = reset_reason},
	};
	return story;
}

static struct socket_facts *add_socket(struct story *story, unsigned int end, uint32_t pid,
				       const char *comm, enum close_how how)
{
	struct connection_end *ends = story->view.ends;
	struct socket_facts *socket = &ends[end].socket;

	ends[end].has_socket = true;
	*socket = (struct socket_facts){
		.id = 100 + end,
		.cgroup = end ? CGROUP_NGINX : CGROUP_USER,
		.born = START - 3200 * MS,
		.netns = 4026531840,
		.uid = 1000,
		.role = end ? ROLE_SERVER : ROLE_CLIENT,
		.over = true,
		.owner = {.pid = pid, .how = end ? OWNER_ACCEPT : OWNER_CONNECT},
		.close_how = how,
		.snd_wscale = 7,
		.rcv_wscale = 8,
		.reset_reason = RESET_REASON_NONE,
		.flow = {.local_port = ends[end].port, .remote_port = ends[!end].port},
	};
	memcpy(socket->flow.local, ends[end].address, 16);
	memcpy(socket->flow.remote, ends[!end].address, 16);
	memcpy(socket->owner.comm, comm, strnlen(comm, RECORD_COMM_LENGTH));
	if (how != CLOSE_NONE) {
		socket->close_task.pid = pid;
		socket->close_task.tid = pid + 1;
		memcpy(socket->close_task.comm, comm, strnlen(comm, RECORD_COMM_LENGTH));
	}
	return socket;
}

static void add_state(struct story *story, unsigned int end, uint64_t time, enum tcp_state from,
		      enum tcp_state to)
{
	story->states[end][story->view.ends[end].state_count++] = (struct state_change){
		.time = START + time,
		.from = (uint8_t)from,
		.to = (uint8_t)to,
		.observed = true,
	};
}

/* seq and ack are relative. */
static struct segment *add_segment(struct story *story, uint64_t time, uint8_t sender,
				   unsigned int flags, uint32_t seq, uint32_t ack)
{
	struct segment *segment = &story->segments[story->view.segment_count++];

	*segment = (struct segment){
		.time = START + time,
		.seq = seq + story->view.ends[sender].isn,
		.ack = flags & A ? ack + story->view.ends[!sender].isn : 0,
		.window = 502,
		.flags = (uint8_t)flags,
		.ttl = 64,
		.sender = sender,
		.acks = NO_SEGMENT,
		.sighting_count = 1,
		.sightings = {{.time = START + time,
			       .netns = 4026531840,
			       .interface = 2,
			       .hook = sender ? HOOK_TC_INGRESS : HOOK_TC_EGRESS}},
	};
	return segment;
}

static void acks(struct story *story, int16_t index)
{
	struct segment *segment = &story->segments[story->view.segment_count - 1];

	segment->acks = index;
	segment->ack_rtt = segment->time - story->segments[index].time;
}

static struct verdict *add_report(struct story *story, uint8_t local, enum close_kind kind,
				  enum closed_by by)
{
	struct teardown_report *report = &story->reports[story->report_count++];
	const struct connection_end *end = &story->view.ends[local];

	*report = (struct teardown_report){
		.time = START,
		.connection = &story->view,
		.local = local,
		.twin = story->view.ends[!local].has_socket,
		.twin_over = story->view.ends[!local].socket.over,
		.verdict = {.kind = kind,
			    .closed_by = by,
			    .reset_reason = RESET_REASON_NONE,
			    .evidence_count = 2,
			    .evidence = {EVIDENCE_SEGMENT | 0, 0}},
	};
	for (uint32_t i = 0; i + 1 < end->state_count; i++)
		report->durations[end->states[i].to] =
			end->states[i + 1].time - end->states[i].time;
	return &report->verdict;
}

/* The peer is not on this machine: its states are those that the segments tell. */
static void infer_remote(struct story *story)
{
	story->view.ends[1].state_count = infer_states(&story->view, 1, story->states[1], 12);
}

static void add_waves(struct story *story)
{
	for (uint8_t i = 0; i < 4; i++)
		story->segments[i].wave = (uint8_t)(i + 1);
}

static void add_active_close(struct story *story)
{
	add_state(story, 0, 0, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT1);
	add_segment(story, 12 * US, 0, F | A, 79, 9801);
	add_segment(story, 250 * US, 1, A, 9801, 80);
	acks(story, 0);
	add_state(story, 0, 251 * US, TCP_STATE_FIN_WAIT1, TCP_STATE_FIN_WAIT2);
	add_segment(story, 4120 * US, 1, F | A, 9801, 80);
	add_state(story, 0, 4121 * US, TCP_STATE_FIN_WAIT2, TCP_STATE_TIME_WAIT);
	add_segment(story, 4125 * US, 0, A, 80, 9802);
	acks(story, 2);
	add_waves(story);
}

static struct story *four_way(void)
{
	struct story *story = story_new(V4_A, V4_B);
	struct socket_facts *socket = add_socket(story, 0, 991, "curl", CLOSE_CALL);

	socket->bytes_sent = 78;
	socket->bytes_received = 9800;
	add_active_close(story);
	infer_remote(story);
	add_report(story, 0, KIND_FOUR_WAY, CLOSED_BY_LOCAL)->half_close_ns = 4108 * US;
	return story;
}

static struct story *four_way_raw(void)
{
	struct story *story = four_way();

	story->options.raw_seq = true;
	return story;
}

static struct story *three_way(void)
{
	struct story *story = story_new(V6_A, V6_B);
	struct socket_facts *socket = add_socket(story, 0, 812, "nginx", CLOSE_EXIT);

	socket->cgroup = CGROUP_DOCKER;
	socket->born = 0;
	socket->role = ROLE_SERVER;
	add_segment(story, 0, 1, F | A, 113, 539)->payload = 20;
	add_state(story, 0, 3 * US, TCP_STATE_ESTABLISHED, TCP_STATE_CLOSE_WAIT);
	add_state(story, 0, 800 * MS, TCP_STATE_CLOSE_WAIT, TCP_STATE_LAST_ACK);
	add_segment(story, 800 * MS + 10 * US, 0, F | P | A, 539, 134);
	acks(story, 0);
	add_segment(story, 830 * MS, 1, A, 134, 540);
	acks(story, 1);
	story->segments[0].wave = 1;
	story->segments[1].wave = 3;
	story->segments[2].wave = 4;
	add_state(story, 0, 830 * MS + 2 * US, TCP_STATE_LAST_ACK, TCP_STATE_CLOSED);
	socket->eof_read = true;
	infer_remote(story);
	add_report(story, 0, KIND_THREE_WAY, CLOSED_BY_PEER)->half_close_ns = 800 * MS;
	return story;
}

static void see_on_loopback(struct story *story)
{
	for (uint32_t i = 0; i < story->view.segment_count; i++) {
		struct segment *segment = &story->segments[i];

		segment->sighting_count = 2;
		segment->sightings[1] = segment->sightings[0];
		segment->sightings[0].hook = HOOK_TC_EGRESS;
		segment->sightings[0].interface = INTERFACE_LO;
		segment->sightings[1].hook = HOOK_TC_INGRESS;
		segment->sightings[1].interface = INTERFACE_LO;
		segment->sightings[1].time += US;
	}
}

static void add_passive_close(struct story *story)
{
	add_state(story, 1, 15 * US, TCP_STATE_ESTABLISHED, TCP_STATE_CLOSE_WAIT);
	add_state(story, 1, 4100 * US, TCP_STATE_CLOSE_WAIT, TCP_STATE_LAST_ACK);
	add_state(story, 1, 4130 * US, TCP_STATE_LAST_ACK, TCP_STATE_CLOSED);
}

/* The server's report comes first: the ladder is drawn from the client's side all the same. */
static struct story *both_local(void)
{
	struct story *story = story_new(V4_LO, V4_LO);

	add_socket(story, 0, 991, "curl", CLOSE_SHUTDOWN)->bytes_sent = 78;
	add_socket(story, 1, 812, "nginx", CLOSE_CALL)->bytes_received = 78;
	add_active_close(story);
	add_passive_close(story);
	see_on_loopback(story);
	add_report(story, 1, KIND_FOUR_WAY, CLOSED_BY_PEER)->half_close_ns = 4108 * US;
	story->reports[0].time += 12 * US;
	add_report(story, 0, KIND_FOUR_WAY, CLOSED_BY_LOCAL)->half_close_ns = 4108 * US;
	return story;
}

/* The same over two namespaces with NAT between. */
static struct story *both_local_nat(void)
{
	struct story *story = both_local();
	struct socket_facts *server = &story->view.ends[1].socket;

	server->netns = 4026532281;
	server->cgroup = CGROUP_DOCKER;
	set_address(server->flow.local, V4_B);
	set_address(server->flow.remote, V4_A);
	server->flow.local_port = 8080;
	server->flow.remote_port = 40001;
	return story;
}

/* The client is over and reported, the server much later: two ladders. */
static struct story *twin_later(void)
{
	struct story *story = story_new(V4_LO, V4_LO);
	struct verdict *verdict;

	add_socket(story, 0, 991, "curl", CLOSE_CALL);
	add_socket(story, 1, 812, "nginx", CLOSE_NONE)->over = false;
	add_state(story, 0, 0, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT1);
	add_segment(story, 10 * US, 0, F | A, 1, 1)->wave = 1;
	add_state(story, 1, 12 * US, TCP_STATE_ESTABLISHED, TCP_STATE_CLOSE_WAIT);
	add_segment(story, 14 * US, 1, A, 1, 2)->wave = 2;
	acks(story, 0);
	add_state(story, 0, 15 * US, TCP_STATE_FIN_WAIT1, TCP_STATE_FIN_WAIT2);
	add_state(story, 0, 60 * SECOND, TCP_STATE_FIN_WAIT2, TCP_STATE_CLOSED);
	verdict = add_report(story, 0, KIND_TIMEOUT, CLOSED_BY_LOCAL);
	verdict->cause = CAUSE_FIN_WAIT2_TIMEOUT;
	return story;
}

static struct story *simultaneous(void)
{
	struct story *story = story_new(V4_LO, V4_LO);

	add_socket(story, 0, 41, "left", CLOSE_CALL);
	add_socket(story, 1, 42, "right", CLOSE_CALL)->cgroup = CGROUP_USER;
	add_state(story, 0, 0, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT1);
	add_state(story, 1, 2 * US, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT1);
	add_segment(story, 5 * US, 0, F | A, 1, 1);
	add_segment(story, 6 * US, 1, F | A, 1, 1);
	add_state(story, 1, 8 * US, TCP_STATE_FIN_WAIT1, TCP_STATE_CLOSING);
	add_state(story, 0, 9 * US, TCP_STATE_FIN_WAIT1, TCP_STATE_CLOSING);
	add_segment(story, 10 * US, 0, A, 2, 2);
	acks(story, 1);
	add_segment(story, 11 * US, 1, A, 2, 2);
	acks(story, 0);
	add_state(story, 1, 12 * US, TCP_STATE_CLOSING, TCP_STATE_TIME_WAIT);
	add_state(story, 0, 13 * US, TCP_STATE_CLOSING, TCP_STATE_TIME_WAIT);
	add_waves(story);
	see_on_loopback(story);
	add_report(story, 0, KIND_SIMULTANEOUS, CLOSED_BY_BOTH)->half_close_ns = US;
	add_report(story, 1, KIND_SIMULTANEOUS, CLOSED_BY_BOTH)->half_close_ns = US;
	return story;
}

static struct story *reset_unread(void)
{
	struct story *story = story_new(V4_A, V4_B);
	struct socket_facts *socket = add_socket(story, 0, 0, "", CLOSE_CALL);
	struct verdict *verdict;

	socket->cgroup = 0;
	socket->close_task.pid = 77;
	memcpy(socket->close_task.comm, "reader", 7);
	socket->unread_bytes = 4321;
	socket->bytes_received = 999960;
	add_state(story, 0, 2 * US, TCP_STATE_ESTABLISHED, TCP_STATE_CLOSED);
	add_segment(story, 0, 0, R | A, 1, 1000000);
	infer_remote(story);
	story->segments[0].sightings[0].interface = INTERFACE_UNKNOWN;
	verdict = add_report(story, 0, KIND_RESET, CLOSED_BY_LOCAL);
	verdict->cause = CAUSE_UNREAD_DATA;
	verdict->has_reset = true;
	verdict->reset_sent = true;
	verdict->reset_reason = 7;
	return story;
}

static struct story *orphan_timeout(void)
{
	struct story *story = story_new(V4_A, V4_B);
	struct socket_facts *socket = add_socket(story, 0, 991, "curl", CLOSE_CALL);
	struct verdict *verdict;

	socket->expired = true;
	socket->born = START - 93784 * SECOND;
	add_state(story, 0, 0, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT1);
	add_segment(story, 12 * US, 0, F | A, 79, 9801)->wave = 1;
	add_segment(story, 250 * US, 1, A, 9801, 80)->wave = 2;
	acks(story, 0);
	add_state(story, 0, 251 * US, TCP_STATE_FIN_WAIT1, TCP_STATE_FIN_WAIT2);
	add_state(story, 0, 61440 * MS, TCP_STATE_FIN_WAIT2, TCP_STATE_CLOSED);
	infer_remote(story);
	verdict = add_report(story, 0, KIND_TIMEOUT, CLOSED_BY_LOCAL);
	verdict->cause = CAUSE_FIN_WAIT2_TIMEOUT;
	return story;
}

static struct story *fin_lost(void)
{
	struct story *story = story_new(V4_A, V4_B);
	struct socket_facts *socket = add_socket(story, 0, 991, "curl", CLOSE_CALL);

	socket->error = ETIMEDOUT;
	add_state(story, 0, 0, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT1);
	for (unsigned int i = 0; i < 3; i++) {
		struct segment *segment =
			add_segment(story, 12 * US + (i ? 200 * MS << i : 0), 0, F | A, 79, 9801);

		segment->wave = !i;
		segment->retransmission = i;
	}
	story->view.fin_retransmissions[0] = 2;
	socket->kernel_retransmissions = 8;
	add_state(story, 0, 12800 * MS, TCP_STATE_FIN_WAIT1, TCP_STATE_CLOSED);
	infer_remote(story);
	add_report(story, 0, KIND_TIMEOUT, CLOSED_BY_LOCAL)->cause = CAUSE_RETRANSMISSION;
	story->reports[0].incomplete = INCOMPLETE_LOST_RECORDS | INCOMPLETE_STOPPED;
	return story;
}

/* A CLOSE_WAIT older than the tracer, a peer that is gone: a verdict of little certainty. */
static struct story *started_late(void)
{
	struct story *story = story_new(V6_A, V4_B);
	struct socket_facts *socket = add_socket(story, 0, 5, "leaky", CLOSE_UNKNOWN);
	struct verdict *verdict;

	set_end(story, 1, V6_B, 80, 0);
	memcpy(socket->flow.remote, story->view.ends[1].address, 16);
	socket->started_late = true;
	socket->error = ECONNRESET;
	socket->born = 0;
	socket->snd_wscale = 0xff;
	socket->unread_bytes = 3;
	socket->close_task.pid = 0;
	socket->owner.how = OWNER_HOLDER;
	add_state(story, 0, 0, TCP_STATE_CLOSE_WAIT, TCP_STATE_LAST_ACK);
	add_segment(story, 5 * US, 0, F | A, 7, 3000000000u);
	add_segment(story, 30 * MS, 1, R, 3000000000u, 0)->ttl = 255;
	add_state(story, 0, 31 * MS, TCP_STATE_LAST_ACK, TCP_STATE_CLOSED);
	infer_remote(story);
	verdict = add_report(story, 0, KIND_RESET_AFTER_FIN, CLOSED_BY_PEER);
	verdict->inferred = true;
	verdict->half_close = true;
	verdict->has_reset = true;
	story->reports[0].incomplete = INCOMPLETE_STARTED_LATE;
	story->reports[0].durations[TCP_STATE_CLOSE_WAIT] = 7 * SECOND;
	return story;
}

static struct story *hostile(void)
{
	struct story *story = story_new(V4_A, V4_B);
	/* sixteen bytes without a terminator: escapes, quotes, a cut UTF-8 character */
	struct socket_facts *socket = add_socket(
		story, 0, 991, "\033[2J\"\\\r\n\xe2\x80\xae\xffz\xc3\xa9\xe2", CLOSE_CALL);

	socket->cgroup = CGROUP_HOSTILE;
	add_active_close(story);
	infer_remote(story);
	add_report(story, 0, KIND_FOUR_WAY, CLOSED_BY_LOCAL);
	return story;
}

static struct story *colored(void)
{
	struct story *story = reset_unread();

	story->options.color = true;
	return story;
}

static const struct core_stats stats = {
	.teardowns = 2,
	.unfinished = 1,
	.records = 18446744073709551615ull,
	.lost = {[RECORD_STATE] = 1, [RECORD_SEGMENT] = 2},
	.evicted = 3,
	.bad_records = 4,
	.unclaimed = 5,
	.late_segments = 6,
};

static void render(struct story *story, const char *format, struct output *output)
{
	*output = (struct output){
		.format = output_format_find(format),
		.options = story->options,
	};
	assert_non_null(output->format);
	buffer_init(&output->out);
	output->format->begin(output);
	for (unsigned int i = 0; i < story->report_count; i++)
		output->format->teardown(output, &story->reports[i]);
	output->format->end(output, &stats, 12345678901ull);
	assert_false(output->out.failed);
	buffer_add_char(&output->out, '\0');
	output->out.length--;
}

/* Nothing from outside may reach the terminal as it is, and lines must fit. */
static void check_lines(const struct buffer *out, size_t width)
{
	for (size_t start = 0; start < out->length;) {
		size_t length = strcspn(out->data + start, "\n");

		assert_true(start + length < out->length);
		for (size_t i = 0; i < length; i++)
			assert_true((unsigned char)out->data[start + i] >= ' ');
		assert_true(utf8_width(out->data + start, length) <= width);
		start += length + 1;
	}
}

static const struct {
	const char *name;
	struct story *(*make)(void);
	size_t width;
} stories[] = {
	{"four-way", four_way, 100},
	{"four-way-raw", four_way_raw, 100},
	{"three-way", three_way, 100},
	{"both-local", both_local, 100},
	{"both-local-nat", both_local_nat, 100},
	{"simultaneous", simultaneous, 100},
	{"reset-unread", reset_unread, 100},
	{"orphan-timeout", orphan_timeout, 100},
	{"fin-lost", fin_lost, 100},
	{"started-late", started_late, 100},
	{"hostile", hostile, 130},
};

static void stories_read_as_before(void **state)
{
	static const char *const formats[] = {"text", "table", "json"};

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		for (size_t j = 0; j < sizeof(formats) / sizeof(formats[0]); j++) {
			struct story *story = stories[i].make();
			struct output output;

			render(story, formats[j], &output);
			check_lines(&output.out, j ? SIZE_MAX : stories[i].width);
			golden_compare(stories[i].name, formats[j], &output.out);
			buffer_done(&output.out);
			free(story);
		}
	}
}

static void color_is_restrained(void **state)
{
	struct story *story = colored();
	struct output output;

	(void)state;
	render(story, "text", &output);
	golden_compare("colored", "text", &output.out);
	buffer_done(&output.out);
	free(story);
}

/* A twin that is over later has a ladder of its own, the one after it none. */
static void a_twin_over_later_has_its_own_ladder(void **state)
{
	struct story *story = twin_later();
	struct output output;
	struct verdict *verdict;

	(void)state;
	render(story, "text", &output);
	output.out.length = strlen(output.out.data);
	story->view.ends[1].socket.over = true;
	add_state(story, 1, 90 * SECOND, TCP_STATE_CLOSE_WAIT, TCP_STATE_LAST_ACK);
	add_segment(story, 90 * SECOND + 5 * US, 1, F | A, 1, 2)->wave = 3;
	add_segment(story, 90 * SECOND + 9 * US, 0, R, 2, 0);
	add_state(story, 1, 90 * SECOND + 12 * US, TCP_STATE_LAST_ACK, TCP_STATE_CLOSED);
	verdict = add_report(story, 1, KIND_RESET_AFTER_FIN, CLOSED_BY_PEER);
	verdict->cause = CAUSE_PEER_RESET;
	verdict->has_reset = true;
	for (unsigned int i = 0; i < 2; i++)
		output.format->teardown(&output, &story->reports[1]);
	buffer_add_char(&output.out, '\0');
	output.out.length--;
	golden_compare("twin-later", "text", &output.out);
	buffer_done(&output.out);
	free(story);
}

static void formats_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(output_format_find("text"), &output_timeline);
	assert_ptr_equal(output_format_find("table"), &output_table);
	assert_ptr_equal(output_format_find("json"), &output_json);
	assert_null(output_format_find("html"));
	assert_null(output_format_find(""));
}

/* A report with nothing in it, and no look-ups, must not crash any format. */
static void an_empty_report_is_written(void **state)
{
	struct story *story = story_new(V4_A, V4_B);

	(void)state;
	story->options = (struct output_options){0};
	add_report(story, 0, KIND_UNKNOWN, CLOSED_BY_UNKNOWN)->evidence_count = 0;
	for (size_t i = 0; i < 3; i++) {
		static const char *const formats[] = {"text", "table", "json"};
		struct output output;

		render(story, formats[i], &output);
		golden_compare("empty", formats[i], &output.out);
		buffer_done(&output.out);
	}
	free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_found_by_name),
		cmocka_unit_test(stories_read_as_before),
		cmocka_unit_test(color_is_restrained),
		cmocka_unit_test(a_twin_over_later_has_its_own_ladder),
		cmocka_unit_test(an_empty_report_is_written),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}

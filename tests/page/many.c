// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Writes a page of N made-up teardowns: `many N > page.html`. Every kind, many programs and peers,
 * durations over many powers of ten, names that try to be markup. The same N gives the same page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/output.h"

#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)
#define START (100000 * S)
#define WRITE_AT (1 << 16)

static const char *const programs[] = {
	"nginx",
	"curl",
	"redis-server",
	"python3",
	"java",
	"haproxy",
	"postgres",
	"<script>alert(1",
	"<img onerror=1>",
	"\xe2\x80\xaegpj.exe",
	"\x1b[31mred",
	"node \xe2\x9c\x93",
	"--></script>",
};

static const uint64_t weights[] = {40, 18, 9, 8, 6, 5, 4, 3, 2, 2, 1, 1, 1};

struct many {
	uint64_t random;
	uint64_t time;
	struct output output;
	struct state_change states[2][6];
	struct segment segments[8];
	struct connection_view connection;
	uint64_t last;
	uint32_t seq[2];
};

/* xorshift64: the same numbers in each run. */
static uint64_t draw(struct many *many, uint64_t below)
{
	many->random ^= many->random << 13;
	many->random ^= many->random >> 7;
	many->random ^= many->random << 17;
	return many->random % below;
}

/* From 1 to 10^powers units, as likely in each power of ten. */
static uint64_t draw_wide(struct many *many, uint64_t unit, uint64_t powers)
{
	uint64_t value = unit;

	for (uint64_t power = draw(many, powers); power; power--)
		value *= 10;
	return value + draw(many, value * 9);
}

static void change(struct many *many, unsigned int end, uint64_t time, unsigned int to)
{
	struct connection_end *of = &many->connection.ends[end];
	struct state_change *state = &of->states[of->state_count++];

	*state = (struct state_change){.time = time, .to = (uint8_t)to, .observed = of->has_socket};
	state->from =
		of->state_count > 1 ? of->states[of->state_count - 2].to : TCP_STATE_ESTABLISHED;
	many->last = time;
}

static void send(struct many *many, unsigned int sender, uint64_t time, uint8_t flags, uint8_t wave,
		 int acks)
{
	struct connection_view *connection = &many->connection;
	struct segment *segment = &connection->segments[connection->segment_count];

	*segment = (struct segment){
		.time = time,
		.seq = many->seq[sender],
		.ack = many->seq[!sender],
		.window = 502,
		.flags = flags,
		.ttl = sender ? 57 : 64,
		.sender = (uint8_t)sender,
		.wave = wave,
		.acks = (int16_t)acks,
		.sighting_count = 1,
		.sightings = {{.time = time, .interface = 1, .netns = 4026531840}},
	};
	segment->sightings[0].hook = sender ? HOOK_TC_INGRESS : HOOK_TC_EGRESS;
	if (acks != NO_SEGMENT)
		segment->ack_rtt = time - connection->segments[acks].time;
	many->seq[sender] += (flags & SEGMENT_FIN) != 0;
	connection->segment_count++;
	many->last = time;
}

#define FIN_ACK (SEGMENT_FIN | SEGMENT_ACK)

static void orderly(struct many *many, unsigned int first, bool merged)
{
	uint64_t time = many->time, trip = draw_wide(many, 20 * US, 4);
	uint64_t half = draw(many, 3) ? draw_wide(many, 50 * US, 3) : draw_wide(many, 10 * MS, 5);

	change(many, first, time, TCP_STATE_FIN_WAIT1);
	send(many, first, time + 12 * US, FIN_ACK, 1, NO_SEGMENT);
	change(many, !first, time + trip / 2, TCP_STATE_CLOSE_WAIT);
	if (!merged) {
		send(many, !first, time + trip, SEGMENT_ACK, 2, 0);
		change(many, first, time + trip + US, TCP_STATE_FIN_WAIT2);
	} else {
		half = trip;
	}
	half = half > trip ? half : trip;
	change(many, !first, time + half, TCP_STATE_LAST_ACK);
	send(many, !first, time + half + trip, FIN_ACK, 3, merged ? 0 : NO_SEGMENT);
	change(many, first, time + half + trip + US, TCP_STATE_TIME_WAIT);
	send(many, first, time + half + trip + 5 * US, SEGMENT_ACK, 4, merged ? 1 : 2);
	change(many, !first, time + half + 2 * trip, TCP_STATE_CLOSED);
}

static void simultaneous(struct many *many)
{
	uint64_t time = many->time, trip = draw_wide(many, 50 * US, 3);

	change(many, 0, time, TCP_STATE_FIN_WAIT1);
	send(many, 0, time + 10 * US, FIN_ACK, 1, NO_SEGMENT);
	change(many, 1, time + 11 * US, TCP_STATE_FIN_WAIT1);
	many->seq[0]--; /* it has not seen that FIN */
	send(many, 1, time + trip, FIN_ACK, 3, NO_SEGMENT);
	many->seq[0]++;
	change(many, 0, time + trip + US, TCP_STATE_CLOSING);
	send(many, 0, time + trip + 5 * US, SEGMENT_ACK, 4, 1);
	send(many, 1, time + trip + 9 * US, SEGMENT_ACK, 2, 0);
	change(many, 0, time + trip + 10 * US, TCP_STATE_TIME_WAIT);
	change(many, 1, time + 2 * trip, TCP_STATE_TIME_WAIT);
}

static void reset(struct many *many, bool after_fin)
{
	struct socket_facts *socket = &many->connection.ends[0].socket;
	uint64_t time = many->time;

	if (after_fin) {
		change(many, 0, time, TCP_STATE_FIN_WAIT1);
		send(many, 0, time + 12 * US, FIN_ACK, 1, NO_SEGMENT);
		send(many, 1, time + 400 * US, SEGMENT_RST, 0, NO_SEGMENT);
		socket->reset_received = true;
		change(many, 0, time + 401 * US, TCP_STATE_CLOSED);
		return;
	}
	socket->unread_bytes = (uint32_t)draw(many, 9000);
	socket->reset_sent = true;
	socket->reset_reason = 11;
	change(many, 0, time, TCP_STATE_CLOSED);
	send(many, 0, time + 15 * US, SEGMENT_RST | SEGMENT_ACK, 0, NO_SEGMENT);
}

static void timeout(struct many *many)
{
	uint64_t time = many->time;

	change(many, 0, time, TCP_STATE_FIN_WAIT1);
	for (unsigned int i = 0; i < 5; i++) {
		send(many, 0, time + (200 * MS << i) - 200 * MS + 12 * US, FIN_ACK, i ? 0 : 1,
		     NO_SEGMENT);
		many->seq[0]--;
		many->segments[i].retransmission = i;
	}
	many->connection.fin_retransmissions[0] = 4;
	many->connection.ends[0].socket.error = 110; /* ETIMEDOUT */
	change(many, 0, time + 6400 * MS, TCP_STATE_CLOSED);
}

static const char *draw_program(struct many *many)
{
	uint64_t at = draw(many, 100);
	unsigned int i = 0;

	while (at >= weights[i])
		at -= weights[i++];
	return programs[i];
}

static void set_address(uint8_t address[16], bool ipv6, unsigned int last)
{
	memset(address, 0, 16);
	if (ipv6) {
		memcpy(address, (const uint8_t[]){0x2a, 0x01, 0x01, 0x11, 0x20, 0x03}, 6);
	} else {
		memcpy(address + 10, (const uint8_t[]){0xff, 0xff, 10, 0}, 4);
		address[14] = (uint8_t)(last / 200);
	}
	address[15] = (uint8_t)(last % 200 + 1);
}

static void new_connection(struct many *many, uint64_t index)
{
	struct connection_view *connection = &many->connection;
	struct connection_end *local = &connection->ends[0], *peer = &connection->ends[1];
	const char *program = draw_program(many);
	bool ipv6 = !draw(many, 12);

	memset(connection, 0, sizeof(*connection));
	connection->segments = many->segments;
	connection->id[0] = (index + 1) * 0x9e3779b97f4a7c15ull;
	connection->id[1] = index;
	for (unsigned int end = 0; end < 2; end++) {
		connection->ends[end].states = many->states[end];
		connection->ends[end].has_isn = true;
		connection->ends[end].isn = (uint32_t)draw(many, 1ull << 32);
		many->seq[end] = connection->ends[end].isn + 1 + (uint32_t)draw(many, 100000);
	}
	set_address(local->address, ipv6, 5);
	set_address(peer->address, ipv6, (unsigned int)draw(many, draw(many, 4) ? 6 : 1500));
	local->port = (uint16_t)(32768 + index % 28000);
	peer->port = draw(many, 4) ? 443 : draw(many, 2) ? 5432 : 6379;
	local->has_socket = true;
	local->socket = (struct socket_facts){
		.id = index + 1,
		.netns = 4026531840,
		.uid = 1000,
		.role = draw(many, 3) ? ROLE_CLIENT : ROLE_SERVER,
		.born = many->time - draw_wide(many, MS, 5),
		.bytes_sent = draw_wide(many, 10, 5),
		.bytes_received = draw_wide(many, 10, 6),
		.reset_reason = RESET_REASON_NONE,
		.snd_wscale = 7,
		.rcv_wscale = 7,
		.cgroup = 1 + draw(many, 3),
		.eof_read = true,
		.over = true,
		.close_how = CLOSE_CALL,
		.owner = {.pid = 1000 + (uint32_t)draw(many, 40), .how = OWNER_CONNECT},
	};
	memcpy(local->socket.owner.comm, program, strnlen(program, RECORD_COMM_LENGTH));
	local->socket.close_task.pid = local->socket.close_task.tid = local->socket.owner.pid;
	memcpy(local->socket.close_task.comm, local->socket.owner.comm, RECORD_COMM_LENGTH);
	memcpy(local->socket.flow.local, local->address, 16);
	memcpy(local->socket.flow.remote, peer->address, 16);
	local->socket.flow.local_port = local->port;
	local->socket.flow.remote_port = peer->port;
}

/* A story, told or not; the weather gets worse in the middle of the time. */
static void tell(struct many *many, bool bad)
{
	uint64_t at = draw(many, bad ? 60 : 100);

	if (at < 14)
		reset(many, false);
	else if (at < 18)
		reset(many, true);
	else if (at < 20)
		timeout(many);
	else if (at < 22)
		simultaneous(many);
	else if (at < 40)
		orderly(many, (unsigned int)draw(many, 2), true);
	else
		orderly(many, draw(many, 3) == 0, false);
}

static void report(struct many *many)
{
	struct teardown_report report = {
		.time = many->time,
		.connection = &many->connection,
		.incomplete = draw(many, 50) ? 0 : INCOMPLETE_STARTED_LATE,
	};
	const struct connection_end *local = &many->connection.ends[0];

	for (uint32_t i = 0; i + 1 < local->state_count; i++)
		report.durations[local->states[i].to] +=
			local->states[i + 1].time - local->states[i].time;
	report.verdict = classify(&many->connection, 0);
	many->output.format->teardown(&many->output, &report);
}

static void report_wait(struct many *many)
{
	static const enum time_wait_end ends[] = {
		TIME_WAIT_BY_TIMER,   TIME_WAIT_BY_TIMER, TIME_WAIT_BY_TIMER, TIME_WAIT_BY_TIMER,
		TIME_WAIT_BY_CONNECT, TIME_WAIT_BY_SYN,   TIME_WAIT_BY_RESET, TIME_WAIT_STOPPED};
	const struct connection_end *local = &many->connection.ends[0];
	struct time_wait_report wait = {
		.flow = local->socket.flow,
		.substate = TCP_STATE_TIME_WAIT,
		.end_seen = true,
		.ended_by = ends[draw(many, 8)],
		.start = many->last,
		.timeout = TIME_WAIT_LENGTH,
	};

	if (local->states[local->state_count - 1].to != TCP_STATE_TIME_WAIT)
		return;
	memcpy(wait.id, many->connection.id, sizeof(wait.id));
	wait.duration = wait.ended_by == TIME_WAIT_BY_TIMER ? 60 * S + draw(many, 4 * S)
							    : draw_wide(many, MS, 5) % (60 * S);
	if (wait.ended_by == TIME_WAIT_STOPPED) {
		wait.end_seen = false;
		wait.left = 60 * S - wait.duration;
	}
	many->output.format->time_wait(&many->output, &wait);
}

/* Still in CLOSE_WAIT, held too long. */
static void report_suspects(struct many *many)
{
	const struct close_wait_holder holder = {.pid = 4711, .fd = 7, .comm = "leaky"};

	for (unsigned int i = 0; i < 3; i++) {
		struct close_wait_report suspect = {
			.time = many->time,
			.age = (40 + 40 * i) * S,
			.since = i < 2 ? many->time - 40 * S : 0,
			.holders = &holder,
			.holder_count = 1,
			.holders_known = true,
		};

		set_address(suspect.flow.local, false, 5);
		set_address(suspect.flow.remote, false, 7);
		suspect.flow.local_port = (uint16_t)(41000 + i);
		suspect.flow.remote_port = 443;
		many->output.format->close_wait(&many->output, &suspect);
	}
}

static const char *interface_name(void *context, uint32_t netns, uint32_t interface)
{
	(void)context, (void)netns, (void)interface;
	return "eth0";
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	static const char *const paths[] = {
		"/", "/system.slice/nginx.service",
		"/system.slice/docker-"
		"4bc1ab5bd5e65e0a3b2bd4e1de1c48b8a5b5a1d4fd4fd8d5c9a79ad5a1a4a9d1.scope",
		"/user.slice/user-1000.slice"};

	(void)context;
	return paths[cgroup % 4];
}

static const char *reset_reason(void *context, uint32_t reason)
{
	(void)context;
	return reason == 11 ? "TCP_ABORT_ON_CLOSE" : NULL;
}

static void write_out(struct many *many)
{
	if (many->output.out.length)
		fwrite(many->output.out.data, 1, many->output.out.length, stdout);
	buffer_clear(&many->output.out);
}

int main(int argc, char **argv)
{
	static struct many many = {.random = 88172645463325252ull, .time = START};
	uint64_t count = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	struct core_stats stats = {.teardowns = count, .records = count * 9, .unfinished = 3};
	uint64_t pause = 600 * S / (count + 1);

	if (!count) {
		fprintf(stderr, "usage: many NUMBER\n");
		return 2;
	}
	many.output.format = output_format_find("page");
	many.output.options.wall_offset = 1784000000000000000;
	many.output.options.subject = "<img src=x onerror=alert(1)>.pcapng";
	many.output.options.lookup.interface_name = interface_name;
	many.output.options.lookup.cgroup_path = cgroup_path;
	many.output.options.lookup.reset_reason = reset_reason;
	buffer_init(&many.output.out);
	many.output.format->begin(&many.output);
	for (uint64_t index = 0; index < count; index++) {
		new_connection(&many, index);
		tell(&many, index > count * 5 / 10 && index < count * 6 / 10);
		report(&many);
		report_wait(&many);
		many.time += pause / 2 + draw(&many, pause + 1);
		if (many.output.out.length >= WRITE_AT)
			write_out(&many);
	}
	report_suspects(&many);
	many.output.format->end(&many.output, &stats, 600 * S);
	write_out(&many);
	buffer_done(&many.output.out);
	return 0;
}

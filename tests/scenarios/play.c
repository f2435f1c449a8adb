// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Plays a scenario: turns a readable script of records into real ones, feeds them to the core and
 * prints what an output makes of the reports. `play json|text|table|page SCRIPT [RECORDING]`, or
 * `play summary ...` for what timewait makes of them, in the end. With RECORDING the run is written
 * to that file, and what is printed is a replay of it. The script:
 *
 *   end NAME ADDRESS:PORT isn N [peer NAME] [netns N] [id N] [role client|server] [sent N]
 *       [received N] [owner HOW PID COMM] [born MS] [cgroup N] [from N]
 *   MS state NAME FROM TO [context WORD,...] [error ERRNO] [task PID COMM] [unread N] [old]
 *   MS segment NAME FLAGS seq R ack R [len N] [on IF/HOOK[/NETNS]] [ttl N] [ipid N] [as NAME NAME]
 *       [frame N] [from N]
 *   MS wire NAME [stream N] [seen SYN,...] [born MS] [irtt US] [scales N N] [assumed] [bytes N N]
 *       [role client|server] [told] [from N]
 *   MS reset NAME sent|received [reason N] [active] [in STATE]
 *   MS retransmit NAME
 *   MS expired NAME [STATE] | MS restarted NAME [STATE] | MS taken NAME client|server [MS]
 *   MS begun NAME MS [STATE] | MS found NAME MS [STATE] | MS emptied NAME
 *   MS removed NAME [abort|unseen] [STATE]
 *   MS owner NAME PID COMM | MS lost KIND N
 *   MS advance | MS end
 *   wire            there are no sockets: report connections
 *   questions       someone looks at the kernel's table: the answers are found, removed
 *   join FIRST SECOND CLOCK   two recordings are read together: their names, and how many ms the
 *                   clock of the second is ahead
 *   limit connections N | limit segments N | limit time-waits N
 *
 * Sequence numbers are relative to the ends' initial ones; a state's counters follow from `sent`,
 * `received` and the states passed. `as A B` gives a segment the addresses of two other ends (NAT).
 * `wire` is what a foreign capture tells; what it has of the connection is seen:
 * syn,syn-ack,ack,data,fin,rst. `from` is 0 or 1: the one of two recordings that tells. Times are
 * true times.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/correlator.h"
#include "core/time_wait_counts.h"
#include "output/output.h"
#include "recorded.h"
#include "together.h"

#define ENDS 16
#define WORDS 40
#define START 1000000000000ull /* boot clock at 0 ms */

struct end {
	char name[32];
	struct end *peer;
	uint8_t address[16];
	uint16_t port;
	uint32_t isn, netns;
	uint16_t source;
	uint64_t id, sent, received, born, cgroup;
	uint8_t role;
	struct owner owner;
	bool fin_sent, fin_received;
};

struct play {
	struct end ends[ENDS];
	unsigned int end_count;
	struct correlator_settings settings;
	struct correlator *correlator;
	bool questions;
	struct time_wait_counts *counts; /* NULL: the reports themselves are asked for */
	uint64_t time;                   /* of the latest event */
	struct output output;
	const char *recording;     /* NULL: it is not recorded */
	struct recorder *recorder; /* while it is */
	struct names *names;       /* while it is replayed */
	struct together *together; /* NULL: there is one recording */
	unsigned int line;
	char *words[WORDS + 1];
	unsigned int word_count, at;
};

static void fail(const struct play *play, const char *what)
{
	fprintf(stderr, "line %u: %s\n", play->line, what);
	exit(2);
}

static const char *word(struct play *play)
{
	if (play->at == play->word_count)
		fail(play, "a word is missing");
	return play->words[play->at++];
}

static bool have(struct play *play, const char *name)
{
	if (play->at == play->word_count || strcmp(play->words[play->at], name) != 0)
		return false;
	play->at++;
	return true;
}

static uint64_t number(struct play *play)
{
	char *end;
	uint64_t value = strtoull(word(play), &end, 0);

	if (*end)
		fail(play, "not a number");
	return value;
}

static struct end *find_end(struct play *play, const char *name)
{
	for (unsigned int i = 0; i < play->end_count; i++)
		if (strcmp(play->ends[i].name, name) == 0)
			return &play->ends[i];
	fail(play, "no such end");
	return NULL;
}

static void parse_address(struct play *play, struct end *end, char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		fail(play, "not ADDRESS:PORT");
	*colon = '\0';
	end->port = (uint16_t)atoi(colon + 1);
	if (inet_pton(AF_INET6, text, end->address) == 1)
		return;
	end->address[10] = end->address[11] = 0xff;
	if (inet_pton(AF_INET, text, end->address + 12) != 1)
		fail(play, "not an address");
}

static void set_comm(struct play *play, char comm[RECORD_COMM_LENGTH])
{
	const char *name = word(play);
	size_t length = strnlen(name, RECORD_COMM_LENGTH);

	memset(comm, 0, RECORD_COMM_LENGTH);
	memcpy(comm, name, length);
}

static struct owner parse_owner(struct play *play, uint8_t how)
{
	struct owner owner = {.how = how, .pid = (uint32_t)number(play)};

	set_comm(play, owner.comm);
	return owner;
}

static uint8_t parse_how(struct play *play)
{
	static const char *const names[] = {"unknown", "connect", "accept", "close", "holder"};
	const char *name = word(play);

	for (uint8_t how = 0; how < 5; how++)
		if (strcmp(names[how], name) == 0)
			return how;
	fail(play, "not a way to own a socket");
	return 0;
}

static void declare_end(struct play *play)
{
	struct end *end = &play->ends[play->end_count];

	if (play->end_count == ENDS)
		fail(play, "too many ends");
	snprintf(end->name, sizeof(end->name), "%s", word(play));
	parse_address(play, end, (char *)word(play));
	end->id = ++play->end_count;
	end->netns = 1;
	while (play->at < play->word_count) {
		if (have(play, "isn"))
			end->isn = (uint32_t)number(play);
		else if (have(play, "peer")) {
			end->peer = find_end(play, word(play));
			end->peer->peer = end;
		} else if (have(play, "netns"))
			end->netns = (uint32_t)number(play);
		else if (have(play, "id"))
			end->id = number(play);
		else if (have(play, "sent"))
			end->sent = number(play);
		else if (have(play, "received"))
			end->received = number(play);
		else if (have(play, "from"))
			end->source = (uint16_t)number(play) % JOIN_SOURCES;
		else if (have(play, "cgroup"))
			end->cgroup = number(play);
		else if (have(play, "born"))
			end->born = START - number(play) * 1000000;
		else if (have(play, "role"))
			end->role = strcmp(word(play), "client") == 0 ? ROLE_CLIENT : ROLE_SERVER;
		else if (have(play, "owner"))
			end->owner = parse_owner(play, parse_how(play));
		else
			fail(play, "not a word of an end");
	}
}

static void feed(struct play *play, void *record, uint16_t kind, size_t size, uint64_t time)
{
	struct record *header = record;

	header->kind = kind;
	header->length = (uint16_t)size;
	header->time = time;
	if (play->together) {
		together_add(play->together, header);
		return;
	}
	if (play->recorder && recorder_advance(play->recorder, time))
		fail(play, "cannot be recorded");
	correlator_feed(play->correlator, header, size);
	if (play->recorder)
		recorder_add(play->recorder, header);
}

static void set_flow(struct flow *flow, const struct end *from, const struct end *to)
{
	memcpy(flow->local, from->address, sizeof(flow->local));
	memcpy(flow->remote, to->address, sizeof(flow->remote));
	flow->local_port = from->port;
	flow->remote_port = to->port;
}

static void socket_header(struct record *header, const struct end *end)
{
	header->netns = end->netns;
	header->source = end->source;
	set_flow(&header->flow, end, end->peer);
}

static uint16_t parse_context(struct play *play)
{
	static const struct {
		const char *name;
		uint16_t bit;
	} words[] = {{"call", CONTEXT_CALL},           {"exiting", CONTEXT_EXITING},
		     {"last-ref", CONTEXT_LAST_REF},   {"proxy", CONTEXT_PROXY},
		     {"orphan", CONTEXT_ORPHAN},       {"fin-seen", CONTEXT_FIN_SEEN},
		     {"no-socket", CONTEXT_NO_SOCKET}, {"linger-0", CONTEXT_LINGER_0},
		     {"linger-2", CONTEXT_LINGER_2},   {"snapshot", CONTEXT_SNAPSHOT},
		     {"no-bucket", CONTEXT_NO_BUCKET}};
	char *list = (char *)word(play), *name;
	uint16_t context = 0;

	while ((name = strsep(&list, ","))) {
		unsigned int i = 0;

		while (i < sizeof(words) / sizeof(*words) && strcmp(words[i].name, name) != 0)
			i++;
		if (i == sizeof(words) / sizeof(*words))
			fail(play, "not a context");
		context |= words[i].bit;
	}
	return context;
}

static uint16_t parse_error(struct play *play)
{
	static const struct {
		const char *name;
		uint16_t number;
	} errors[] = {{"ECONNRESET", ECONNRESET},
		      {"ETIMEDOUT", ETIMEDOUT},
		      {"EPIPE", EPIPE},
		      {"ECONNABORTED", ECONNABORTED}};
	const char *name = word(play);

	for (unsigned int i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	fail(play, "not an errno");
	return 0;
}

/* The counters of the socket as they are when the change is told. */
static void fill_counters(struct state_record *record, struct end *end, uint32_t unread)
{
	bool client = end->role == ROLE_CLIENT;
	bool fin_acked = record->from == TCP_STATE_FIN_WAIT2;

	if (record->to == TCP_STATE_CLOSE_WAIT || record->to == TCP_STATE_CLOSING ||
	    record->context & CONTEXT_FIN_SEEN)
		end->fin_received = true;
	if (record->from == TCP_STATE_FIN_WAIT1 || record->from == TCP_STATE_FIN_WAIT2)
		end->fin_sent = true;
	if (record->context & CONTEXT_SNAPSHOT)
		return;
	record->bytes_sent = end->sent;
	record->bytes_received = end->received + end->fin_received;
	record->bytes_acked = end->sent + client + fin_acked;
	record->snd_una = end->isn + 1 + (uint32_t)end->sent + fin_acked;
	record->snd_nxt = end->isn + 1 + (uint32_t)end->sent + end->fin_sent;
	record->write_seq = record->snd_nxt;
	record->rcv_nxt = end->peer->isn + 1 + (uint32_t)record->bytes_received;
	record->copied_seq = record->rcv_nxt - unread;
	if (record->to == TCP_STATE_FIN_WAIT1 || record->to == TCP_STATE_LAST_ACK)
		end->fin_sent = true;
}

static void play_state(struct play *play, uint64_t time)
{
	struct end *end = find_end(play, word(play));
	struct state_record record = {
		.socket = end->id,
		.cgroup = end->cgroup,
		.born = end->born,
		.role = end->role,
		.owner = end->owner,
		.uid = 1000,
		.snd_wscale = 7,
		.rcv_wscale = 8,
	};
	uint32_t unread = 0;

	socket_header(&record.header, end);
	record.from = (uint8_t)tcp_state_parse(word(play));
	record.to = (uint8_t)tcp_state_parse(word(play));
	while (play->at < play->word_count) {
		if (have(play, "context"))
			record.context = parse_context(play);
		else if (have(play, "error"))
			record.error = parse_error(play);
		else if (have(play, "unread"))
			unread = (uint32_t)number(play);
		else if (have(play, "task")) {
			record.task.pid = record.task.tid = (uint32_t)number(play);
			set_comm(play, record.task.comm);
		} else
			fail(play, "not a word of a state");
	}
	fill_counters(&record, end, unread);
	feed(play, &record, RECORD_STATE, sizeof(record), time);
}

static uint8_t parse_flags(struct play *play)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	char *list = (char *)word(play), *name;
	uint8_t flags = 0;

	while ((name = strsep(&list, ",")))
		for (unsigned int bit = 0; bit < 8; bit++)
			if (strcmp(names[bit], name) == 0)
				flags |= (uint8_t)(1 << bit);
	return flags;
}

/* lo/egress or eth0/ingress/2: the interface's index is the sum of its letters. */
static void parse_place(struct play *play, struct segment_record *record)
{
	char *place = (char *)word(play);
	const char *name = strsep(&place, "/"), *hook = strsep(&place, "/");

	record->interface = 0;
	for (const char *c = name; *c; c++)
		record->interface = record->interface * 256 + (unsigned char)*c;
	if (!hook)
		fail(play, "not IF/HOOK");
	record->hook = strcmp(hook, "egress") == 0 ? HOOK_TC_EGRESS
		       : strcmp(hook, "xdp") == 0  ? HOOK_XDP
						   : HOOK_TC_INGRESS;
	if (place)
		record->header.netns = (uint32_t)atoi(place);
}

static void play_segment(struct play *play, uint64_t time)
{
	struct end *end = find_end(play, word(play));
	struct segment_with_tail whole = {
		.segment = {.window = 502, .ttl = 64, .hook = HOOK_CAPTURE}};
	struct segment_record record = whole.segment;
	size_t size = sizeof(record);

	socket_header(&record.header, end);
	record.flags = parse_flags(play);
	while (play->at < play->word_count) {
		if (have(play, "seq"))
			record.seq = end->isn + (uint32_t)number(play);
		else if (have(play, "ack"))
			record.ack = end->peer->isn + (uint32_t)number(play);
		else if (have(play, "len"))
			record.payload = (uint32_t)number(play);
		else if (have(play, "on"))
			parse_place(play, &record);
		else if (have(play, "window"))
			record.window = (uint16_t)number(play);
		else if (have(play, "ttl"))
			record.ttl = (uint8_t)number(play);
		else if (have(play, "ipid"))
			record.ip_id = (uint16_t)number(play);
		else if (have(play, "from"))
			record.header.source = (uint16_t)number(play) % JOIN_SOURCES;
		else if (have(play, "frame")) {
			whole.tail.frame = number(play);
			size = sizeof(whole);
		} else if (have(play, "as")) {
			struct end *from = find_end(play, word(play));

			set_flow(&record.header.flow, from, find_end(play, word(play)));
		} else
			fail(play, "not a word of a segment");
	}
	whole.segment = record;
	feed(play, &whole, RECORD_SEGMENT, size, time);
}

static uint8_t parse_seen(struct play *play)
{
	static const char *const names[] = {"syn", "syn-ack", "ack", "data", "fin", "rst"};
	char *list = (char *)word(play), *name;
	uint8_t seen = 0;

	while ((name = strsep(&list, ",")))
		for (unsigned int bit = 0; bit < 6; bit++)
			if (strcmp(names[bit], name) == 0)
				seen |= (uint8_t)(1 << bit);
	return seen;
}

static void play_wire(struct play *play, uint64_t time)
{
	struct end *end = find_end(play, word(play));
	struct wire_record record = {
		.ends = {{.isn = end->isn, .isn_how = WIRE_ISN_SYN, .wscale = WIRE_SCALE_UNKNOWN},
			 {.isn = end->peer->isn,
			  .isn_how = WIRE_ISN_SYN,
			  .wscale = WIRE_SCALE_UNKNOWN}}};

	socket_header(&record.header, end);
	while (play->at < play->word_count) {
		if (have(play, "stream"))
			record.stream = (uint32_t)number(play);
		else if (have(play, "seen"))
			record.completeness = parse_seen(play);
		else if (have(play, "born"))
			record.born = START - number(play) * 1000000;
		else if (have(play, "irtt"))
			record.initial_rtt = number(play) * 1000;
		else if (have(play, "role"))
			record.role = strcmp(word(play), "client") == 0 ? ROLE_CLIENT : ROLE_SERVER;
		else if (have(play, "from"))
			record.header.source = (uint16_t)number(play) % JOIN_SOURCES;
		else if (have(play, "told"))
			record.told = 1;
		else if (have(play, "assumed"))
			record.ends[0].isn_how = record.ends[1].isn_how = WIRE_ISN_ASSUMED;
		else if (have(play, "scales")) {
			record.ends[0].wscale = (uint8_t)number(play);
			record.ends[1].wscale = (uint8_t)number(play);
		} else if (have(play, "bytes")) {
			record.ends[0].bytes = number(play);
			record.ends[1].bytes = number(play);
		} else
			fail(play, "not a word of wire");
	}
	feed(play, &record, RECORD_WIRE, sizeof(record), time);
}

static void play_reset(struct play *play, uint64_t time)
{
	struct end *end = find_end(play, word(play));
	struct reset_record record = {.socket = end->id, .reason = RESET_REASON_NONE};

	socket_header(&record.header, end);
	record.direction = strcmp(word(play), "sent") == 0 ? RESET_SENT : RESET_RECEIVED;
	if (have(play, "reason"))
		record.reason = (uint32_t)number(play);
	record.active = have(play, "active");
	if (have(play, "in"))
		record.state = (uint8_t)tcp_state_parse(word(play));
	feed(play, &record, RECORD_RESET, sizeof(record), time);
}

/* Of a mini-socket; in TIME_WAIT where it does not say otherwise. */
static void play_time_wait(struct play *play, uint64_t time)
{
	static const char *const names[] = {
		[TIME_WAIT_BEGIN] = "begun",     [TIME_WAIT_RESTART] = "restarted",
		[TIME_WAIT_EXPIRED] = "expired", [TIME_WAIT_TAKEN] = "taken",
		[TIME_WAIT_REMOVED] = "removed", [TIME_WAIT_FOUND] = "found",
		[TIME_WAIT_EMPTY] = "emptied",
	};
	struct time_wait_record record = {.substate = TCP_STATE_TIME_WAIT};
	const struct end *end;

	for (record.event = TIME_WAIT_BEGIN; !have(play, names[record.event]); record.event++)
		if (record.event == TIME_WAIT_EMPTY)
			fail(play, "not an event");
	end = find_end(play, word(play));
	socket_header(&record.header, end);
	record.socket = end->id;
	if (record.event == TIME_WAIT_TAKEN) {
		record.socket = record.substate = 0;
		record.role = strcmp(word(play), "client") == 0 ? ROLE_CLIENT : ROLE_SERVER;
		record.taken = time;
		if (play->at < play->word_count)
			record.taken = START + number(play) * 1000000;
	} else if (record.event == TIME_WAIT_BEGIN || record.event == TIME_WAIT_FOUND) {
		record.timeout_ms = (uint32_t)number(play);
	} else if (record.event == TIME_WAIT_REMOVED) {
		record.removal = have(play, "abort")    ? REMOVED_BY_ABORT
				 : have(play, "unseen") ? REMOVED_UNSEEN
							: REMOVED_EARLY;
		if (record.removal == REMOVED_UNSEEN)
			record.socket = record.substate = 0;
	}
	if (play->at < play->word_count)
		record.substate = (uint8_t)tcp_state_parse(word(play));
	feed(play, &record, RECORD_TIME_WAIT, sizeof(record), time);
}

static void play_event(struct play *play, uint64_t time)
{
	struct record header = {0};

	if (have(play, "state")) {
		play_state(play, time);
	} else if (have(play, "segment")) {
		play_segment(play, time);
	} else if (have(play, "wire")) {
		play_wire(play, time);
	} else if (have(play, "reset")) {
		play_reset(play, time);
	} else if (have(play, "retransmit")) {
		struct end *end = find_end(play, word(play));
		struct retransmit_record record = {.socket = end->id, .flags = SEGMENT_FIN};

		socket_header(&record.header, end);
		feed(play, &record, RECORD_RETRANSMIT, sizeof(record), time);
	} else if (have(play, "owner")) {
		struct end *end = find_end(play, word(play));
		struct owner_record record = {.socket = end->id,
					      .owner = parse_owner(play, OWNER_HOLDER)};

		socket_header(&record.header, end);
		feed(play, &record, RECORD_OWNER, sizeof(record), time);
	} else if (have(play, "lost")) {
		struct loss_record record = {.lost_kind = (uint32_t)number(play)};

		record.count = number(play);
		feed(play, &record, RECORD_LOSS, sizeof(record), time);
	} else if (have(play, "advance")) {
		feed(play, &header, RECORD_TICK, sizeof(header), time);
	} else if (have(play, "end")) {
		feed(play, &header, RECORD_END, sizeof(header), time);
		header.source = 1;
		if (play->together)
			feed(play, &header, RECORD_END, sizeof(header), time);
	} else {
		play_time_wait(play, time);
	}
}

static bool report(void *context, const struct teardown_report *teardown)
{
	struct play *play = context;

	if (!play->counts)
		play->output.format->teardown(&play->output, teardown);
	if (play->recorder)
		recorded_verdict(play->recorder, &play->output, teardown);
	return true;
}

static void report_time_wait(void *context, const struct time_wait_report *time_wait)
{
	struct play *play = context;

	if (play->counts)
		time_wait_counts_end(play->counts, time_wait);
	else
		play->output.format->time_wait(&play->output, time_wait);
}

static void report_begin(void *context, const struct time_wait_start *start)
{
	struct play *play = context;

	if (play->counts)
		time_wait_counts_begin(play->counts, start);
}

static bool limits(void *context, uint32_t netns, struct port_limits *result)
{
	(void)context, (void)netns, (void)result;
	return false;
}

static void show_summary(struct play *play)
{
	const struct port_lookup lookup = {.limits = limits};
	struct time_wait_reading reading = time_wait_counts_reading(play->counts, START);
	struct time_wait_summary *summary = time_wait_summary_new();

	reading.group_count = 0;
	time_wait_summary_feed(summary, &reading);
	reading = time_wait_counts_reading(play->counts, play->time);
	time_wait_summary_feed(summary, &reading);
	play->output.format->time_wait_summary(&play->output,
					       time_wait_summary_view(summary, &lookup, true));
	time_wait_summary_free(summary);
}

static void question(void *context, const struct flow *flow, uint32_t netns)
{
	(void)context, (void)flow, (void)netns;
}

static void play_join(struct play *play)
{
	static struct together together;

	play->together = &together;
	for (unsigned int i = 0; i < JOIN_SOURCES; i++)
		together.shown.names[i] = strdup(word(play));
	together.shown.lookup = play->output.options.lookup;
	together.wall_offset = play->output.options.wall_offset;
	together.clock = (int64_t)(strtod(word(play), NULL) * 1e6);
}

static void begin_core(struct play *play)
{
	const struct correlator_listener listener = {
		.teardown = report,
		.time_wait = report_time_wait,
		.time_wait_began = report_begin,
		.question = play->questions ? question : NULL,
		.context = play,
	};

	play->correlator = correlator_new(&play->settings, &listener);
}

static void begin(struct play *play)
{
	static struct output_lookup nothing;

	if (play->recording && !play->together)
		play->recorder = recorded_begin(play->recording, &play->output.options, &nothing,
						play->questions, START);
	begin_core(play);
}

static void play_limit(struct play *play)
{
	if (have(play, "connections"))
		play->settings.connections = number(play);
	else if (have(play, "segments"))
		play->settings.segments = (uint32_t)number(play);
	else if (have(play, "unclaimed"))
		play->settings.unclaimed = number(play);
	else if (have(play, "time-waits"))
		play->settings.time_waits = number(play);
	else
		fail(play, "not a limit");
}

static void play_line(struct play *play, char *line)
{
	char *comment = strchr(line, '#'), *token;

	if (comment)
		*comment = '\0';
	play->word_count = play->at = 0;
	while ((token = strsep(&line, " \t\n")))
		if (*token && play->word_count < WORDS)
			play->words[play->word_count++] = token;
	if (!play->word_count)
		return;
	if (have(play, "end") && play->word_count > 1) {
		declare_end(play);
	} else if (have(play, "wire")) {
		play->settings.wire = true;
	} else if (have(play, "questions")) {
		play->questions = true;
	} else if (have(play, "join")) {
		play_join(play);
	} else if (have(play, "limit")) {
		play_limit(play);
	} else {
		play->time = START + (uint64_t)(strtod(word(play), NULL) * 1e6 + 0.5);
		if (!play->correlator && !play->together)
			begin(play);
		play_event(play, play->time);
	}
	if (play->at != play->word_count)
		fail(play, "words left over");
}

static void play_script(struct play *play, const char *path)
{
	FILE *script = fopen(path, "r");
	char line[1024];

	if (!script)
		fail(play, strerror(errno));
	while (fgets(line, sizeof(line), script)) {
		play->line++;
		play_line(play, line);
	}
	fclose(script);
}

/* What the session is asked for: it knows, or a recording says. */

static const char *told(struct play *play, enum name_kind kind, uint64_t number, const char *name)
{
	if (play->names)
		return names_get(play->names, kind, number);
	if (play->recorder)
		recorder_name(play->recorder, kind, number, name);
	return name;
}

/* The letters that parse_place() packed into the index. */
static const char *interface_name(void *context, uint32_t netns, uint32_t interface)
{
	uint64_t number = (uint64_t)netns << 32 | interface;
	static char name[5];
	unsigned int at = 4;

	for (; interface && at > 0; interface /= 256)
		name[--at] = (char)(interface % 256);
	return told(context, NAME_INTERFACE, number, at < 4 ? name + at : NULL);
}

static const char *reset_reason(void *context, uint32_t reason)
{
	return told(context, NAME_RESET_REASON, reason, reason == 11 ? "TCP_ABORT_ON_CLOSE" : NULL);
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	return told(context, NAME_CGROUP, cgroup, cgroup == 7 ? "/user.slice" : NULL);
}

/* Forgets what another run has left. */
static void begin_output(struct play *play, const char *format)
{
	static const struct core_stats none;

	/* What was begun before is not wanted after all. */
	if (play->output.format)
		play->output.format->end(&play->output, &none, 0);
	correlator_free(play->correlator);
	time_wait_counts_free(play->counts);
	buffer_done(&play->output.out);
	play->correlator = NULL;
	play->counts = strcmp(format, "summary") == 0 ? time_wait_counts_new() : NULL;
	play->output = (struct output){
		.format = output_format_find(play->counts ? "json" : format),
		.options = {.wall_offset = 1784000000000000000,
			    .lookup = {.context = play,
				       .interface_name = interface_name,
				       .reset_reason = reset_reason,
				       .cgroup_path = cgroup_path}},
	};
	if (!play->output.format)
		fail(play, "no such format");
	if (play->together) {
		play->output.options.wall_offset = 0;
		play->output.options.join = &play->together->shown;
	}
	play->output.format->begin(&play->output);
}

static void play_together(struct play *play, const char *format)
{
	bool captures = play->settings.wire;
	const struct record *record;

	if (!together_begin(play->together))
		fail(play, "no memory");
	play->settings = join_settings(&play->together->shown.clock, captures);
	begin_output(play, format);
	begin_core(play);
	while ((record = join_next(play->together->join)))
		correlator_feed(play->correlator, record, record->length);
	together_end(play->together);
}

static void replay_start(void *context, const struct recording_start *start)
{
	struct play *play = context;

	play->questions = start->questions;
	play->output.options.wall_offset = start->wall_offset;
	begin_core(play);
}

static void replay_call(void *context, const struct record *record, size_t length)
{
	const struct play *play = context;

	correlator_feed(play->correlator, record, length);
}

static void replay(struct play *play, const char *format)
{
	const struct recording_listener listener = {
		.start = replay_start, .take = replay_call, .context = play};

	if (recorder_close(play->recorder))
		fail(play, "cannot be recorded");
	play->recorder = NULL;
	play->names = names_new();
	begin_output(play, format);
	recorded_replay(play->recording, &listener, play->names);
}

int main(int argc, char **argv)
{
	static struct play play;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: play json|text|table|page|summary SCRIPT [RECORDING]\n");
		return 2;
	}
	play.settings = correlator_defaults;
	play.recording = argv[3];
	begin_output(&play, argv[1]);
	play_script(&play, argv[2]);
	if (play.recorder)
		replay(&play, argv[1]);
	if (play.together)
		play_together(&play, argv[1]);
	if (play.counts)
		show_summary(&play);
	else if (play.correlator)
		play.output.format->end(&play.output, correlator_stats(play.correlator), 0);
	if (play.output.out.length)
		fwrite(play.output.out.data, 1, play.output.out.length, stdout);
	buffer_done(&play.output.out);
	correlator_free(play.correlator);
	time_wait_counts_free(play.counts);
	names_free(play.names);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One scripted connection: what its programs do, what the network and the kernel at each end make
 * of it, the records that a tracer would deliver of that, and the truth to hold its reports
 * against. Written from RFC 9293 and the kernel's behaviour, not from the core.
 */
#ifndef TCPCLOSE_TESTS_STORY_H
#define TCPCLOSE_TESTS_STORY_H

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "core/report.h"

#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)

#define STORY_TOLD 256
#define STORY_SEEN 64
#define STORY_STATES 8
#define STORY_ACTS 64
#define RETRIES 6 /* of a FIN (tcp_orphan_retries) */

/* What a tracer has of the world. */
enum sight {
	SIGHT_BOTH,   /* both witnesses */
	SIGHT_STATES, /* --packets none */
	SIGHT_WIRE,   /* a capture */
};

enum place {
	PLACE_CLIENT,   /* the client's host */
	PLACE_SERVER,   /* the server's */
	PLACE_LOOPBACK, /* both ends on one host */
	PLACE_NAT,      /* both, in namespaces of their own, addresses translated in a third */
	PLACES,
};

/* How a program ends its side. */
enum wish {
	WISH_CLOSE,
	WISH_EXIT,
	WISH_SHUTDOWN, /* and close() later */
	WISH_UNREAD,   /* close() with data unread */
	WISH_LINGER,
	WISH_ABORT, /* ss -K */
	WISH_NEVER,
};

static const char *const wish_names[] = {"close",  "exit",  "shutdown", "unread",
					 "linger", "abort", "never"};

/* All that is decided by chance, so that a story can be told to a reader in one line. */
struct plot {
	enum place place;
	bool ipv6;
	bool older; /* than the tracer: born is not known */
	enum wish wish[2];
	uint64_t when[2]; /* the first wish, after the begin; for the server UINT64_MAX: it answers
			   */
	uint64_t answers; /* the program's wish comes that long after the end of file */
	uint64_t close_after; /* shutdown(): close() comes that long after */
	uint64_t delay;       /* one way */
	unsigned int loss;    /* of segments on the way, in per cent */
	bool vanishes;        /* the network, with the first FIN */
	bool data_after;      /* the answering side sends data once more before its wish */
	bool merges;          /* FIN and acknowledgement in one segment */
	bool never_established;
	enum time_wait_end wait_end; /* of a TIME_WAIT; BY_CONNECT: taken over, from either end */
	uint64_t waits;
	uint32_t isn[2];
};

/* A record as it was told; lane: records of one lane are told in order. */
struct told {
	uint64_t time;
	uint64_t arrival; /* set by who mixes stories */
	uint32_t number;
	uint32_t lane;
	union {
		struct record header;
		struct state_record state;
		struct segment_record segment;
		struct reset_record reset;
		struct retransmit_record retransmit;
		struct time_wait_record time_wait;
		struct wire_record wire;
		struct loss_record loss;
	} record;
};

/* A segment that the tracer can see. */
struct seen {
	uint64_t time;
	uint64_t last; /* sighting */
	uint32_t seq, ack, payload;
	uint8_t flags, sender;
};

enum ending {
	ENDING_NONE, /* it was open when the story was over */
	ENDING_FINS,
	ENDING_RESET,
	ENDING_TIMEOUT,
	ENDING_SILENT,
};

struct side {
	bool traced;
	uint64_t cookie;
	struct flow flow;
	uint32_t netns;
	uint8_t role;
	/* The kernel's. */
	uint8_t state;
	uint8_t mini; /* FIN_WAIT2, TIME_WAIT; 0: none */
	bool orphan, fin_sent, fin_acked, fin_received;
	uint32_t isn, snd_nxt, rcv_nxt;
	uint64_t sent, received;
	uint16_t ip_id;
	unsigned int retries;
	uint64_t mini_since, timer_set;
	/* The truth. */
	struct state_change states[STORY_STATES];
	unsigned int state_count;
	enum ending ending;
	uint64_t over;
	bool saw_fin; /* when it was reset, a FIN had been sent */
	bool passed_closing;
	bool waits;     /* in TIME_WAIT, since mini_since */
	bool mini_told; /* FIN_WAIT2 went on in one */
	uint64_t wait_over;
	enum time_wait_end wait_end;
};

struct act {
	uint64_t at;
	enum {
		ACT_WISH,
		ACT_CLOSE,
		ACT_DATA,
		ACT_ARRIVAL,
		ACT_AGAIN,
		ACT_EXPIRE,
	} what;
	uint8_t side;
	struct seen segment;
	int sighting; /* index into seen */
	uint32_t order;
};

struct story {
	struct plot plot;
	enum sight sight;
	bool tells_minis; /* fentry: mini-sockets are told of, not only their timers */
	uint32_t number;
	struct chance chance;
	struct side sides[2];
	struct told *told;
	unsigned int told_count;
	struct seen seen[STORY_SEEN];
	unsigned int seen_count;
	struct act acts[STORY_ACTS];
	unsigned int act_count, act_order;
	uint64_t begin, now;
	int first_closer; /* who sent the first FIN or RST; -1: nobody */
	bool cut;         /* more happened than there is room for */
	bool damaged;     /* a record of it was lost */
};

/* Records */

static struct told *story_tell(struct story *story, uint64_t time, uint32_t lane, uint16_t kind,
			       size_t size)
{
	struct told *told;

	assert(story->told_count < STORY_TOLD);
	told = &story->told[story->told_count];
	*told = (struct told){.time = time, .number = story->told_count, .lane = lane};
	story->told_count++;
	told->record.header.kind = kind;
	told->record.header.length = (uint16_t)size;
	told->record.header.time = time;
	return told;
}

#define TELL(story, time, lane, kind, member)                                                      \
	(&story_tell(story, time, lane, kind, sizeof(((struct told *)0)->record.member))           \
		  ->record.member)

static uint32_t story_lane(const struct story *story, unsigned int side)
{
	return story->number * 4 + side;
}

static void story_place(struct record *header, const struct side *side)
{
	header->netns = side->netns;
	header->flow = side->flow;
}

/* The kernel changes the state of a socket. `meant`: CLOSED may mean that a mini-socket took its
 * place. */
static void change(struct story *story, unsigned int index, uint8_t to, uint16_t context, int error)
{
	struct side *side = &story->sides[index];
	struct plot *plot = &story->plot;
	struct state_record *record;
	uint64_t born = story->begin - 100 * US;
	uint8_t from = side->state;
	bool client = side->role == ROLE_CLIENT;

	side->state = to;
	side->passed_closing |= to == TCP_STATE_CLOSING;
	story->now += US;
	if (!side->traced || story->sight == SIGHT_WIRE)
		return;
	if (side->orphan)
		context |= CONTEXT_ORPHAN | CONTEXT_NO_SOCKET;
	if (side->fin_received)
		context |= CONTEXT_FIN_SEEN;
	record = TELL(story, story->now, story_lane(story, index), RECORD_STATE, state);
	story_place(&record->header, side);
	record->socket = side->cookie;
	record->born = plot->older ? 0 : born;
	record->from = from;
	record->to = to;
	record->context = context;
	record->error = (uint16_t)error;
	record->role = plot->older ? ROLE_UNKNOWN : side->role;
	record->uid = 1000;
	record->inode = side->orphan ? 0 : (uint32_t)side->cookie + 10000;
	record->owner = (struct owner){.pid = 100 + index, .how = OWNER_HOLDER, .comm = "worker"};
	record->bytes_sent = side->sent;
	record->bytes_received = side->received + side->fin_received;
	record->bytes_acked = side->sent + client + side->fin_acked;
	record->snd_una = side->isn + 1 + (uint32_t)side->sent + side->fin_acked;
	record->snd_nxt = side->snd_nxt;
	record->write_seq = side->snd_nxt;
	record->rcv_nxt = side->rcv_nxt;
	record->copied_seq = side->rcv_nxt;
	if (plot->wish[index] == WISH_UNREAD && to == TCP_STATE_CLOSED &&
	    from == TCP_STATE_ESTABLISHED)
		record->copied_seq -= 100;
	if (context & CONTEXT_CALL)
		record->task =
			(struct task){.pid = 100 + index, .tid = 100 + index, .comm = "worker"};
}

/* ... and what it means is part of its story. */
static void note(struct story *story, unsigned int index, uint8_t from, uint8_t to)
{
	struct side *side = &story->sides[index];

	assert(side->state_count < STORY_STATES);
	side->states[side->state_count++] =
		(struct state_change){.time = story->now, .from = from, .to = to, .observed = true};
}

static void move(struct story *story, unsigned int index, uint8_t to, uint16_t context, int error)
{
	uint8_t from = story->sides[index].state;

	change(story, index, to, context, error);
	note(story, index, from, to);
}

static void tell_mini(struct story *story, unsigned int index, enum time_wait_event event,
		      uint8_t substate, enum time_wait_removal removal)
{
	struct side *side = &story->sides[index];
	struct time_wait_record *record;

	story->now += US;
	if (!side->traced || story->sight == SIGHT_WIRE ||
	    (!story->tells_minis && event != TIME_WAIT_EXPIRED))
		return;
	record = TELL(story, story->now, story_lane(story, index), RECORD_TIME_WAIT, time_wait);
	story_place(&record->header, side);
	record->socket = side->cookie;
	record->event = (uint8_t)event;
	record->substate = substate;
	record->removal = (uint8_t)removal;
	record->timeout_ms = event == TIME_WAIT_BEGIN || event == TIME_WAIT_RESTART ? 60000 : 0;
}

/* The next connection has its addresses. */
static void tell_taken(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];
	struct time_wait_record *record;

	if (!side->traced || story->sight == SIGHT_WIRE)
		return;
	record = TELL(story, story->now, story_lane(story, index), RECORD_TIME_WAIT, time_wait);
	story_place(&record->header, side);
	record->event = TIME_WAIT_TAKEN;
	record->taken = story->now;
	record->role = side->role;
}

static void tell_reset(struct story *story, unsigned int index, enum reset_direction direction,
		       bool active)
{
	struct side *side = &story->sides[index];
	struct reset_record *record;

	story->now += US;
	if (!side->traced || story->sight == SIGHT_WIRE)
		return;
	record = TELL(story, story->now, story_lane(story, index), RECORD_RESET, reset);
	story_place(&record->header, side);
	record->socket = side->cookie;
	record->direction = (uint8_t)direction;
	record->active = active;
	record->state = side->state;
	record->reason = direction == RESET_SENT ? 12 : RESET_REASON_NONE;
}

/* The network */

static void act_at(struct story *story, uint64_t at, int what, unsigned int side)
{
	if (story->act_count == STORY_ACTS) {
		story->cut = true;
		return;
	}
	story->acts[story->act_count++] = (struct act){
		.at = at, .what = what, .side = (uint8_t)side, .order = story->act_order++};
}

static void sight_at(struct story *story, int index, uint64_t time, uint32_t netns,
		     uint32_t interface, uint8_t hook, const struct flow *flow, uint16_t ip_id,
		     uint8_t ttl)
{
	struct seen *seen = &story->seen[index];
	struct segment_record *record;

	record = TELL(story, time, story_lane(story, 2), RECORD_SEGMENT, segment);
	record->header.netns = netns;
	record->header.flow = *flow;
	record->interface = interface;
	record->hook = hook;
	record->seq = seen->seq;
	record->ack = seen->ack;
	record->payload = seen->payload;
	record->flags = seen->flags;
	record->window = 502;
	record->ip_id = ip_id;
	record->ttl = ttl;
	/* As bpf/packet has it: an ACK alone is told because of the FIN. */
	record->notes = seen->flags & (SEGMENT_FIN | SEGMENT_RST) ? 0 : SEGMENT_ACKS_FIN;
	if (!seen->time || time < seen->time)
		seen->time = time;
	if (time > seen->last)
		seen->last = time;
}

/* What a capture knows of a connection before the first segment of its close. */
static void tell_wire(struct story *story)
{
	struct wire_record *record;

	record = TELL(story, story->now, story_lane(story, 2), RECORD_WIRE, wire);
	record->header.flow = story->sides[0].flow;
	record->born = story->begin - 100 * US;
	record->stream = story->number;
	record->role = ROLE_CLIENT;
	record->completeness = WIRE_HAS_SYN | WIRE_HAS_SYN_ACK | WIRE_HAS_ACK;
	for (unsigned int i = 0; i < 2; i++)
		record->ends[i] = (struct wire_end){.bytes = story->sides[i].sent,
						    .isn = story->sides[i].isn,
						    .isn_how = WIRE_ISN_SYN,
						    .wscale = WIRE_SCALE_UNKNOWN};
}

/* How the other side sees what this one sends. */
static struct flow arriving_flow(const struct story *story, unsigned int from)
{
	const struct flow *there = &story->sides[!from].flow;
	struct flow flow = {.local_port = there->remote_port, .remote_port = there->local_port};

	memcpy(flow.local, there->remote, sizeof(flow.local));
	memcpy(flow.remote, there->local, sizeof(flow.remote));
	return flow;
}

static void leave(struct story *story, int index, unsigned int from, uint16_t ip_id)
{
	const struct side *side = &story->sides[from];

	if (story->sight == SIGHT_WIRE && !index)
		tell_wire(story);
	if (story->sight == SIGHT_WIRE)
		sight_at(story, index, story->now, 0, 1, HOOK_CAPTURE, &side->flow, ip_id, 64);
	else if (side->traced)
		sight_at(story, index, story->now, side->netns, 2, HOOK_TC_EGRESS, &side->flow,
			 ip_id, 64);
	if (story->plot.place == PLACE_NAT && story->sight != SIGHT_WIRE) {
		struct flow flow = arriving_flow(story, from);

		sight_at(story, index, story->now + US / 3, 900, 5 + from, HOOK_TC_INGRESS,
			 &side->flow, ip_id, 64);
		sight_at(story, index, story->now + US / 2, 900, 6 - from, HOOK_TC_EGRESS, &flow,
			 ip_id, 63);
	}
}

static bool is_visible(const struct story *story, unsigned int from, uint8_t flags, uint32_t ack)
{
	const struct side *peer = &story->sides[!from];

	if (story->sight == SIGHT_STATES)
		return false;
	if (flags & (SEGMENT_FIN | SEGMENT_RST))
		return true;
	return flags & SEGMENT_ACK && peer->fin_sent && ack == peer->snd_nxt;
}

static void send(struct story *story, unsigned int from, uint8_t flags, uint32_t seq,
		 uint32_t payload)
{
	struct side *side = &story->sides[from];
	const struct plot *plot = &story->plot;
	uint16_t ip_id = plot->ipv6 ? 0 : ++side->ip_id;
	/* Data is not lost: the story has no retransmission of it. */
	bool lost = plot->vanishes || (!payload && chance_in(&story->chance, plot->loss));
	int index = -1;

	story->now += 2 * US;
	if (flags & (SEGMENT_FIN | SEGMENT_RST) && story->first_closer < 0)
		story->first_closer = (int)from;
	if (is_visible(story, from, flags, side->rcv_nxt) && story->seen_count < STORY_SEEN) {
		index = (int)story->seen_count++;
		story->seen[index] = (struct seen){
			.seq = seq,
			.ack = flags & SEGMENT_ACK ? side->rcv_nxt : 0,
			.payload = payload,
			.flags = flags,
			.sender = (uint8_t)from,
		};
		leave(story, index, from, ip_id);
	}
	if (lost || story->act_count == STORY_ACTS)
		return;
	act_at(story, story->now + plot->delay, ACT_ARRIVAL, !from);
	story->acts[story->act_count - 1].sighting = index;
	story->acts[story->act_count - 1].segment = (struct seen){.seq = seq,
								  .ack = side->rcv_nxt,
								  .payload = payload,
								  .flags = flags,
								  .time = ip_id};
}

static void acknowledge(struct story *story, unsigned int from)
{
	send(story, from, SEGMENT_ACK, story->sides[from].snd_nxt, 0);
}

static void send_fin(struct story *story, unsigned int from)
{
	struct side *side = &story->sides[from];

	if (!side->fin_sent) {
		side->fin_sent = true;
		side->snd_nxt++;
	}
	send(story, from, SEGMENT_FIN | SEGMENT_ACK, side->snd_nxt - 1, 0);
	act_at(story, story->now + ((200 * MS + 3 * story->plot.delay) << side->retries), ACT_AGAIN,
	       from);
}

static bool fin_was_sent(const struct story *story)
{
	return story->sides[0].fin_sent || story->sides[1].fin_sent;
}

/* Whether the tracer can know of a FIN by now. */
static bool fin_was_seen(const struct story *story, unsigned int index)
{
	const struct side *side = &story->sides[index];

	if (side->fin_sent || side->fin_received)
		return true;
	for (unsigned int i = 0; i < story->seen_count; i++)
		if (story->seen[i].flags & SEGMENT_FIN && story->seen[i].time &&
		    story->seen[i].time <= story->now)
			return true;
	return false;
}

static void over(struct story *story, unsigned int index, enum ending ending)
{
	struct side *side = &story->sides[index];

	side->ending = ending;
	side->over = story->now;
	side->saw_fin = ending == ENDING_RESET ? fin_was_seen(story, index) : fin_was_sent(story);
}

/* Mini-sockets */

static void wait(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];
	const struct plot *plot = &story->plot;

	side->mini = TCP_STATE_TIME_WAIT;
	side->mini_since = side->timer_set = story->now;
	side->waits = true;
	over(story, index, ENDING_FINS);
	side->wait_end = TIME_WAIT_STOPPED;
	act_at(story, story->now + plot->waits, ACT_EXPIRE, index);
}

/* FIN_WAIT2 goes on without a socket. */
static void swap(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];

	change(story, index, TCP_STATE_CLOSED, 0, 0);
	side->mini = TCP_STATE_FIN_WAIT2;
	side->mini_told = true;
	side->mini_since = story->now;
	tell_mini(story, index, TIME_WAIT_BEGIN, TCP_STATE_FIN_WAIT2, 0);
	act_at(story, story->now + 60 * S, ACT_EXPIRE, index);
}

static void mini_gone(struct story *story, unsigned int index, enum ending ending)
{
	struct side *side = &story->sides[index];

	note(story, index, TCP_STATE_FIN_WAIT2, TCP_STATE_CLOSED);
	side->mini = 0;
	over(story, index, ending);
}

static void mini_expires(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];

	if (side->mini == TCP_STATE_FIN_WAIT2) {
		tell_mini(story, index, TIME_WAIT_EXPIRED, TCP_STATE_FIN_WAIT2, 0);
		mini_gone(story, index, ENDING_TIMEOUT);
		return;
	}
	if (side->mini != TCP_STATE_TIME_WAIT)
		return;
	if (story->now < side->timer_set + story->plot.waits) { /* it was restarted */
		act_at(story, side->timer_set + story->plot.waits, ACT_EXPIRE, index);
		return;
	}
	side->wait_end = story->plot.wait_end;
	if (side->wait_end == TIME_WAIT_DESTROYED) {
		tell_mini(story, index, TIME_WAIT_REMOVED, TCP_STATE_TIME_WAIT, REMOVED_BY_ABORT);
	} else if (side->wait_end == TIME_WAIT_BY_TIMER) {
		tell_mini(story, index, TIME_WAIT_EXPIRED, TCP_STATE_TIME_WAIT, 0);
	} else {
		if (side->role == ROLE_SERVER)
			side->wait_end = TIME_WAIT_BY_SYN;
		tell_taken(story, index);
	}
	side->mini = 0;
	side->wait_over = story->now;
}

static void refuse(struct story *story, unsigned int index, const struct seen *segment)
{
	if (segment->flags & SEGMENT_ACK)
		send(story, index, SEGMENT_RST, segment->ack, 0);
}

/* tcp_timewait_state_process() */
static void arrive_at_mini(struct story *story, unsigned int index, const struct seen *segment)
{
	struct side *side = &story->sides[index];
	bool awaited = segment->seq + segment->payload == side->rcv_nxt && !segment->payload;

	if (side->mini == TCP_STATE_TIME_WAIT) {
		if (segment->flags & SEGMENT_RST && segment->seq == side->rcv_nxt) {
			tell_mini(story, index, TIME_WAIT_REMOVED, TCP_STATE_TIME_WAIT,
				  REMOVED_EARLY);
			side->mini = 0;
			side->wait_over = story->now;
			side->wait_end = TIME_WAIT_BY_RESET;
		} else if (segment->flags & SEGMENT_FIN) {
			side->timer_set = story->now;
			tell_mini(story, index, TIME_WAIT_RESTART, TCP_STATE_TIME_WAIT, 0);
			acknowledge(story, index);
		}
		return;
	}
	if (segment->flags & SEGMENT_RST) {
		tell_mini(story, index, TIME_WAIT_REMOVED, TCP_STATE_FIN_WAIT2, REMOVED_EARLY);
		mini_gone(story, index, ENDING_RESET);
	} else if (segment->payload) {
		refuse(story, index, segment);
		tell_mini(story, index, TIME_WAIT_REMOVED, TCP_STATE_FIN_WAIT2, REMOVED_EARLY);
		mini_gone(story, index, ENDING_RESET);
	} else if (segment->flags & SEGMENT_FIN && awaited) {
		side->rcv_nxt++;
		side->fin_received = true;
		tell_mini(story, index, TIME_WAIT_RESTART, TCP_STATE_TIME_WAIT, 0);
		note(story, index, TCP_STATE_FIN_WAIT2, TCP_STATE_TIME_WAIT);
		wait(story, index);
		acknowledge(story, index);
	}
}

/* The socket */

static void reset_by(struct story *story, unsigned int index, int error)
{
	tell_reset(story, index, RESET_RECEIVED, false);
	move(story, index, TCP_STATE_CLOSED, 0, error);
	over(story, index, ENDING_RESET);
}

/* tcp_rcv_state_process(): the acknowledgement of our FIN. */
static void fin_acknowledged(struct story *story, unsigned int index, bool with_fin)
{
	struct side *side = &story->sides[index];

	side->fin_acked = true;
	switch (side->state) {
	case TCP_STATE_FIN_WAIT1:
		move(story, index, TCP_STATE_FIN_WAIT2, 0, 0);
		if (side->orphan && !with_fin)
			swap(story, index);
		break;
	case TCP_STATE_CLOSING:
		change(story, index, TCP_STATE_CLOSED, 0, 0);
		note(story, index, TCP_STATE_CLOSING, TCP_STATE_TIME_WAIT);
		wait(story, index);
		break;
	case TCP_STATE_LAST_ACK:
		move(story, index, TCP_STATE_CLOSED, 0, 0);
		over(story, index, ENDING_FINS);
		break;
	}
}

static void fin_arrives(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];
	const struct plot *plot = &story->plot;

	side->rcv_nxt++;
	side->fin_received = true;
	switch (side->state) {
	case TCP_STATE_ESTABLISHED:
		move(story, index, TCP_STATE_CLOSE_WAIT, 0, 0);
		if (plot->data_after)
			act_at(story, story->now + plot->answers / 2, ACT_DATA, index);
		if (plot->when[index] == UINT64_MAX) {
			if (plot->merges && plot->wish[index] == WISH_CLOSE) {
				act_at(story, story->now + US, ACT_WISH, index);
				return;
			}
			act_at(story, story->now + plot->answers, ACT_WISH, index);
		}
		break;
	case TCP_STATE_FIN_WAIT1:
		move(story, index, TCP_STATE_CLOSING, 0, 0);
		break;
	case TCP_STATE_FIN_WAIT2:
		change(story, index, TCP_STATE_CLOSED, 0, 0);
		note(story, index, TCP_STATE_FIN_WAIT2, TCP_STATE_TIME_WAIT);
		wait(story, index);
		break;
	}
	acknowledge(story, index);
}

static void arrive(struct story *story, unsigned int index, const struct seen *segment)
{
	struct side *side = &story->sides[index];
	bool acks;

	if (side->mini) {
		arrive_at_mini(story, index, segment);
		return;
	}
	if (side->state == TCP_STATE_CLOSED) {
		if (!(segment->flags & SEGMENT_RST))
			refuse(story, index, segment);
		return;
	}
	if (segment->flags & SEGMENT_RST) {
		reset_by(story, index, side->state == TCP_STATE_CLOSE_WAIT ? EPIPE : ECONNRESET);
		return;
	}
	if (segment->payload && side->orphan) {
		tell_reset(story, index, RESET_RECEIVED, false);
		move(story, index, TCP_STATE_CLOSED, 0, ECONNRESET);
		tell_reset(story, index, RESET_SENT, false);
		refuse(story, index, segment);
		over(story, index, ENDING_RESET);
		return;
	}
	acks = side->fin_sent && !side->fin_acked && segment->ack == side->snd_nxt;
	if (acks)
		fin_acknowledged(story, index,
				 segment->flags & SEGMENT_FIN && segment->seq == side->rcv_nxt);
	if (side->mini || side->state == TCP_STATE_CLOSED) {
		if (side->mini && segment->flags & SEGMENT_FIN)
			arrive_at_mini(story, index, segment);
		return;
	}
	if (segment->payload && segment->seq == side->rcv_nxt) {
		side->rcv_nxt += segment->payload;
		side->received += segment->payload;
		acknowledge(story, index);
	}
	if (segment->flags & SEGMENT_FIN) {
		if (segment->seq + segment->payload == side->rcv_nxt && !side->fin_received)
			fin_arrives(story, index);
		else
			acknowledge(story, index);
	}
}

/* The program */

static void reset_now(struct story *story, unsigned int index, uint16_t context)
{
	struct side *side = &story->sides[index];

	move(story, index, TCP_STATE_CLOSED, context, 0);
	side->orphan = true;
	over(story, index, ENDING_RESET);
	tell_reset(story, index, RESET_SENT, true);
	send(story, index, SEGMENT_RST | SEGMENT_ACK, side->snd_nxt, 0);
}

static void abort_now(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];

	over(story, index, ENDING_RESET);
	tell_reset(story, index, RESET_SENT, true);
	send(story, index, SEGMENT_RST | SEGMENT_ACK, side->snd_nxt, 0);
	move(story, index, TCP_STATE_CLOSED, CONTEXT_CALL, ECONNABORTED);
	side->over = story->now;
}

static void close_now(struct story *story, unsigned int index, uint16_t context)
{
	struct side *side = &story->sides[index];

	switch (side->state) {
	case TCP_STATE_SYN_SENT:
		move(story, index, TCP_STATE_CLOSED, context, 0);
		over(story, index, ENDING_SILENT);
		break;
	case TCP_STATE_ESTABLISHED:
		move(story, index, TCP_STATE_FIN_WAIT1, context, 0);
		send_fin(story, index);
		break;
	case TCP_STATE_CLOSE_WAIT:
		move(story, index, TCP_STATE_LAST_ACK, context, 0);
		send_fin(story, index);
		break;
	case TCP_STATE_FIN_WAIT2:
		side->orphan = true;
		swap(story, index);
		break;
	}
	side->orphan |= (context & CONTEXT_LAST_REF) != 0;
}

static void do_wish(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];
	const struct plot *plot = &story->plot;
	const uint16_t closes = CONTEXT_CALL | CONTEXT_LAST_REF;

	if (side->state != TCP_STATE_ESTABLISHED && side->state != TCP_STATE_CLOSE_WAIT &&
	    side->state != TCP_STATE_SYN_SENT)
		return;
	switch (plot->wish[index]) {
	case WISH_CLOSE:
		close_now(story, index, closes);
		break;
	case WISH_EXIT:
		close_now(story, index, closes | CONTEXT_EXITING);
		break;
	case WISH_SHUTDOWN:
		close_now(story, index, CONTEXT_CALL);
		act_at(story, story->now + plot->close_after, ACT_CLOSE, index);
		break;
	case WISH_UNREAD:
		reset_now(story, index, closes);
		break;
	case WISH_LINGER:
		reset_now(story, index, closes | CONTEXT_LINGER_0);
		break;
	case WISH_ABORT:
		abort_now(story, index);
		break;
	case WISH_NEVER:
		break;
	}
}

static void send_again(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];
	struct retransmit_record *record;

	if (side->fin_acked || side->mini || side->state == TCP_STATE_CLOSED)
		return;
	if (side->retries++ == RETRIES) {
		move(story, index, TCP_STATE_CLOSED, 0, ETIMEDOUT);
		over(story, index, ENDING_TIMEOUT);
		return;
	}
	if (side->traced && story->sight != SIGHT_WIRE) {
		record = TELL(story, story->now, story_lane(story, index), RECORD_RETRANSMIT,
			      retransmit);
		story_place(&record->header, side);
		record->socket = side->cookie;
		record->flags = SEGMENT_FIN | SEGMENT_ACK;
	}
	send_fin(story, index);
}

static void send_data(struct story *story, unsigned int index)
{
	struct side *side = &story->sides[index];

	if (side->state != TCP_STATE_CLOSE_WAIT)
		return;
	send(story, index, SEGMENT_PSH | SEGMENT_ACK, side->snd_nxt, 500);
	side->snd_nxt += 500;
	side->sent += 500;
}

static void play_act(struct story *story, const struct act *act)
{
	struct side *side = &story->sides[act->side];
	const struct flow flow = arriving_flow(story, !act->side);

	switch (act->what) {
	case ACT_WISH:
		do_wish(story, act->side);
		break;
	case ACT_CLOSE:
		if (side->state == TCP_STATE_FIN_WAIT2)
			close_now(story, act->side, CONTEXT_CALL | CONTEXT_LAST_REF);
		else if (side->state != TCP_STATE_CLOSED)
			side->orphan = true;
		break;
	case ACT_DATA:
		send_data(story, act->side);
		break;
	case ACT_ARRIVAL:
		if (act->sighting >= 0 && side->traced && story->sight != SIGHT_WIRE)
			sight_at(story, act->sighting, story->now, side->netns,
				 story->plot.place == PLACE_LOOPBACK ? 2 : 3, HOOK_TC_INGRESS,
				 &flow, (uint16_t)act->segment.time,
				 story->plot.place == PLACE_LOOPBACK ? 64 : 57);
		story->now += US;
		arrive(story, act->side, &act->segment);
		break;
	case ACT_AGAIN:
		send_again(story, act->side);
		break;
	case ACT_EXPIRE:
		mini_expires(story, act->side);
		break;
	}
}

static struct act next_act(struct story *story)
{
	unsigned int first = 0;
	struct act act;

	for (unsigned int i = 1; i < story->act_count; i++)
		if (story->acts[i].at < story->acts[first].at ||
		    (story->acts[i].at == story->acts[first].at &&
		     story->acts[i].order < story->acts[first].order))
			first = i;
	act = story->acts[first];
	story->acts[first] = story->acts[--story->act_count];
	return act;
}

/* The whole of it, as its plot has it, from `begin` on. What happens after `until` is not told. */
static void story_play(struct story *story, uint64_t until)
{
	const struct plot *plot = &story->plot;

	for (unsigned int i = 0; i < 2; i++) {
		struct side *side = &story->sides[i];

		side->role = i == 0 ? ROLE_CLIENT : ROLE_SERVER;
		side->isn = plot->isn[i];
		side->sent = i == 0 ? 78 : 9800;
		side->received = i == 0 ? 9800 : 78;
		side->snd_nxt = side->isn + 1 + (uint32_t)side->sent;
		side->state = plot->never_established
				      ? (i == 0 ? TCP_STATE_SYN_SENT : TCP_STATE_CLOSED)
				      : TCP_STATE_ESTABLISHED;
		if (plot->when[i] != UINT64_MAX && plot->wish[i] != WISH_NEVER)
			act_at(story, story->begin + plot->when[i], ACT_WISH, i);
	}
	for (unsigned int i = 0; i < 2; i++)
		story->sides[i].rcv_nxt = story->sides[!i].snd_nxt;
	story->now = story->begin;
	while (story->act_count) {
		struct act act = next_act(story);

		if (act.at > until)
			break;
		if (act.at > story->now)
			story->now = act.at;
		play_act(story, &act);
		/* The sides' own work takes its time. */
		story->now += US;
	}
}

/* The truth */

static bool crossed(const struct story *story)
{
	const struct seen *fins[2] = {NULL, NULL};

	for (unsigned int i = 0; i < story->seen_count; i++)
		if (story->seen[i].time && story->seen[i].flags & SEGMENT_FIN &&
		    (!fins[story->seen[i].sender] ||
		     story->seen[i].time < fins[story->seen[i].sender]->time))
			fins[story->seen[i].sender] = &story->seen[i];
	return fins[0] && fins[1] && fins[0]->ack != fins[1]->seq + 1 &&
	       fins[1]->ack != fins[0]->seq + 1;
}

static int fins_seen(const struct story *story)
{
	bool seen[2] = {false, false};

	for (unsigned int i = 0; i < story->seen_count; i++)
		if (story->seen[i].time && story->seen[i].flags & SEGMENT_FIN)
			seen[story->seen[i].sender] = true;
	return seen[0] + seen[1];
}

static const struct seen *first_seen(const struct story *story, uint8_t flags)
{
	const struct seen *first = NULL;

	for (unsigned int i = 0; i < story->seen_count; i++)
		if (story->seen[i].time && story->seen[i].flags & flags &&
		    (!first || story->seen[i].time < first->time))
			first = &story->seen[i];
	return first;
}

/* The first that acknowledges the first FIN, as far as seen, is a FIN itself. */
static bool merged(const struct story *story)
{
	const struct seen *fin = first_seen(story, SEGMENT_FIN), *first = NULL;

	for (unsigned int i = 0; fin && i < story->seen_count; i++) {
		const struct seen *seen = &story->seen[i];

		if (seen->time && seen->sender != fin->sender && !(seen->flags & SEGMENT_RST) &&
		    seen->ack == fin->seq + 1 && (!first || seen->time < first->time))
			first = seen;
	}
	return first && first->flags & SEGMENT_FIN;
}

static enum close_kind story_kind(const struct story *story, unsigned int index)
{
	const struct side *side = &story->sides[index];

	switch (side->ending) {
	case ENDING_FINS:
		if (side->passed_closing || crossed(story))
			return KIND_SIMULTANEOUS;
		return fins_seen(story) == 2 && merged(story) ? KIND_THREE_WAY : KIND_FOUR_WAY;
	case ENDING_RESET:
		return side->saw_fin ? KIND_RESET_AFTER_FIN : KIND_RESET;
	case ENDING_TIMEOUT:
		return KIND_TIMEOUT;
	case ENDING_SILENT:
		return KIND_SILENT;
	default:
		return KIND_UNKNOWN;
	}
}

static enum closed_by story_closer(const struct story *story, unsigned int index)
{
	const struct side *side = &story->sides[index];
	const struct seen *first = first_seen(story, SEGMENT_FIN | SEGMENT_RST);

	if (story_kind(story, index) == KIND_SIMULTANEOUS)
		return CLOSED_BY_BOTH;
	if (side->state_count && side->states[0].to == TCP_STATE_FIN_WAIT1)
		return CLOSED_BY_LOCAL;
	if (side->state_count && side->states[0].to == TCP_STATE_CLOSE_WAIT)
		return CLOSED_BY_PEER;
	if (first)
		return first->sender == index ? CLOSED_BY_LOCAL : CLOSED_BY_PEER;
	if (story->first_closer >= 0)
		return story->first_closer == (int)index ? CLOSED_BY_LOCAL : CLOSED_BY_PEER;
	return side->ending == ENDING_SILENT ? CLOSED_BY_LOCAL : CLOSED_BY_UNKNOWN;
}

#endif

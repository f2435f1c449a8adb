// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "core/flow.h"
#include "core/joined.h"
#include "core/segment.h"

#define MS 1000000ull
#define S (1000 * MS)

/* Records of one event arrive in any order within this time. */
#define TOGETHER (5 * MS)
/* A RST is seen on its way in; on a busy host the socket may have it only after this time. */
#define RESET_WITHIN (100 * MS)
/* Who took the addresses tells so when its handshake is done; until then it is asked this often. */
#define ASK_EVERY S
#define ASK_AT_MOST 130 /* connect() gives up after 127 s (tcp_syn_retries 6) */
/* The time that is left to one ends on the dot, a restart moves it further than this. */
#define RESTART_MOVES (2 * S)

int waiting_init(struct waiting *waiting)
{
	*waiting = (struct waiting){0};
	return time_waits_init(&waiting->table);
}

void waiting_done(struct waiting *waiting)
{
	time_waits_done(&waiting->table);
}

static void end(struct waiting *waiting, struct time_wait *wait, uint64_t time,
		enum time_wait_end ended_by)
{
	struct time_wait_report report = time_wait_report(wait, time, ended_by);

	waiting->stats->time_waits++;
	waiting->listener.ended(waiting->listener.context, &report);
	time_waits_remove(&waiting->table, wait);
}

/* When it ended, if that was seen before it was known why. */
static uint64_t gone_or(const struct time_wait *wait, uint64_t time)
{
	return wait->notes && wait->notes->gone ? wait->notes->gone : time;
}

static void ask_at(struct waiting *waiting, struct time_wait_notes *notes, uint64_t time)
{
	heap_set(&waiting->table.questions, &notes->question, time);
}

static bool together(uint64_t one, uint64_t other)
{
	return one < other ? other - one < TOGETHER : one - other < TOGETHER;
}

static bool removed_by_reset(uint64_t gone, uint64_t reset)
{
	return gone && gone + TOGETHER > reset && gone < reset + RESET_WITHIN;
}

/* A RST that the kernel takes removes it, unless tcp_rfc1337 is set (RFC 1337). Whether it did is
 * seen by what follows. False: that is known already, it ended. */
static bool note_reset(struct waiting *waiting, struct time_wait *wait, uint64_t time)
{
	struct time_wait_notes *notes = time_wait_notes(wait);

	if (!notes)
		return true;
	if (removed_by_reset(notes->gone, time)) {
		end(waiting, wait, notes->gone, TIME_WAIT_BY_RESET);
		return false;
	}
	if (wait->wire) {
		end(waiting, wait, time, TIME_WAIT_BY_RESET);
		return false;
	}
	notes->reset = time;
	notes->questions = 0;
	ask_at(waiting, notes, time + RESET_WITHIN);
	return true;
}

static void tell_begin(const struct waiting *waiting, const struct time_wait *like,
		       const struct connection_end *shown)
{
	struct time_wait_start start = {
		.flow = like->flow,
		.netns = like->netns,
		.inferred = like->wire,
	};

	if (!waiting->listener.began)
		return;
	if (shown && shown->has_socket) {
		const struct socket_facts *socket = &shown->socket;

		start.role = socket->role;
		memcpy(start.comm,
		       socket->close_task.pid ? socket->close_task.comm : socket->owner.comm,
		       sizeof(start.comm));
	} else if (shown) {
		start.role = shown->role;
	}
	waiting->listener.began(waiting->listener.context, &start);
}

/* `shown` is NULL for one that was found. NULL without memory, or if it had to go at once. */
static struct time_wait *add(struct waiting *waiting, const struct time_wait *like,
			     const struct connection_end *shown, uint64_t now)
{
	struct time_waits *table = &waiting->table;
	struct time_wait *former = time_waits_find(table, &like->flow, time_wait_place(like));
	struct time_wait *wait, *oldest;

	/* Its own end was not seen, or it is the one that was found at the start. */
	if (former && former->found && !like->found && like->start < former->start + S)
		time_waits_remove(table, former);
	else if (former)
		end(waiting, former, gone_or(former, now), TIME_WAIT_ENDED);
	wait = time_waits_add(table, like);
	if (!wait) {
		waiting->missed++;
		return NULL;
	}
	tell_begin(waiting, like, shown);
	if (table->count <= waiting->room)
		return wait;
	oldest = table->oldest;
	waiting->stats->evicted++;
	end(waiting, oldest, now, TIME_WAIT_ENDED);
	return oldest == wait ? NULL : wait;
}

static void restart_by_segment(struct waiting *waiting, struct time_wait *wait, uint64_t time);

/* When a segment came to an end; 0: it did not. */
static uint64_t came(const struct connection_view *view, const struct segment *segment,
		     unsigned int end)
{
	const struct sighting *there;

	if (!view->joined)
		return segment->time;
	there = joined_sighting(view, segment, end);
	return there ? there->time : 0;
}

/* Of segments that came before the teardown was reported: a RST after its end; in a capture, whose
 * reports wait for longer, the peer's FIN sent again. False: one ended it. */
static bool take_earlier_segments(struct waiting *waiting, const struct connection *connection,
				  unsigned int local, struct time_wait *wait)
{
	const struct connection_view *view = &connection->view;

	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *segment = &view->segments[i];
		uint64_t time = came(view, segment, local);

		if (segment->sender == local || time < wait->start)
			continue;
		if (wait->wire && segment->flags & SEGMENT_FIN && time > wait->start)
			restart_by_segment(waiting, wait, time);
		if (segment->flags & SEGMENT_RST && segment->seq == wait->rcv_nxt)
			return note_reset(waiting, wait, time);
	}
	return true;
}

static void never(struct waiting *waiting, const struct time_wait *like)
{
	struct time_wait_report report = time_wait_report(like, like->start, TIME_WAIT_NEVER);

	waiting->stats->time_waits++;
	waiting->listener.ended(waiting->listener.context, &report);
}

/* As the recording at this end has it. */
static void describe_joined(const struct connection_view *view, unsigned int local,
			    struct time_wait *like)
{
	const struct sighting *here = NULL;

	for (uint32_t i = 0; i < view->segment_count && !here; i++)
		here = joined_sighting(view, &view->segments[i], local);
	like->netns = here ? here->netns : 0;
	like->source = (uint8_t)view->ends[local].source;
	like->flow = view->ends[local].flow;
}

/* As it is at both ends, or without sockets as it must have been. */
static void describe(const struct connection *connection, unsigned int local,
		     struct time_wait *like)
{
	const struct connection_end *ends = connection->view.ends;
	const struct fin *fin = &connection->ends[!local].fin;

	*like = (struct time_wait){
		.id = {connection->view.id[0], connection->view.id[1]},
		.flow = ends[local].socket.flow,
		.netns = ends[local].socket.netns,
		.source = (uint8_t)ends[local].socket.source,
		.rcv_nxt = fin->known ? fin->end : 0,
		.start = ends[local].states[ends[local].state_count - 1].time,
	};
	like->heard = like->start;
	like->start_unseen = connection->ends[local].orphan_fin_unseen;
	if (ends[local].has_socket)
		return;
	like->wire = true;
	if (connection->view.joined) {
		describe_joined(&connection->view, local, like);
		return;
	}
	like->netns = connection->netns;
	like->source = (uint8_t)connection->source;
	memcpy(like->flow.local, ends[local].address, sizeof(like->flow.local));
	memcpy(like->flow.remote, ends[!local].address, sizeof(like->flow.remote));
	like->flow.local_port = ends[local].port;
	like->flow.remote_port = ends[!local].port;
}

/* Its source is at its end. */
static void stop(struct waiting *waiting, struct time_wait *wait)
{
	uint64_t time = waiting->ended[wait->source % WAITING_SOURCES];

	end(waiting, wait, gone_or(wait, time),
	    wait->notes && wait->notes->gone ? TIME_WAIT_ENDED : TIME_WAIT_STOPPED);
}

void waiting_begin(struct waiting *waiting, const struct connection *connection, unsigned int local)
{
	const struct connection_end *shown = &connection->view.ends[local];
	struct time_wait like, *wait;

	if (!shown->state_count || (!shown->has_socket && !waiting->wire))
		return;
	describe(connection, local, &like);
	if (shown->states[shown->state_count - 1].to == TCP_STATE_TIME_WAIT) {
		wait = add(waiting, &like, shown, like.start);
		if (wait && take_earlier_segments(waiting, connection, local, wait) &&
		    waiting->ended[wait->source % WAITING_SOURCES])
			stop(waiting, wait);
	} else if (shown->socket.no_bucket && shown->socket.fin_received) {
		never(waiting, &like);
	}
}

/* Any segment with an ACK that is not taken restarts the timer, the peer's FIN sent again most of
 * all (tcp_timewait_state_process()); of those that are reported it is the only one to do so. */
static void restart_by_segment(struct waiting *waiting, struct time_wait *wait, uint64_t time)
{
	if (time < wait->heard || together(time, wait->heard))
		return;
	time_waits_hear(&waiting->table, wait, time);
	wait->heard_on_segment = true;
	wait->restarts++;
}

/* On the wire alone the SYN itself is all there is to see. The kernel's own word is better: who
 * gets no answer has not taken anything over. */
static void take_syn(struct waiting *waiting, const struct segment_record *record)
{
	const struct flow *flow = &record->header.flow;
	struct flow reverse = flow_reverse(flow);
	uint64_t place = record_place(&record->header);
	struct time_wait *own = time_waits_find(&waiting->table, flow, place);
	struct time_wait *peer = time_waits_find(&waiting->table, &reverse, place);

	if (own)
		end(waiting, own, record->header.time, TIME_WAIT_BY_CONNECT);
	if (peer)
		end(waiting, peer, record->header.time, TIME_WAIT_BY_SYN);
}

/* A RST of the next connection with these addresses has other numbers; one that answers a segment
 * without ACK has none. */
static bool is_of_wait(const struct time_wait *wait, const struct segment_record *record)
{
	return !wait->rcv_nxt || !record->seq || segment_numbers_near(record->seq, wait->rcv_nxt);
}

bool waiting_take_segment(struct waiting *waiting, const struct segment_record *record)
{
	const struct flow *flow = &record->header.flow;
	struct flow reverse = flow_reverse(flow);
	uint64_t place = record_place(&record->header);
	struct time_wait *wait = time_waits_find(&waiting->table, &reverse, place);
	uint32_t end_seq = record->seq + record->payload + 1;

	if (waiting->wire && record->flags & SEGMENT_SYN && !(record->flags & SEGMENT_ACK)) {
		take_syn(waiting, record);
		return false;
	}
	if (wait && record->flags & SEGMENT_RST && is_of_wait(wait, record)) {
		time_wait_add_late(wait, record, true);
		if (!wait->rcv_nxt || record->seq == wait->rcv_nxt)
			note_reset(waiting, wait, record->header.time);
		return true;
	}
	if (wait && record->flags & SEGMENT_FIN && (!wait->rcv_nxt || end_seq == wait->rcv_nxt)) {
		time_wait_add_late(wait, record, true);
		restart_by_segment(waiting, wait, record->header.time);
		return true;
	}
	wait = time_waits_find(&waiting->table, flow, place);
	if (!wait || !(record->flags & SEGMENT_ACK) || record->ack != wait->rcv_nxt)
		return false;
	time_wait_add_late(wait, record, false);
	return true;
}

static void take_restart(struct waiting *waiting, struct time_wait *wait, uint64_t time)
{
	bool counted = wait->heard_on_segment && together(time, wait->heard);

	time_waits_hear(&waiting->table, wait, time);
	wait->heard_on_segment = false;
	wait->restarts += !counted;
}

static void take_removal(struct waiting *waiting, struct time_wait *wait,
			 const struct time_wait_record *record)
{
	struct time_wait_notes *notes = time_wait_notes(wait);
	uint64_t time = record->header.time;

	if (!notes)
		return;
	if (record->removal == REMOVED_BY_ABORT) {
		end(waiting, wait, time, TIME_WAIT_DESTROYED);
	} else if (record->removal == REMOVED_EARLY) {
		notes->gone = time;
		if (notes->reset && removed_by_reset(time, notes->reset))
			end(waiting, wait, time, TIME_WAIT_BY_RESET);
		else
			ask_at(waiting, notes, time + ASK_EVERY);
	} else if (notes->reset && !notes->gone) {
		end(waiting, wait, notes->reset, TIME_WAIT_BY_RESET);
	} else if (notes->overdue || time >= wait->heard + TIME_WAIT_LENGTH) {
		/* Its timer did it, as nothing else is known to have; nobody heard when. */
		notes->overdue = true;
		waiting->missed++;
		end(waiting, wait, time, TIME_WAIT_BY_TIMER);
	} else {
		end(waiting, wait, gone_or(wait, time), TIME_WAIT_DESTROYED);
	}
}

/* It is there, and for so long: the answer to a question, or it is older than the tracer. */
static void take_found(struct waiting *waiting, struct time_wait *wait,
		       const struct time_wait_record *record)
{
	uint64_t time = record->header.time;
	uint64_t timer_set = time + record->timeout_ms * MS - TIME_WAIT_LENGTH;
	const struct time_wait like = {
		.start = timer_set,
		.flow = record->header.flow,
		.netns = record->header.netns,
		.source = (uint8_t)record->header.source,
		.found = true,
	};

	if (!wait) {
		add(waiting, &like, NULL, time);
		return;
	}
	if (wait->notes && wait->notes->overdue) {
		wait->restarts++;
	} else if (timer_set > wait->heard + RESTART_MOVES) {
		wait->restarts++;
		wait->heard_on_segment = false;
		time_waits_hear(&waiting->table, wait, timer_set);
	}
	if (!wait->notes)
		return;
	wait->notes->reset = wait->notes->gone = 0;
	wait->notes->overdue = false;
	heap_remove(&waiting->table.questions, &wait->notes->question);
}

/* All of the namespace went with it. */
static void take_empty(struct waiting *waiting, const struct record *header)
{
	struct time_wait *next;

	for (struct time_wait *wait = waiting->table.oldest; wait; wait = next) {
		next = wait->newer;
		if (time_wait_place(wait) == record_place(header))
			end(waiting, wait, gone_or(wait, header->time), TIME_WAIT_DESTROYED);
	}
}

static void expire(struct waiting *waiting, struct time_wait *wait, uint64_t time)
{
	if (wait->notes)
		wait->notes->overdue = false;
	end(waiting, wait, time, TIME_WAIT_BY_TIMER);
}

void waiting_take_record(struct waiting *waiting, const struct time_wait_record *record)
{
	const struct record *header = &record->header;
	struct time_wait *wait =
		time_waits_find(&waiting->table, &header->flow, record_place(header));

	if (record->event == TIME_WAIT_FOUND)
		take_found(waiting, wait, record);
	else if (record->event == TIME_WAIT_EMPTY)
		take_empty(waiting, header);
	else if (!wait || header->time + TOGETHER < wait->start)
		return; /* of an earlier one with these addresses */
	else if (record->event == TIME_WAIT_EXPIRED)
		expire(waiting, wait, header->time);
	else if (record->event == TIME_WAIT_TAKEN)
		end(waiting, wait, gone_or(wait, record->taken ? record->taken : header->time),
		    record->role == ROLE_CLIENT ? TIME_WAIT_BY_CONNECT : TIME_WAIT_BY_SYN);
	else if (record->event == TIME_WAIT_RESTART)
		take_restart(waiting, wait, header->time);
	else if (record->event == TIME_WAIT_REMOVED)
		take_removal(waiting, wait, record);
}

void waiting_take_socket(struct waiting *waiting, const struct state_record *record)
{
	const struct record *header = &record->header;
	struct time_wait *wait =
		time_waits_find(&waiting->table, &header->flow, record_place(header));

	if (wait && record->born > wait->start)
		end(waiting, wait, gone_or(wait, record->born), TIME_WAIT_ENDED);
}

static void question(const struct waiting *waiting, const struct time_wait *wait)
{
	if (waiting->listener.question)
		waiting->listener.question(waiting->listener.context, &wait->flow, wait->netns);
}

void waiting_question_all(struct waiting *waiting, uint32_t netns)
{
	for (struct time_wait *wait = waiting->table.oldest; wait; wait = wait->newer)
		if (wait->netns == netns && !(wait->notes && wait->notes->gone))
			question(waiting, wait);
}

static void ask_again(struct waiting *waiting, struct time_wait_notes *notes, uint64_t now)
{
	if (notes->questions++ < (notes->gone ? ASK_AT_MOST : 1)) {
		ask_at(waiting, notes, now + ASK_EVERY);
		question(waiting, notes->wait);
	} else if (notes->gone) {
		end(waiting, notes->wait, notes->gone, TIME_WAIT_ENDED);
	} else {
		heap_remove(&waiting->table.questions, &notes->question);
	}
}

/* Nothing told of its end: one question, then it is given up. One that is gone is asked for
 * already. */
static void give_up(struct waiting *waiting, struct time_wait *wait, uint64_t now)
{
	struct time_wait_notes *notes = time_wait_notes(wait);

	if (!notes || notes->overdue || !waiting->listener.question) {
		end(waiting, wait, gone_or(wait, now), TIME_WAIT_ENDED);
		return;
	}
	notes->overdue = true;
	time_waits_hear(&waiting->table, wait, now);
	question(waiting, wait);
}

void waiting_advance(struct waiting *waiting, uint64_t now)
{
	struct heap_item *first;

	while ((first = heap_first(&waiting->table.questions)) && first->time <= now)
		ask_again(waiting, container_of(first, struct time_wait_notes, question),
			  first->time);
	/* The time that a file tells may be that of "never", too. */
	while (waiting->table.oldest && waiting_overdue(waiting) <= now)
		give_up(waiting, waiting->table.oldest, waiting_overdue(waiting));
}

void waiting_end(struct waiting *waiting, uint16_t source, uint64_t time)
{
	struct time_wait *next;

	waiting->ended[source % WAITING_SOURCES] = time;
	for (struct time_wait *wait = waiting->table.oldest; wait; wait = next) {
		next = wait->newer;
		if (wait->source == source)
			stop(waiting, wait);
	}
}

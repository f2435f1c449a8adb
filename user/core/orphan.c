// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/orphan.h"

#include "core/segment.h"
#include "core/socket.h"

/* A FIN this long before its receiver's socket was swapped for a mini-socket was not for that. */
#define FIN_BEFORE_SWAP 5000000ull
/* A restart so long after the FIN was seen is another one. */
#define RESTART_WITHIN 5000000ull

/* What a segment means for an orphan's mini-socket, of which the kernel says nothing, as
 * tcp_timewait_state_process() has it: exactly the awaited FIN makes it TIME_WAIT, a RST in the
 * window or one of its own (to data that came after the close) removes it. TCP_STATE_UNKNOWN:
 * nothing. */
static enum tcp_state orphan_becomes(const struct end_state *orphan, bool from_peer,
				     const struct segment *segment)
{
	uint32_t expects = orphan->orphan_expects;
	uint32_t ahead = segment->seq - expects;

	if (segment->flags & SEGMENT_RST)
		return from_peer && expects && ahead > UINT16_MAX ? TCP_STATE_UNKNOWN
								  : TCP_STATE_CLOSED;
	if (!from_peer || !(segment->flags & SEGMENT_FIN))
		return TCP_STATE_UNKNOWN;
	return !expects || ahead + segment->payload == 0 ? TCP_STATE_TIME_WAIT : TCP_STATE_UNKNOWN;
}

/* Whether what arrives at this end is seen there. */
static bool arrivals_are_seen(const struct connection *connection, unsigned int end)
{
	const struct connection_view *view = &connection->view;

	for (uint32_t i = 0; i < view->segment_count; i++)
		if (view->segments[i].sender != end &&
		    segment_arrived(&view->segments[i], &view->ends[end].socket))
			return true;
	return false;
}

static bool is_departure(const struct connection_end *sender, const struct sighting *sighting)
{
	return sender->has_socket && sighting->source == sender->socket.source &&
	       sighting->netns == sender->socket.netns && sighting->hook == HOOK_TC_EGRESS;
}

/* When it was at this end: the receiver's is the last place where it was seen. NULL: it was seen
 * elsewhere only, by another recording or on its way, and may be lost. */
static const struct sighting *sighting_at(const struct connection *connection,
					  const struct segment *segment, unsigned int end)
{
	const struct connection_end *ends = connection->view.ends;
	bool arrives = segment->sender != end;
	bool strictly = arrives && arrivals_are_seen(connection, end);
	const struct sighting *found = NULL;

	for (unsigned int i = 0; i < segment->sighting_count; i++) {
		const struct sighting *sighting = &segment->sightings[i];

		if (sighting->source != ends[end].socket.source)
			continue;
		if (strictly ? !sighting_is_arrival(sighting, &ends[end].socket)
			     : arrives && is_departure(&ends[!end], sighting))
			continue;
		if (!found || arrives)
			found = sighting;
	}
	return found;
}

static void end_orphan(struct connection *connection, unsigned int end, enum time_wait_end how,
		       uint64_t time, bool observed)
{
	connection->ends[end].orphan_end = (uint8_t)how;
	socket_end_orphan(connection, end,
			  how == TIME_WAIT_BY_FIN ? TCP_STATE_TIME_WAIT : TCP_STATE_CLOSED, time,
			  observed);
}

static void end_by_segment(struct connection *connection, unsigned int end,
			   const struct segment *segment)
{
	const struct end_state *state = &connection->ends[end];
	enum tcp_state to = orphan_becomes(state, segment->sender != end, segment);
	const struct sighting *here;
	uint64_t time;

	if (!state->orphan || to == TCP_STATE_UNKNOWN)
		return;
	here = sighting_at(connection, segment, end);
	if (!here || here->time + FIN_BEFORE_SWAP < state->orphan_since)
		return;
	time = here->time;
	end_orphan(connection, end,
		   to == TCP_STATE_TIME_WAIT ? TIME_WAIT_BY_FIN : TIME_WAIT_BY_RESET,
		   time > state->orphan_since ? time : state->orphan_since, false);
}

void orphan_take_segment(struct connection *connection, const struct segment *segment)
{
	for (unsigned int end = 0; end < 2; end++)
		end_by_segment(connection, end, segment);
}

void orphan_take_earlier_segments(struct connection *connection, unsigned int end)
{
	const struct end_state *state = &connection->ends[end];

	for (uint32_t i = 0; state->orphan && i < connection->view.segment_count; i++)
		end_by_segment(connection, end, &connection->view.segments[i]);
}

struct connection *orphan_find(const struct connection_table *table,
			       const struct time_wait_record *record, unsigned int *end)
{
	struct socket_link *link =
		record->socket
			? connection_find_socket(table, record->header.source, record->socket)
			: NULL;
	struct connection *candidate;
	struct tuple_link *at = NULL;

	if (link) {
		*end = link->end;
		return link->connection;
	}
	/* The latest of these addresses: those before it are gone. */
	while ((candidate = connection_next_tuple(table, &record->header.flow, &at, end))) {
		const struct connection_end *shown = &candidate->view.ends[*end];

		if (shown->has_socket &&
		    socket_place(&shown->socket) == record_place(&record->header))
			return candidate->ends[*end].orphan ? candidate : NULL;
	}
	return NULL;
}

/* The kernel restarts the timer of an orphan when it is TIME_WAIT already: the FIN came, or where
 * that may have been lost, came again. Its segment may have told so before. */
static void become_time_wait(struct connection *connection, unsigned int end, uint64_t time)
{
	bool observed = !(connection->ends[end].incomplete & INCOMPLETE_LOST_RECORDS);
	struct connection_end *shown = &connection->view.ends[end];
	struct state_change *last;

	if (connection->ends[end].orphan) {
		end_orphan(connection, end, TIME_WAIT_BY_FIN, time, observed);
		return;
	}
	if (connection->ends[end].orphan_end != TIME_WAIT_BY_FIN || !shown->state_count)
		return;
	last = &shown->states[shown->state_count - 1];
	if (last->to != TCP_STATE_TIME_WAIT || last->observed || !observed ||
	    time > last->time + RESTART_WITHIN)
		return;
	last->observed = true;
	last->time = time;
	connection->ends[end].over_time = time;
}

/* It is gone, and not from FIN_WAIT2: the FIN had come unseen. */
static void was_time_wait(struct connection *connection, unsigned int end,
			  const struct time_wait_record *record)
{
	uint64_t since = connection->ends[end].orphan_since, time = record->header.time;

	if (record->event == TIME_WAIT_EXPIRED && time - TIME_WAIT_LENGTH > since)
		since = time - TIME_WAIT_LENGTH;
	connection->ends[end].orphan_fin_unseen = true;
	end_orphan(connection, end, TIME_WAIT_BY_FIN, since, false);
}

void orphan_take_record(struct connection *connection, unsigned int end,
			const struct time_wait_record *record)
{
	struct end_state *state = &connection->ends[end];
	uint64_t time = record->header.time;

	if (record->event == TIME_WAIT_BEGIN)
		state->orphan_timeout = record->timeout_ms * 1000000ull;
	if (record->event == TIME_WAIT_RESTART && record->substate == TCP_STATE_TIME_WAIT)
		become_time_wait(connection, end, time);
	if (!state->orphan)
		return;
	if (record->event == TIME_WAIT_TAKEN ||
	    (record->event == TIME_WAIT_EXPIRED && record->substate == TCP_STATE_TIME_WAIT)) {
		was_time_wait(connection, end, record);
	} else if (record->event == TIME_WAIT_EXPIRED) {
		connection->view.ends[end].socket.expired = true;
		end_orphan(connection, end, TIME_WAIT_BY_TIMER, time, true);
	} else if (record->event == TIME_WAIT_REMOVED && record->removal == REMOVED_UNSEEN &&
		   state->orphan_timeout && time >= state->orphan_since + state->orphan_timeout) {
		orphan_give_up(connection, end, time);
	} else if (record->event == TIME_WAIT_REMOVED && record->removal != REMOVED_EARLY) {
		orphan_destroy(connection, end, time);
	} else if (record->event == TIME_WAIT_REMOVED) {
		/* By a RST, in either direction: the segment may come yet, or was not seen. */
		end_orphan(connection, end, TIME_WAIT_BY_RESET, time, true);
	}
}

void orphan_destroy(struct connection *connection, unsigned int end, uint64_t time)
{
	connection->view.ends[end].socket.destroyed = true;
	end_orphan(connection, end, TIME_WAIT_DESTROYED, time, true);
}

void orphan_lose(struct connection *connection, unsigned int end, uint64_t time)
{
	end_orphan(connection, end, TIME_WAIT_ENDED, time, false);
}

uint64_t orphan_deadline(const struct connection *connection, unsigned int end, uint64_t limit)
{
	return connection->ends[end].orphan_since + limit +
	       (arrivals_are_seen(connection, end) ? 0 : TIME_WAIT_LENGTH);
}

void orphan_give_up(struct connection *connection, unsigned int end, uint64_t time)
{
	connection->view.ends[end].socket.given_up = true;
	orphan_lose(connection, end, time);
}

struct time_wait_report orphan_report(const struct connection *connection, unsigned int end,
				      uint64_t time)
{
	const struct end_state *state = &connection->ends[end];
	const struct socket_facts *socket = &connection->view.ends[end].socket;
	uint64_t over = state->orphan ? time : state->over_time;
	uint64_t lasted = over > state->orphan_since ? over - state->orphan_since : 0;
	enum time_wait_end how = (enum time_wait_end)state->orphan_end;

	if (state->orphan)
		how = TIME_WAIT_STOPPED;
	return (struct time_wait_report){
		.id = {connection->view.id[0], connection->view.id[1]},
		.flow = socket->flow,
		.netns = socket->netns,
		.source = socket->source,
		.substate = TCP_STATE_FIN_WAIT2,
		.started_late = state->incomplete & INCOMPLETE_STARTED_LATE,
		.end_seen = how != TIME_WAIT_ENDED,
		.ended_by = how,
		.start = state->orphan_since,
		.duration = lasted,
		.timeout = state->orphan_timeout,
		.left = state->orphan_timeout > lasted ? state->orphan_timeout - lasted : 0,
	};
}

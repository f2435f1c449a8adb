// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/orphan.h"

#include "core/socket.h"

/* A FIN this long before its receiver's socket was swapped for a mini-socket was not for that. */
#define FIN_BEFORE_SWAP 5000000ull

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

/* When it was at this end: the receiver's is the last place where it was seen. */
static uint64_t time_at(const struct segment *segment, unsigned int end)
{
	return segment->sender == end ? segment->time
				      : segment->sightings[segment->sighting_count - 1].time;
}

static void end_by_segment(struct connection *connection, unsigned int end,
			   const struct segment *segment)
{
	const struct end_state *state = &connection->ends[end];
	enum tcp_state to = orphan_becomes(state, segment->sender != end, segment);
	uint64_t time = time_at(segment, end);

	if (!state->orphan || to == TCP_STATE_UNKNOWN ||
	    time + FIN_BEFORE_SWAP < state->orphan_since)
		return;
	socket_end_orphan(connection, end, to,
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
		record->socket ? connection_find_socket(table, record->socket) : NULL;
	struct connection *candidate;
	struct tuple_link *at = NULL;

	if (link) {
		*end = link->end;
		return link->connection->ends[link->end].orphan ? link->connection : NULL;
	}
	while ((candidate = connection_next_tuple(table, &record->header.flow, &at, end)))
		if (candidate->ends[*end].orphan &&
		    candidate->view.ends[*end].socket.netns == record->header.netns)
			return candidate;
	return NULL;
}

void orphan_expire(struct connection *connection, unsigned int end, uint64_t time)
{
	connection->view.ends[end].socket.expired = true;
	socket_end_orphan(connection, end, TCP_STATE_CLOSED, time, true);
}

void orphan_give_up(struct connection *connection, unsigned int end, uint64_t time)
{
	connection->view.ends[end].socket.given_up = true;
	socket_end_orphan(connection, end, TCP_STATE_CLOSED, time, false);
}

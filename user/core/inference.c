// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/inference.h"

#define NOT_FOUND (-1)

/* What the whole story says of one end, so that a segment that was lost or that
 * crossed another is not taken for one that arrived. Indices of segments, or
 * NOT_FOUND. */
struct arrivals {
	int64_t fin;  /* with this one it has the other's FIN */
	int64_t ack;  /* this one brings it the acknowledgement of its own */
	bool crossed; /* its FIN left before the other's came */
};

static bool is_fin(const struct segment *segment, unsigned int sender)
{
	return segment->sender == sender && segment->flags & SEGMENT_FIN;
}

static bool acknowledges(const struct segment *segment, const struct segment *fin)
{
	return segment->sender != fin->sender && segment->flags & SEGMENT_ACK &&
	       (int32_t)(segment->ack - (fin->seq + fin->payload + 1)) >= 0;
}

static int64_t first_fin(const struct connection_view *connection, unsigned int sender)
{
	for (uint32_t i = 0; i < connection->segment_count; i++)
		if (is_fin(&connection->segments[i], sender))
			return i;
	return NOT_FOUND;
}

static int64_t last_fin_before(const struct connection_view *connection, unsigned int sender,
			       int64_t index)
{
	while (--index >= 0 && !is_fin(&connection->segments[index], sender))
		;
	return index;
}

static int64_t first_ack_after(const struct connection_view *connection, int64_t index, int64_t fin)
{
	while (++index < connection->segment_count)
		if (acknowledges(&connection->segments[index], &connection->segments[fin]))
			return index;
	return NOT_FOUND;
}

static struct arrivals find_arrivals(const struct connection_view *connection, unsigned int end)
{
	int64_t own = first_fin(connection, end);
	int64_t others = first_fin(connection, !end);
	struct arrivals found = {.fin = NOT_FOUND, .ack = NOT_FOUND};
	int64_t shown; /* the first segment of this end that shows that it has the
			  other's FIN */

	/* Of a FIN sent again, the copy before the answer is the one that arrived; of
	 * several answers, the one that ended the repetition. */
	if (own != NOT_FOUND)
		found.ack = first_ack_after(
			connection, last_fin_before(connection, end, connection->segment_count),
			own);
	if (others == NOT_FOUND)
		return found;
	shown = first_ack_after(connection, others, others);
	if (shown == NOT_FOUND)
		return found;
	found.fin = last_fin_before(connection, !end, shown);
	if (own > found.fin && own < shown) {
		found.crossed = true;
		found.fin = found.ack != NOT_FOUND && found.ack < shown ? found.ack : shown;
	}
	return found;
}

static enum tcp_state after_sending_fin(enum tcp_state state)
{
	switch (state) {
	case TCP_STATE_ESTABLISHED:
		return TCP_STATE_FIN_WAIT1;
	case TCP_STATE_CLOSE_WAIT:
		return TCP_STATE_LAST_ACK;
	default:
		return state;
	}
}

static enum tcp_state after_ack(enum tcp_state state)
{
	switch (state) {
	case TCP_STATE_FIN_WAIT1:
		return TCP_STATE_FIN_WAIT2;
	case TCP_STATE_CLOSING:
		return TCP_STATE_TIME_WAIT;
	case TCP_STATE_LAST_ACK:
		return TCP_STATE_CLOSED;
	default:
		return state;
	}
}

static enum tcp_state after_fin(enum tcp_state state)
{
	switch (state) {
	case TCP_STATE_ESTABLISHED:
		return TCP_STATE_CLOSE_WAIT;
	case TCP_STATE_FIN_WAIT1:
		return TCP_STATE_CLOSING;
	case TCP_STATE_FIN_WAIT2:
		return TCP_STATE_TIME_WAIT;
	default:
		return state;
	}
}

struct chain {
	struct state_change *changes;
	uint32_t count;
	uint32_t room;
	enum tcp_state state;
};

static void move(struct chain *chain, uint64_t time, enum tcp_state to)
{
	if (to == chain->state || chain->count == chain->room)
		return;
	chain->changes[chain->count++] = (struct state_change){
		.time = time, .from = (uint8_t)chain->state, .to = (uint8_t)to, .observed = false};
	chain->state = to;
}

/* Where the end was before the first segment, as far as its own socket or the other end's
 * tells. */
static enum tcp_state first_state(const struct connection_end *own,
				  const struct connection_end *other)
{
	if (own->has_socket && own->state_count)
		return (enum tcp_state)own->states[0].from;
	if (!other->has_socket || !other->state_count)
		return TCP_STATE_ESTABLISHED;
	switch (other->states[0].from) {
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_LAST_ACK:
		return TCP_STATE_FIN_WAIT2;
	case TCP_STATE_FIN_WAIT2:
		return TCP_STATE_CLOSE_WAIT;
	default:
		return TCP_STATE_ESTABLISHED;
	}
}

bool ended_by_fins(const struct connection_end *end)
{
	const struct state_change *last;

	if (!end->has_socket || !end->socket.over || !end->state_count || end->socket.error)
		return false;
	last = &end->states[end->state_count - 1];
	return last->to == TCP_STATE_TIME_WAIT || last->from == TCP_STATE_LAST_ACK;
}

uint32_t infer_states(const struct connection_view *connection, unsigned int end,
		      struct state_change *changes, uint32_t room)
{
	struct arrivals arrivals = find_arrivals(connection, end);
	struct chain chain = {
		.changes = changes,
		.room = room,
		.state = first_state(&connection->ends[end], &connection->ends[!end]),
	};

	for (uint32_t i = 0; i < connection->segment_count; i++) {
		const struct segment *segment = &connection->segments[i];

		/* Crossed: the FIN had been on its way before the segment that shows it. */
		if (i == arrivals.fin && arrivals.crossed)
			move(&chain, segment->time, after_fin(chain.state));
		if (i == arrivals.ack)
			move(&chain, segment->time, after_ack(chain.state));
		if (i == arrivals.fin && !arrivals.crossed)
			move(&chain, segment->time, after_fin(chain.state));
		if (is_fin(segment, end))
			move(&chain, segment->time, after_sending_fin(chain.state));
		if (segment->flags & SEGMENT_RST && !ended_by_fins(&connection->ends[!end]))
			move(&chain, segment->time, TCP_STATE_CLOSED);
	}
	return chain.count;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/inference.h"

static enum tcp_state after_sending(enum tcp_state state, const struct segment *segment)
{
	if (segment->flags & SEGMENT_RST)
		return TCP_STATE_CLOSED;
	if (!(segment->flags & SEGMENT_FIN))
		return state;
	if (state == TCP_STATE_ESTABLISHED)
		return TCP_STATE_FIN_WAIT1;
	if (state == TCP_STATE_CLOSE_WAIT)
		return TCP_STATE_LAST_ACK;
	return state;
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

/* Where the end was before the first segment, as far as the other end's socket tells. */
static enum tcp_state first_state(const struct connection_end *other)
{
	if (other->has_socket && other->state_count &&
	    other->states[0].from == TCP_STATE_CLOSE_WAIT)
		return TCP_STATE_FIN_WAIT2;
	return TCP_STATE_ESTABLISHED;
}

uint32_t infer_states(const struct connection_view *connection, unsigned int end,
		      struct state_change *changes, uint32_t room)
{
	struct chain chain = {
		.changes = changes,
		.room = room,
		.state = first_state(&connection->ends[!end]),
	};

	for (uint32_t i = 0; i < connection->segment_count; i++) {
		const struct segment *segment = &connection->segments[i];

		if (segment->sender == end) {
			move(&chain, segment->time, after_sending(chain.state, segment));
			continue;
		}
		if (segment->flags & SEGMENT_RST) {
			move(&chain, segment->time, TCP_STATE_CLOSED);
			continue;
		}
		if (segment->acks != NO_SEGMENT)
			move(&chain, segment->time, after_ack(chain.state));
		if (segment->flags & SEGMENT_FIN)
			move(&chain, segment->time, after_fin(chain.state));
	}
	return chain.count;
}

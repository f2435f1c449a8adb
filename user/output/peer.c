// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/peer.h"

#define NOT_FOUND (-1)

static bool is_fin(const struct segment *segment, unsigned int sender)
{
	return segment->sender == sender && segment->flags & SEGMENT_FIN;
}

/* The number after a FIN: what its acknowledgement carries at least. */
static uint32_t fin_end(const struct segment *fin)
{
	return fin->seq + fin->payload + 1;
}

static bool covers(const struct segment *segment, uint32_t number)
{
	return segment->flags & SEGMENT_ACK && (int32_t)(segment->ack - number) >= 0;
}

static int64_t first_fin(const struct connection_view *connection, unsigned int sender)
{
	for (uint32_t i = 0; i < connection->segment_count; i++)
		if (is_fin(&connection->segments[i], sender))
			return i;
	return NOT_FOUND;
}

static int64_t last_fin_before(const struct connection_view *connection, unsigned int sender,
			       int64_t end)
{
	for (int64_t i = end - 1; i >= 0; i--)
		if (is_fin(&connection->segments[i], sender))
			return i;
	return NOT_FOUND;
}

/* The first segment after start that acknowledges the FIN at index fin. */
static int64_t first_ack_after(const struct connection_view *connection, int64_t start, int64_t fin)
{
	const struct segment *segments = connection->segments;

	for (int64_t i = start + 1; i < connection->segment_count; i++)
		if (segments[i].sender != segments[fin].sender &&
		    covers(&segments[i], fin_end(&segments[fin])))
			return i;
	return NOT_FOUND;
}

/* What the peer was in before the first change of our own end. */
static enum tcp_state first_state(const struct connection_end *us)
{
	switch (us->state_count ? us->states[0].from : TCP_STATE_ESTABLISHED) {
	case TCP_STATE_FIN_WAIT2:
		return TCP_STATE_CLOSE_WAIT;
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_LAST_ACK:
		return TCP_STATE_FIN_WAIT2;
	case TCP_STATE_CLOSING:
		return TCP_STATE_CLOSING;
	default:
		return TCP_STATE_ESTABLISHED;
	}
}

void peer_init(struct peer *peer, const struct connection_view *connection, unsigned int end)
{
	int64_t ours = first_fin(connection, !end);
	int64_t theirs = first_fin(connection, end);
	int64_t shown = NOT_FOUND;

	*peer = (struct peer){
		.connection = connection,
		.end = end,
		.state = first_state(&connection->ends[!end]),
		.fin_arrives = NOT_FOUND,
		.ack_arrives = NOT_FOUND,
	};
	/* A FIN sent again: the copy before the answer is the one that arrived. */
	if (theirs != NOT_FOUND)
		peer->ack_arrives = first_ack_after(
			connection, last_fin_before(connection, end, connection->segment_count),
			theirs);
	if (ours != NOT_FOUND)
		shown = first_ack_after(connection, ours, ours);
	if (shown == NOT_FOUND)
		return;
	peer->fin_arrives = last_fin_before(connection, !end, shown);
	if (theirs > peer->fin_arrives && theirs < shown) {
		peer->crossed = true;
		peer->fin_arrives = shown;
		if (peer->ack_arrives != NOT_FOUND && peer->ack_arrives < shown)
			peer->fin_arrives = peer->ack_arrives;
	}
}

static void take_fin(struct peer *peer)
{
	if (peer->state == TCP_STATE_ESTABLISHED)
		peer->state = TCP_STATE_CLOSE_WAIT;
	else if (peer->state == TCP_STATE_FIN_WAIT1)
		peer->state = TCP_STATE_CLOSING;
	else if (peer->state == TCP_STATE_FIN_WAIT2)
		peer->state = TCP_STATE_TIME_WAIT;
}

static void take_ack(struct peer *peer)
{
	if (peer->state == TCP_STATE_FIN_WAIT1)
		peer->state = TCP_STATE_FIN_WAIT2;
	else if (peer->state == TCP_STATE_CLOSING)
		peer->state = TCP_STATE_TIME_WAIT;
	else if (peer->state == TCP_STATE_LAST_ACK)
		peer->state = TCP_STATE_CLOSED;
}

static void send_fin(struct peer *peer)
{
	if (peer->state == TCP_STATE_ESTABLISHED)
		peer->state = TCP_STATE_FIN_WAIT1;
	else if (peer->state == TCP_STATE_CLOSE_WAIT)
		peer->state = TCP_STATE_LAST_ACK;
}

enum tcp_state peer_next(struct peer *peer, uint32_t index)
{
	const struct segment *segment = &peer->connection->segments[index];
	enum tcp_state before = peer->state;

	if (index == peer->fin_arrives && peer->crossed)
		take_fin(peer);
	if (index == peer->ack_arrives)
		take_ack(peer);
	if (index == peer->fin_arrives && !peer->crossed)
		take_fin(peer);
	if (is_fin(segment, peer->end))
		send_fin(peer);
	if (segment->flags & SEGMENT_RST)
		peer->state = TCP_STATE_CLOSED;
	return peer->state == before ? TCP_STATE_UNKNOWN : peer->state;
}

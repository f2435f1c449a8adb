// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/derivation.h"

#include <string.h>

#include "core/flow.h"
#include "core/inference.h"
#include "core/joined.h"

/* The end whose FIN came before all that was seen, told by a socket found closing; or -1. */
static int earlier_closer(const struct connection_view *view)
{
	for (int end = 0; end < 2; end++) {
		if (!view->ends[end].has_socket || !view->ends[end].state_count)
			continue;
		switch (view->ends[end].states[0].from) {
		case TCP_STATE_CLOSE_WAIT:
		case TCP_STATE_LAST_ACK:
			return !end;
		case TCP_STATE_FIN_WAIT1:
		case TCP_STATE_FIN_WAIT2:
			return end;
		}
	}
	return -1;
}

/* The FIN of one end, as far as the segments were walked. */
struct fin_walk {
	bool seen;
	bool acked;     /* at all */
	uint32_t waits; /* transmissions before this index have been acknowledged */
};

/* The oldest transmission of a FIN with this number after it, or NO_SEGMENT. */
static int oldest_fin(const struct connection_view *view, unsigned int sender, uint32_t from,
		      uint32_t before, uint32_t end)
{
	for (uint32_t i = from; i < before; i++) {
		const struct segment *segment = &view->segments[i];

		if (segment->sender == sender && segment->flags & SEGMENT_FIN &&
		    !(segment->flags & SEGMENT_RST) && segment->seq + segment->payload + 1 == end)
			return (int)i;
	}
	return NO_SEGMENT;
}

/* From a FIN to its acknowledgement: with a recording from each end as the FIN's sender saw it, so
 * that the clocks do not matter. */
static uint64_t waited(const struct connection_view *view, const struct segment *fin,
		       const struct segment *ack)
{
	const struct sighting *left, *arrived;

	if (!view->joined)
		return ack->time - fin->time;
	left = joined_sighting(view, fin, fin->sender);
	arrived = joined_sighting(view, ack, fin->sender);
	if (left && arrived && arrived->time >= left->time)
		return arrived->time - left->time;
	return ack->time - fin->time;
}

/* A later segment repeats the number: as in Wireshark the first one acknowledges, and of several
 * transmissions the oldest. Which of them arrived the number does not say (RFC 6298, 3), but since
 * when the sender has waited. A RST with this number shows that the FIN had come, too. */
static void derive_ack(const struct connection_view *view, uint32_t index, struct fin_walk *walk,
		       bool closed_first)
{
	struct segment *segment = &view->segments[index];
	int acked;

	if (!(segment->flags & SEGMENT_ACK) || !walk->seen)
		return;
	acked = oldest_fin(view, !segment->sender, walk->waits, index, segment->ack);
	if (acked == NO_SEGMENT)
		return;
	segment->acks = (int16_t)acked;
	segment->ack_rtt = waited(view, &view->segments[acked], segment);
	walk->waits = index;
	if (!walk->acked && !(segment->flags & SEGMENT_RST))
		segment->wave = closed_first ? 2 : 4;
	walk->acked = true;
}

static void derive_fin(struct connection_view *view, uint32_t index, struct fin_walk *walk,
		       int *first)
{
	struct segment *segment = &view->segments[index];
	uint32_t end = segment->seq + segment->payload + 1;

	if (segment->notes & SEGMENT_SENT_BEFORE ||
	    oldest_fin(view, segment->sender, 0, index, end) != NO_SEGMENT) {
		segment->retransmission = true;
		view->fin_retransmissions[segment->sender]++;
	}
	if (walk->seen)
		return;
	walk->seen = true;
	if (*first < 0)
		*first = segment->sender;
	segment->wave = *first == segment->sender ? 1 : 3;
}

static void derive_segments(struct connection_view *view)
{
	struct fin_walk fins[2] = {0};
	int first = earlier_closer(view); /* the end whose FIN came first */

	view->fin_retransmissions[0] = 0;
	view->fin_retransmissions[1] = 0;
	for (uint32_t i = 0; i < view->segment_count; i++) {
		struct segment *segment = &view->segments[i];

		segment->wave = 0;
		segment->acks = NO_SEGMENT;
		segment->ack_rtt = 0;
		segment->retransmission = false;
		derive_ack(view, i, &fins[!segment->sender], first == !segment->sender);
		if (segment->flags & SEGMENT_FIN && !(segment->flags & SEGMENT_RST))
			derive_fin(view, i, &fins[segment->sender], &first);
	}
}

/* Ids are shown and compared between recordings: unlike flow_hash() it stays what it is. */
static uint64_t key_of_addresses(const struct flow *flow)
{
	uint64_t words[4];
	uint64_t key = (uint64_t)flow->local_port << 16 | flow->remote_port;

	memcpy(words, flow->local, sizeof(flow->local));
	memcpy(words + 2, flow->remote, sizeof(flow->remote));
	for (int i = 0; i < 4; i++)
		key = hash_join(key, words[i]);
	return key;
}

static void derive_id(struct connection *connection)
{
	struct connection_view *view = &connection->view;
	const struct connection_end *ends = view->ends;
	uint64_t key;

	if (connection_has_numbers(connection))
		key = ends[0].isn < ends[1].isn ? (uint64_t)ends[0].isn << 32 | ends[1].isn
						: (uint64_t)ends[1].isn << 32 | ends[0].isn;
	else if (view->segment_count)
		/* Without initial numbers: those of the first segment, which NAT leaves alone, too.
		 */
		key = (uint64_t)view->segments[0].seq << 32 | view->segments[0].ack;
	else
		key = key_of_addresses(&connection->tuples[0].flow);
	view->id[0] = hash_mix(key);
	view->id[1] = hash_mix(key ^ 0x9e3779b97f4a7c15ull);
}

/* The addresses of a connection as the recording at this end has them. Where it has several, it saw
 * them translated: the first of what was sent, the last of what was received are the end's own. */
static struct flow flow_at(const struct connection *connection, unsigned int end)
{
	const struct connection_view *view = &connection->view;
	const struct tuple_link *found = NULL;
	bool first = view->segment_count && view->segments[0].sender == end;

	for (unsigned int i = 0; i < connection->tuple_count; i++)
		if (connection->tuples[i].sources & 1 << view->ends[end].source &&
		    (!found || !first))
			found = &connection->tuples[i];
	if (!found)
		found = &connection->tuples[0];
	return found->first_end == end ? found->flow : flow_reverse(&found->flow);
}

static void derive_joined(struct connection *connection)
{
	struct connection_view *view = &connection->view;

	view->joined = false;
	if (connection->sources != (1 << CONNECTION_CAPTURES) - 1)
		return;
	joined_derive(view);
	for (unsigned int end = 0; view->joined && end < 2; end++) {
		struct connection_end *shown = &view->ends[end];

		shown->flow = shown->has_socket ? shown->socket.flow : flow_at(connection, end);
		memcpy(shown->address, shown->flow.local, sizeof(shown->address));
		shown->port = shown->flow.local_port;
	}
}

void derivation_fill(struct connection *connection)
{
	derive_joined(connection);
	derive_segments(&connection->view);
	for (unsigned int end = 0; end < 2; end++)
		if (!connection->view.ends[end].has_socket)
			connection->view.ends[end].state_count =
				infer_states(&connection->view, end, connection->ends[end].states,
					     CONNECTION_STATES);
	derive_id(connection);
}

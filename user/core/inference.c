// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/inference.h"

#include <stddef.h>

#include "core/joined.h"

#define NOT_FOUND (-1)

/* What an end saw, in the order in which it did. */
struct story {
	uint32_t count;
	struct {
		const struct segment *segment;
		uint64_t time;
	} events[CONNECTION_SEGMENTS];
};

static void add_event(struct story *story, const struct segment *segment, uint64_t time)
{
	uint32_t at = story->count;

	if (at == CONNECTION_SEGMENTS)
		return;
	for (; at > 0 && story->events[at - 1].time > time; at--)
		story->events[at] = story->events[at - 1];
	story->events[at].segment = segment;
	story->events[at].time = time;
	story->count++;
}

/* What the whole story says of one end, so that a segment that was lost or that
 * crossed another is not taken for one that arrived. Indices of events, or
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

/* A recording made at the end does not have it: it was lost on its way, unless that recording has
 * nothing that the other end sent, or the end itself acknowledges it. */
static bool never_came(const struct connection_view *view, const struct segment *segment,
		       unsigned int end)
{
	bool comes = false, copied = false, acknowledged = false;

	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *other = &view->segments[i];
		bool here = joined_sighting(view, other, end);

		comes |= other->sender != end && here;
		copied |= is_fin(other, !end) && here;
		acknowledged |= acknowledges(other, segment);
	}
	return comes && !(segment->flags & SEGMENT_FIN && acknowledged && !copied);
}

/* Where several queues are captured the answer may come before what it answers. */
static uint64_t time_of(const struct connection_view *view, const struct segment *segment,
			const struct sighting *here, unsigned int end)
{
	uint64_t time = here->time;

	if (!is_fin(segment, !end))
		return time;
	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *answer = &view->segments[i];
		const struct sighting *left = joined_sighting(view, answer, end);

		if (left && left->time < time && acknowledges(answer, segment))
			time = left->time;
	}
	return time;
}

static void fill_story(struct story *story, const struct connection_view *view, unsigned int end)
{
	story->count = 0;
	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *segment = &view->segments[i];
		const struct sighting *here =
			view->joined ? joined_sighting(view, segment, end) : NULL;

		if (here)
			add_event(story, segment, time_of(view, segment, here, end));
		else if (!view->joined || segment->sender == end || !never_came(view, segment, end))
			add_event(story, segment, segment->time);
	}
}

static int64_t first_fin(const struct story *story, unsigned int sender)
{
	for (uint32_t i = 0; i < story->count; i++)
		if (is_fin(story->events[i].segment, sender))
			return i;
	return NOT_FOUND;
}

static int64_t last_fin_before(const struct story *story, unsigned int sender, int64_t index)
{
	while (--index >= 0 && !is_fin(story->events[index].segment, sender))
		;
	return index;
}

static int64_t first_ack_after(const struct story *story, int64_t index, int64_t fin)
{
	while (++index < story->count)
		if (acknowledges(story->events[index].segment, story->events[fin].segment))
			return index;
	return NOT_FOUND;
}

static struct arrivals find_arrivals(const struct story *story, unsigned int end)
{
	int64_t own = first_fin(story, end);
	int64_t others = first_fin(story, !end);
	struct arrivals found = {.fin = NOT_FOUND, .ack = NOT_FOUND};
	int64_t shown; /* the first segment of this end that shows that it has the
			  other's FIN */

	/* Of a FIN sent again, the copy before the answer is the one that arrived; of
	 * several answers, the one that ended the repetition. */
	if (own != NOT_FOUND)
		found.ack = first_ack_after(story, last_fin_before(story, end, story->count), own);
	if (others == NOT_FOUND)
		return found;
	shown = first_ack_after(story, others, others);
	if (shown == NOT_FOUND)
		return found;
	found.fin = last_fin_before(story, !end, shown);
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

static bool socket_ended_by_fins(const struct connection_end *end)
{
	const struct state_change *last;

	if (!end->has_socket || !end->socket.over || !end->state_count || end->socket.error)
		return false;
	last = &end->states[end->state_count - 1];
	return last->to == TCP_STATE_TIME_WAIT || last->from == TCP_STATE_LAST_ACK;
}

bool ended_by_fins(const struct connection_end *end)
{
	if (end->has_socket)
		return socket_ended_by_fins(end);
	return end->state_count && end->states[end->state_count - 1].to == TCP_STATE_TIME_WAIT;
}

uint32_t infer_states(const struct connection_view *connection, unsigned int end,
		      struct state_change *changes, uint32_t room)
{
	struct arrivals arrivals;
	struct story story;
	struct chain chain = {
		.changes = changes,
		.room = room,
		.state = first_state(&connection->ends[end], &connection->ends[!end]),
	};

	fill_story(&story, connection, end);
	arrivals = find_arrivals(&story, end);
	for (uint32_t i = 0; i < story.count; i++) {
		const struct segment *segment = story.events[i].segment;
		uint64_t time = story.events[i].time;

		/* Crossed: the FIN had been on its way before the segment that shows it. */
		if (i == arrivals.fin && arrivals.crossed)
			move(&chain, time, after_fin(chain.state));
		if (i == arrivals.ack)
			move(&chain, time, after_ack(chain.state));
		if (i == arrivals.fin && !arrivals.crossed)
			move(&chain, time, after_fin(chain.state));
		if (is_fin(segment, end))
			move(&chain, time, after_sending_fin(chain.state));
		/* One that ends TIME_WAIT is no part of the teardown. */
		if (segment->flags & SEGMENT_RST && chain.state != TCP_STATE_TIME_WAIT &&
		    !socket_ended_by_fins(&connection->ends[!end]))
			move(&chain, time, TCP_STATE_CLOSED);
	}
	return chain.count;
}

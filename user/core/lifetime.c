// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/lifetime.h"

#include "core/captured.h"
#include "core/orphan.h"
#include "core/reporting.h"
#include "core/socket.h"

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* How long nothing may be heard of a close that the wire shows whole: an acknowledgement that was
 * seen may still have been lost, and then the FIN is sent again after twice as long each time (RFC
 * 6298, 5.5). */
static uint64_t silence_of(const struct correlator *correlator, const struct connection *connection)
{
	const struct connection_view *view = &connection->view;
	uint64_t last[2] = {0, 0}, longest = 0;

	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *segment = &view->segments[i];

		if (!(segment->flags & SEGMENT_FIN))
			continue;
		if (last[segment->sender] && segment->time - last[segment->sender] > longest)
			longest = segment->time - last[segment->sender];
		last[segment->sender] = segment->time;
	}
	return correlator->settings.silence + 2 * longest;
}

/* Nothing more of it is to come: both FINs were acknowledged, so that a socket at the other end, if
 * it is one of this machine, was told of before. A segment that is sent again concerns a TIME_WAIT,
 * which is kept apart. Thousands that linger would have left the processor's caches when they go.
 */
static bool is_whole(const struct correlator *correlator, const struct connection *connection)
{
	return !correlator->settings.wire && correlator->settings.sources == 1 &&
	       connection_fins_acknowledged(connection);
}

/* How long what belongs to its end may still come. Where both sockets are of this machine the one
 * that closed last had seen all of it, and only what is told twice may follow. */
static uint64_t settle_of(const struct correlator *correlator, const struct connection *connection)
{
	const struct connection_end *ends = connection->view.ends;

	return ends[0].socket.over && ends[1].socket.over && is_whole(correlator, connection)
		       ? correlator->settings.settle_whole
		       : correlator->settings.settle;
}

/* The deadline of what comes next for this connection; UINT64_MAX: only a record moves it. */
static uint64_t next_deadline(const struct correlator *correlator,
			      const struct connection *connection)
{
	const struct correlator_settings *settings = &correlator->settings;
	uint64_t deadline = UINT64_MAX, over = 0;
	bool waiting = false;

	if (reporting_is_done(connection))
		return connection->last_time + settings->linger;
	if (!connection->claimed) {
		if (settings->wire)
			return connection_closed_on_wire(connection)
				       ? connection->last_time + settings->settle
				       : captured_gives_up(connection);
		return connection->last_time + settings->unclaimed_life;
	}
	for (unsigned int i = 0; i < 2; i++) {
		const struct end_state *end = &connection->ends[i];

		if (!connection->view.ends[i].has_socket || end->reported)
			continue;
		if (connection->view.ends[i].socket.over) {
			waiting = true;
			over = end->over_time > over ? end->over_time : over;
		} else if (end->orphan) {
			deadline = earlier(deadline,
					   orphan_deadline(connection, i, settings->orphan_limit));
		} else if (connection->view.ends[i].state_count &&
			   connection_fins_acknowledged(connection)) {
			deadline = earlier(deadline, connection->last_time +
							     silence_of(correlator, connection));
		}
	}
	return waiting ? earlier(deadline, over + settle_of(correlator, connection)) : deadline;
}

void lifetime_set(struct correlator *correlator, struct connection *connection)
{
	uint64_t deadline = next_deadline(correlator, connection);

	if (deadline == UINT64_MAX)
		heap_remove(&correlator->deadlines, &connection->deadline);
	else if (deadline != connection->deadline.time ||
		 connection->deadline.position == HEAP_NONE)
		heap_set(&correlator->deadlines, &connection->deadline, deadline);
}

void lifetime_forget(struct correlator *correlator, struct connection *connection)
{
	heap_remove(&correlator->deadlines, &connection->deadline);
	connection_free(&correlator->table, connection);
}

/* Its close is whole on the wire, and nothing was heard since of a socket that was heard before. */
static bool is_silent(const struct correlator *correlator, const struct connection *connection,
		      unsigned int end, uint64_t time)
{
	const struct connection_end *shown = &connection->view.ends[end];

	return shown->has_socket && !shown->socket.over && shown->state_count &&
	       !connection->ends[end].orphan &&
	       connection->last_time + silence_of(correlator, connection) <= time &&
	       connection_fins_acknowledged(connection);
}

static void expire(struct correlator *correlator, struct connection *connection, uint64_t time)
{
	if (reporting_is_done(connection)) {
		lifetime_forget(correlator, connection);
		return;
	}
	if (!connection->claimed) {
		connection->view.wire.given_up = !connection_closed_on_wire(connection);
		if (correlator->settings.wire)
			reporting_of_wire(correlator, connection, 0);
		else
			correlator->stats.unclaimed += connection->view.segment_count;
		/* The other of two recordings may still show the last segment, or what is late. */
		if (!correlator->settings.wire || correlator->settings.sources < 2) {
			lifetime_forget(correlator, connection);
			return;
		}
		connection_retire(&correlator->table, connection);
		lifetime_set(correlator, connection);
		return;
	}
	for (unsigned int end = 0; end < 2; end++) {
		const struct end_state *state = &connection->ends[end];

		if (state->orphan && !state->reported &&
		    orphan_deadline(connection, end, correlator->settings.orphan_limit) <= time)
			orphan_give_up(connection, end, time);
		else if (is_silent(correlator, connection, end, time))
			correlator->changes_missed += socket_presume_over(connection, end);
	}
	correlator_count_losses(correlator);
	reporting_of_over(correlator, connection);
	if (reporting_is_done(connection) && is_whole(correlator, connection)) {
		lifetime_forget(correlator, connection);
		return;
	}
	connection->last_time = time;
	lifetime_set(correlator, connection);
}

void lifetime_advance(struct correlator *correlator, uint64_t now)
{
	struct heap_item *first;

	while ((first = heap_first(&correlator->deadlines)) && first->time <= now)
		expire(correlator, container_of(first, struct connection, deadline), first->time);
	waiting_advance(&correlator->waiting, now);
}

void lifetime_drop(struct correlator *correlator, struct connection *connection,
		   enum incomplete_reason reason)
{
	if (!correlator->settings.wire)
		correlator->stats.unclaimed += connection->view.segment_count;
	else if (!reporting_is_done(connection))
		reporting_of_wire(correlator, connection, reason);
	lifetime_forget(correlator, connection);
}

/* Of a socket that was open then, something may be forgotten with this one. */
static void note_gap(struct correlator *correlator, const struct connection *victim)
{
	uint64_t *gap = &correlator->gap[victim->source % CONNECTION_CAPTURES];

	if (victim->last_time > *gap)
		*gap = victim->last_time;
}

/* Of a capture first those that only wait for what may come late. */
static void evict_unclaimed(struct correlator *correlator)
{
	struct connection_list *unclaimed = &correlator->table.unclaimed;
	struct heap_item *first = heap_first(&correlator->deadlines);
	struct connection *closed = first ? container_of(first, struct connection, deadline) : NULL;
	struct connection *victim = unclaimed->oldest;

	if (correlator->settings.wire && closed && closed->list == unclaimed)
		victim = closed;
	correlator->stats.evicted +=
		correlator->settings.wire && !connection_closed_on_wire(victim);
	note_gap(correlator, victim);
	lifetime_drop(correlator, victim, INCOMPLETE_EVICTED);
}

void lifetime_make_room(struct correlator *correlator)
{
	struct connection_table *table = &correlator->table;

	if (table->told.count > correlator->settings.unclaimed)
		lifetime_forget(correlator, table->told.oldest);
	if (table->unclaimed.count > correlator->settings.unclaimed)
		evict_unclaimed(correlator);
	if (table->claimed.count > correlator->settings.connections) {
		struct connection *oldest = table->claimed.oldest;

		if (!reporting_is_done(oldest)) {
			correlator->stats.evicted++;
			note_gap(correlator, oldest);
			reporting_as_it_stands(correlator, oldest, INCOMPLETE_EVICTED);
		}
		lifetime_forget(correlator, oldest);
	}
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/correlator.h"

#include <stdlib.h>

#include "core/correlator_state.h"
#include "core/intake.h"
#include "core/lifetime.h"

#define MS 1000000ull
#define S (1000 * MS)

const struct correlator_settings correlator_defaults = {
	.connections = 1 << 17,
	.time_waits = 1 << 20,
	.unclaimed = 1 << 13,
	.segments = CONNECTION_SEGMENTS,
	.settle = 20 * MS,
	.settle_whole = MS,
	.tolerance = 5 * MS,
	.linger = 100 * MS,
	.unclaimed_life = 120 * S,
	.orphan_limit = 70 * S, /* TCP_TIMEWAIT_LEN and what the timer wheel rounds up */
	.time_wait_limit = 70 * S,
	.silence = 2 * S, /* a FIN that was not acknowledged would have been sent again */
	.sources = 1,
};

/* Nobody waits for a report, and what comes late (a FIN again, because its acknowledgement was
 * lost) is best told in the story that it belongs to. */
const struct correlator_settings correlator_of_capture = {
	.connections = 1 << 13,
	.time_waits = 1 << 17,
	.unclaimed = 1 << 13,
	.segments = CONNECTION_SEGMENTS,
	.settle = 10 * S,
	.tolerance = 5 * MS,
	.linger = 100 * MS,
	.unclaimed_life = 120 * S,
	.orphan_limit = 70 * S,
	.time_wait_limit = 70 * S,
	.silence = 2 * S,
	.sources = 1,
	.wire = true,
};

struct correlator *correlator_new(const struct correlator_settings *settings,
				  const struct correlator_listener *listener)
{
	struct correlator *correlator = calloc(1, sizeof(*correlator));

	if (!correlator)
		return NULL;
	correlator->settings = *settings;
	correlator->listener = *listener;
	heap_init(&correlator->deadlines);
	arrivals_init(&correlator->arrivals);
	if (connection_table_init(&correlator->table)) {
		free(correlator);
		return NULL;
	}
	if (waiting_init(&correlator->waiting)) {
		correlator_free(correlator);
		return NULL;
	}
	correlator->waiting.room = settings->time_waits;
	correlator->waiting.stats = &correlator->stats;
	correlator->waiting.wire = settings->wire;
	correlator->waiting.limit = settings->time_wait_limit;
	correlator->waiting.listener = (struct waiting_listener){
		.began = listener->time_wait_began,
		.ended = listener->time_wait,
		.question = listener->question,
		.context = listener->context,
	};
	return correlator;
}

void correlator_free(struct correlator *correlator)
{
	if (!correlator)
		return;
	connection_table_done(&correlator->table);
	waiting_done(&correlator->waiting);
	heap_done(&correlator->deadlines);
	arrivals_done(&correlator->arrivals);
	free(correlator);
}

const struct core_stats *correlator_stats(const struct correlator *correlator)
{
	return &correlator->stats;
}

static uint64_t greater(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* Losses as the source counts them and as the stories show them are the same ones. */
void correlator_count_losses(struct correlator *correlator)
{
	correlator->stats.lost[RECORD_STATE] =
		greater(correlator->changes_told_lost, correlator->changes_missed);
	correlator->stats.lost[RECORD_TIME_WAIT] =
		greater(correlator->ends_told_lost, correlator->waiting.missed);
}

/* Between the end of the teardown and its report. */
static bool waits_unreported(const struct connection *connection, unsigned int end)
{
	const struct connection_end *shown = &connection->view.ends[end];

	return shown->socket.over && !connection->ends[end].reported && shown->state_count &&
	       shown->states[shown->state_count - 1].to == TCP_STATE_TIME_WAIT;
}

/* Those of which one end is a mini-socket are among them (lifetime_set()), and few others: of a
 * hundred thousand that are half closed none. */
static const struct connection *with_deadline(const struct correlator *correlator, size_t number)
{
	return container_of(correlator->deadlines.entries[number].item, struct connection,
			    deadline);
}

size_t correlator_mini_sockets(const struct correlator *correlator, uint32_t netns)
{
	size_t count = time_waits_count(&correlator->waiting.table, netns);

	for (size_t i = 0; i < correlator->deadlines.count; i++) {
		const struct connection *at = with_deadline(correlator, i);

		for (unsigned int end = 0; end < 2; end++)
			count += at->view.ends[end].socket.netns == netns &&
				 (at->ends[end].orphan || waits_unreported(at, end));
	}
	return count;
}

static size_t add_place(uint32_t *netns, size_t count, size_t room, uint32_t another)
{
	for (size_t i = 0; i < count; i++)
		if (netns[i] == another)
			return count;
	if (count < room)
		netns[count++] = another;
	return count;
}

size_t correlator_places(const struct correlator *correlator, uint32_t *netns, size_t room)
{
	const struct time_wait_place *place = correlator->waiting.table.newest_place;
	size_t count = 0;

	for (; place; place = place->next)
		count = add_place(netns, count, room, place->netns);
	for (size_t i = 0; i < correlator->deadlines.count; i++) {
		const struct connection *at = with_deadline(correlator, i);

		for (unsigned int end = 0; end < 2; end++)
			if (at->ends[end].orphan)
				count = add_place(netns, count, room,
						  at->view.ends[end].socket.netns);
	}
	return count;
}

bool correlator_is_empty(const struct correlator *correlator)
{
	return !correlator->waiting.table.count && !correlator->table.claimed.count &&
	       !correlator->arrivals.count;
}

void correlator_question_all(struct correlator *correlator, uint32_t netns)
{
	const struct correlator_listener *listener = &correlator->listener;

	for (size_t i = 0; listener->question && i < correlator->deadlines.count; i++) {
		const struct connection *at = with_deadline(correlator, i);

		for (unsigned int end = 0; end < 2; end++)
			if (at->ends[end].orphan && at->view.ends[end].socket.netns == netns)
				listener->question(listener->context,
						   &at->view.ends[end].socket.flow, netns);
	}
	waiting_question_all(&correlator->waiting, netns);
}

uint64_t correlator_deadline(const struct correlator *correlator)
{
	const struct record *held = arrivals_first(&correlator->arrivals);
	uint64_t deadline = lifetime_deadline(correlator);

	return held && held->time < deadline ? held->time : deadline;
}

static size_t record_size(uint16_t kind)
{
	static const size_t sizes[RECORD_KINDS] = {
		[RECORD_STATE] = sizeof(struct state_record),
		[RECORD_SEGMENT] = sizeof(struct segment_record),
		[RECORD_RESET] = sizeof(struct reset_record),
		[RECORD_RETRANSMIT] = sizeof(struct retransmit_record),
		[RECORD_TIME_WAIT] = sizeof(struct time_wait_record),
		[RECORD_NAMESPACE] = sizeof(struct namespace_record),
		[RECORD_OWNER] = sizeof(struct owner_record),
		[RECORD_LOSS] = sizeof(struct loss_record),
		[RECORD_END] = sizeof(struct record),
		[RECORD_WIRE] = sizeof(struct wire_record),
		[RECORD_TICK] = sizeof(struct record),
	};

	return kind < RECORD_KINDS ? sizes[kind] : 0;
}

/* A record may come from anybody's file: it is whole, and its numbers stand for something. */
static bool is_sound(const struct record *record, size_t length)
{
	const struct state_record *state = (const void *)record;
	const struct loss_record *loss = (const void *)record;
	size_t size;

	if (length < sizeof(*record) || record->length > length ||
	    !(size = record_size(record->kind)) || record->length < size)
		return false;
	if (record->kind == RECORD_STATE)
		return state->from < TCP_STATES && state->to < TCP_STATES;
	return record->kind != RECORD_LOSS || loss->lost_kind < RECORD_KINDS;
}

void correlator_advance(struct correlator *correlator, uint64_t now)
{
	const struct record *first;

	while ((first = arrivals_first(&correlator->arrivals)) && first->time <= now) {
		if (lifetime_deadline(correlator) <= first->time)
			lifetime_advance(correlator, first->time);
		intake_take(correlator, first);
		arrivals_remove_first(&correlator->arrivals);
	}
	if (lifetime_deadline(correlator) <= now)
		lifetime_advance(correlator, now);
}

bool correlator_feed(struct correlator *correlator, const struct record *record, size_t length)
{
	uint64_t tolerance = correlator->settings.tolerance;

	if (!is_sound(record, length)) {
		correlator->stats.bad_records++;
		return false;
	}
	if (record->kind == RECORD_TICK) {
		correlator_advance(correlator, record->time);
		return true;
	}
	correlator->stats.records++;
	if (record->time > correlator->newest)
		correlator->newest = record->time;
	/* A loss concerns all that is reported from now on. */
	if (record->kind == RECORD_LOSS) {
		intake_take(correlator, record);
		return true;
	}
	/* Nothing older comes from a source that ended; without room order cannot be kept. */
	if (record->kind == RECORD_END || !arrivals_add(&correlator->arrivals, record)) {
		correlator_advance(correlator, correlator->newest);
		intake_take(correlator, record);
	} else if (correlator->newest > tolerance) {
		correlator_advance(correlator, correlator->newest - tolerance);
	}
	return true;
}

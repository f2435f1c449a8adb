// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Segments that the offset is estimated from, of each recording. */
#define SEGMENTS (1 << 18)
/* Records lie in order of time but for a few; one that is far ahead of those behind it must not
 * keep them back. */
#define LOOKAHEAD 16

#define S 1000000000ull
/* After the end of a close: until it was seen at the other end, too. */
#define SETTLE (3 * S)
/* An error beyond says that next to nothing is known. */
#define LATE_MOST (60 * S)
/* A FIN that is not acknowledged is sent again, at last after 26 s (tcp_orphan_retries is 8); each
 * copy is in both. */
#define LINGER (30 * S)
#define UNCLAIMED (1 << 14)

/* Any record that is known. */
struct slot {
	union {
		struct record header;
		struct state_record state;
		struct segment_with_tail segment;
		struct time_wait_record time_wait;
		struct wire_record wire;
	};
};

/* One recording on its way into the common story. */
struct lane {
	struct record_source source;
	struct slot slots[LOOKAHEAD];
	unsigned int first, count;
	uint64_t last; /* the latest time so far, on the common clock */
	bool ended;
};

struct join {
	struct clock_estimate estimate;
	struct lane lanes[JOIN_SOURCES];
	struct lane *told; /* its first record is the caller's until the next call */
};

struct join *join_new(const struct record_source sources[JOIN_SOURCES])
{
	struct join *join = calloc(1, sizeof(*join));

	for (unsigned int i = 0; join && i < JOIN_SOURCES; i++)
		join->lanes[i].source = sources[i];
	return join;
}

void join_free(struct join *join)
{
	free(join);
}

static void feed_segments(struct clock_offset *clock_offset, const struct record_source *source,
			  uint16_t index)
{
	const struct record *record;
	struct segment_record segment;

	while ((record = source->next(source->context))) {
		if (record->kind != RECORD_SEGMENT || record->length < sizeof(segment))
			continue;
		memcpy(&segment, record, sizeof(segment));
		segment.header.source = index;
		segment.header.time += (uint64_t)source->wall_offset(source->context);
		clock_offset_feed(clock_offset, &segment.header, sizeof(segment));
	}
}

int join_estimate(struct join *join, struct clock_estimate *estimate)
{
	struct clock_offset *clock_offset = clock_offset_new(SEGMENTS);
	int error = clock_offset ? 0 : -ENOMEM;

	for (unsigned int i = 0; !error && i < JOIN_SOURCES; i++) {
		const struct record_source *source = &join->lanes[i].source;

		feed_segments(clock_offset, source, (uint16_t)i);
		error = source->rewind(source->context);
	}
	if (!error)
		error = clock_offset_result(clock_offset, &join->estimate);
	clock_offset_free(clock_offset);
	*estimate = join->estimate;
	return error;
}

static uint64_t common_time(const struct join *join, const struct lane *lane, uint64_t time)
{
	time += (uint64_t)lane->source.wall_offset(lane->source.context);
	return lane == join->lanes ? time : clock_estimate_correct(&join->estimate, time);
}

static void move(const struct join *join, const struct lane *lane, __u64 *time)
{
	if (*time)
		*time = common_time(join, lane, *time);
}

/* To the clock that both have in common, with all times in it. */
static void translate(const struct join *join, const struct lane *lane, struct slot *slot)
{
	slot->header.source = (uint16_t)(lane - join->lanes);
	slot->header.time = common_time(join, lane, slot->header.time);
	if (slot->header.kind == RECORD_STATE)
		move(join, lane, &slot->state.born);
	else if (slot->header.kind == RECORD_TIME_WAIT)
		move(join, lane, &slot->time_wait.taken);
	else if (slot->header.kind == RECORD_WIRE)
		move(join, lane, &slot->wire.born);
}

static void fill(const struct join *join, struct lane *lane)
{
	const struct record *record;

	while (!lane->ended && lane->count < LOOKAHEAD) {
		struct slot *slot = &lane->slots[(lane->first + lane->count) % LOOKAHEAD];

		record = lane->source.next(lane->source.context);
		if (!record) {
			lane->ended = true;
			slot->header = (struct record){
				.length = sizeof(slot->header),
				.kind = RECORD_END,
				.source = (uint16_t)(lane - join->lanes),
				.time = lane->last,
			};
			lane->count++;
			return;
		}
		if (record->length > sizeof(*slot))
			continue;
		memcpy(slot, record, record->length);
		translate(join, lane, slot);
		lane->last = slot->header.time > lane->last ? slot->header.time : lane->last;
		/* Its place is behind all others, whatever the file says. */
		lane->count += slot->header.kind != RECORD_END;
	}
}

/* When the first of a lane is due: no later than those behind it. */
static uint64_t due(const struct lane *lane)
{
	uint64_t time = UINT64_MAX;

	for (unsigned int i = 0; i < lane->count; i++) {
		uint64_t at = lane->slots[(lane->first + i) % LOOKAHEAD].header.time;

		time = at < time ? at : time;
	}
	return time;
}

const struct record *join_next(struct join *join)
{
	struct lane *next = &join->lanes[0];

	if (join->told) {
		join->told->first = (join->told->first + 1) % LOOKAHEAD;
		join->told->count--;
	}
	for (unsigned int i = 0; i < JOIN_SOURCES; i++) {
		struct lane *lane = &join->lanes[i];

		fill(join, lane);
		if (lane->count && (!next->count || due(lane) < due(next)))
			next = lane;
	}
	join->told = next->count ? next : NULL;
	return next->count ? &next->slots[next->first].header : NULL;
}

struct correlator_settings join_settings(const struct clock_estimate *estimate, bool captures)
{
	struct correlator_settings settings =
		captures ? correlator_of_capture : correlator_defaults;
	uint64_t late = 2 * (estimate->error < LATE_MOST ? estimate->error : LATE_MOST);

	settings.sources = JOIN_SOURCES;
	if (settings.settle < SETTLE)
		settings.settle = SETTLE;
	settings.settle += late;
	settings.silence += late;
	settings.linger = LINGER;
	settings.unclaimed = UNCLAIMED;
	return settings;
}

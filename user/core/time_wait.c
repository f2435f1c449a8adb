// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/time_wait.h"

#include <errno.h>
#include <stdlib.h>

/* A segment is seen at one place after another within this time. */
#define SAME_SEGMENT 20000000ull

int time_waits_init(struct time_waits *waits)
{
	*waits = (struct time_waits){0};
	heap_init(&waits->questions);
	pool_init(&waits->pool, sizeof(struct time_wait));
	if (map_init(&waits->by_flow) || map_init(&waits->places))
		return -ENOMEM;
	return 0;
}

void time_waits_done(struct time_waits *waits)
{
	while (waits->oldest)
		time_waits_remove(waits, waits->oldest);
	pool_done(&waits->pool);
	map_done(&waits->by_flow);
	map_done(&waits->places);
	heap_done(&waits->questions);
}

static uint64_t hash_of(const struct flow *flow, uint64_t place)
{
	return flow_hash(flow) + hash_mix(place);
}

static void list_add(struct time_waits *waits, struct time_wait *wait)
{
	wait->older = waits->newest;
	wait->newer = NULL;
	if (waits->newest)
		waits->newest->newer = wait;
	else
		waits->oldest = wait;
	waits->newest = wait;
}

static void list_remove(struct time_waits *waits, struct time_wait *wait)
{
	if (wait->older)
		wait->older->newer = wait->newer;
	else
		waits->oldest = wait->newer;
	if (wait->newer)
		wait->newer->older = wait->older;
	else
		waits->newest = wait->older;
}

static struct time_wait_place *find_place(const struct time_waits *waits, uint32_t netns)
{
	struct map_link *at = map_first(&waits->places, hash_mix(netns));

	for (; at; at = map_next(at)) {
		struct time_wait_place *place = container_of(at, struct time_wait_place, link);

		if (place->netns == netns)
			return place;
	}
	return NULL;
}

static bool place_enter(struct time_waits *waits, uint32_t netns)
{
	struct time_wait_place *place = find_place(waits, netns);

	if (!place) {
		place = calloc(1, sizeof(*place));
		if (!place)
			return false;
		place->netns = netns;
		place->next = waits->newest_place;
		place->previous = &waits->newest_place;
		if (place->next)
			place->next->previous = &place->next;
		waits->newest_place = place;
		map_add(&waits->places, &place->link, hash_mix(netns));
	}
	place->count++;
	return true;
}

static void place_leave(struct time_waits *waits, uint32_t netns)
{
	struct time_wait_place *place = find_place(waits, netns);

	if (--place->count)
		return;
	*place->previous = place->next;
	if (place->next)
		place->next->previous = place->previous;
	map_remove(&waits->places, &place->link);
	free(place);
}

size_t time_waits_count(const struct time_waits *waits, uint32_t netns)
{
	const struct time_wait_place *place = find_place(waits, netns);

	return place ? place->count : 0;
}

struct time_wait *time_waits_add(struct time_waits *waits, const struct time_wait *like)
{
	struct time_wait *wait = pool_take(&waits->pool);

	if (!wait || !place_enter(waits, like->netns)) {
		pool_give(&waits->pool, wait);
		return NULL;
	}
	*wait = *like;
	wait->notes = NULL;
	wait->heard = wait->start;
	list_add(waits, wait);
	waits->count++;
	map_add(&waits->by_flow, &wait->link, hash_of(&wait->flow, time_wait_place(wait)));
	return wait;
}

void time_waits_hear(struct time_waits *waits, struct time_wait *wait, uint64_t time)
{
	list_remove(waits, wait);
	list_add(waits, wait);
	wait->heard = time;
}

void time_waits_remove(struct time_waits *waits, struct time_wait *wait)
{
	list_remove(waits, wait);
	place_leave(waits, wait->netns);
	waits->count--;
	map_remove(&waits->by_flow, &wait->link);
	if (wait->notes)
		heap_remove(&waits->questions, &wait->notes->question);
	free(wait->notes);
	pool_give(&waits->pool, wait);
}

struct time_wait *time_waits_find(const struct time_waits *waits, const struct flow *flow,
				  uint64_t place)
{
	struct map_link *at = map_first(&waits->by_flow, hash_of(flow, place));

	for (; at; at = map_next(at)) {
		struct time_wait *wait = container_of(at, struct time_wait, link);

		if (time_wait_place(wait) == place && flow_equal(&wait->flow, flow))
			return wait;
	}
	return NULL;
}

struct time_wait_notes *time_wait_notes(struct time_wait *wait)
{
	if (wait->notes)
		return wait->notes;
	wait->notes = calloc(1, sizeof(*wait->notes));
	if (wait->notes) {
		wait->notes->wait = wait;
		wait->notes->question.position = HEAP_NONE;
	}
	return wait->notes;
}

static bool is_same(const struct late_segment *late, const struct segment_record *record,
		    bool from_peer)
{
	return late->from_peer == from_peer && late->flags == record->flags &&
	       late->seq == record->seq && late->ack == record->ack &&
	       record->header.time < late->time + SAME_SEGMENT;
}

void time_wait_add_late(struct time_wait *wait, const struct segment_record *record, bool from_peer)
{
	struct time_wait_notes *notes = time_wait_notes(wait);
	unsigned int kept;

	if (!notes)
		return;
	kept = notes->late_count < TIME_WAIT_LATE ? notes->late_count : TIME_WAIT_LATE;
	for (unsigned int i = 0; i < kept; i++)
		if (is_same(&notes->late[i], record, from_peer))
			return;
	if (kept < TIME_WAIT_LATE)
		notes->late[kept] = (struct late_segment){
			.time = record->header.time,
			.seq = record->seq,
			.ack = record->ack,
			.payload = record->payload,
			.flags = record->flags,
			.from_peer = from_peer,
		};
	if (notes->late_count < UINT16_MAX)
		notes->late_count++;
}

struct time_wait_report time_wait_report(const struct time_wait *wait, uint64_t time,
					 enum time_wait_end ended_by)
{
	const struct time_wait_notes *notes = wait->notes;
	bool unseen = ended_by == TIME_WAIT_BY_TIMER && notes && notes->overdue;
	struct time_wait_report report = {
		.id = {wait->id[0], wait->id[1]},
		.flow = wait->flow,
		.netns = wait->netns,
		.source = wait->source,
		.start = wait->start,
		.duration = time > wait->start ? time - wait->start : 0,
		.timeout = TIME_WAIT_LENGTH,
		.left = wait->heard + TIME_WAIT_LENGTH > time
				? wait->heard + TIME_WAIT_LENGTH - time
				: 0,
		.restarts = wait->restarts,
		.substate = TCP_STATE_TIME_WAIT,
		.start_inferred = wait->found || wait->start_unseen,
		.wire = wait->wire,
		.end_seen = (ended_by != TIME_WAIT_ENDED && !unseen) || (notes && notes->gone),
		.end_inferred = unseen,
		.ended_by = ended_by,
	};

	if (notes) {
		report.late = notes->late;
		report.late_count = notes->late_count;
		report.late_kept =
			notes->late_count < TIME_WAIT_LATE ? notes->late_count : TIME_WAIT_LATE;
	}
	return report;
}

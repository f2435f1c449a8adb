// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/lanes.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "base/near.h"
#include "record.h"

#define NONE UINT32_MAX
#define FIRST_CAPACITY 256
/* So many bytes before it is taken a record is called near: another processor wrote it. */
#define AHEAD 512

/* Records of one lane, side by side. */
struct load {
	const char *at; /* the next one */
	const char *end;
	unsigned long behind;
	uint32_t next; /* load of the same lane */
};

struct lane {
	struct heap_item item; /* by the time of its next record */
	uint32_t first;        /* load, or NONE */
	uint32_t last;
};

struct lanes {
	ring_take take;
	void *context;
	struct heap order;
	struct lane *lanes; /* and one more for what was kept */
	size_t count;
	struct load *loads; /* as they came */
	uint32_t load_count, load_capacity;
	uint32_t oldest; /* load that is not taken as a whole */
	unsigned long behind;
	struct buffer kept, spare;
};

/* So that the heap never has to grow again. */
static int reserve_order(struct lanes *lanes)
{
	int error = 0;

	for (size_t i = 0; i <= lanes->count; i++) {
		lanes->lanes[i].item.position = HEAP_NONE;
		lanes->lanes[i].first = NONE;
		if (!error)
			error = heap_set(&lanes->order, &lanes->lanes[i].item, 0);
	}
	for (size_t i = 0; i <= lanes->count; i++)
		heap_remove(&lanes->order, &lanes->lanes[i].item);
	return error;
}

struct lanes *lanes_new(size_t count, ring_take take, void *context)
{
	struct lanes *lanes = calloc(1, sizeof(*lanes));

	if (!lanes)
		return NULL;
	lanes->take = take;
	lanes->context = context;
	lanes->count = count;
	heap_init(&lanes->order);
	buffer_init(&lanes->kept);
	buffer_init(&lanes->spare);
	lanes->lanes = calloc(count + 1, sizeof(*lanes->lanes));
	if (!lanes->lanes || reserve_order(lanes)) {
		lanes_free(lanes);
		return NULL;
	}
	return lanes;
}

void lanes_free(struct lanes *lanes)
{
	if (!lanes)
		return;
	heap_done(&lanes->order);
	buffer_done(&lanes->kept);
	buffer_done(&lanes->spare);
	free(lanes->lanes);
	free(lanes->loads);
	free(lanes);
}

/* The next record of a load, NULL at its end: the rest is none if it is too short for that. */
static const struct record *load_record(const struct load *load)
{
	const struct record *record = (const void *)load->at;
	size_t left = (size_t)(load->end - load->at);

	if (left < sizeof(*record) || record->length < sizeof(*record) || record->length > left)
		return NULL;
	return record;
}

/* The next record of a lane; it is in the order by that one's time, or not at all. */
static const struct record *lane_record(struct lanes *lanes, struct lane *lane)
{
	while (lane->first != NONE) {
		struct load *load = &lanes->loads[lane->first];
		const struct record *record = load_record(load);

		if (record)
			return record;
		load->at = load->end;
		lane->first = load->next;
	}
	return NULL;
}

static void queue(struct lanes *lanes, struct lane *lane)
{
	const struct record *record = lane_record(lanes, lane);

	if (record)
		heap_set(&lanes->order, &lane->item, record->time);
}

static bool grow(struct lanes *lanes)
{
	uint32_t capacity = lanes->load_capacity ? lanes->load_capacity * 2 : FIRST_CAPACITY;
	struct load *loads = realloc(lanes->loads, capacity * sizeof(*loads));

	if (!loads)
		return false;
	lanes->loads = loads;
	lanes->load_capacity = capacity;
	return true;
}

bool lanes_add(struct lanes *lanes, uint32_t number, const void *records, size_t length,
	       unsigned long behind)
{
	struct lane *lane;

	if (number > lanes->count || (lanes->load_count == lanes->load_capacity && !grow(lanes)))
		return false;
	lane = &lanes->lanes[number];
	lanes->loads[lanes->load_count] = (struct load){
		.at = records,
		.end = (const char *)records + length,
		.behind = behind,
		.next = NONE,
	};
	if (lane->first != NONE)
		lanes->loads[lane->last].next = lanes->load_count;
	else
		lane->first = lanes->load_count;
	lane->last = lanes->load_count++;
	if (lane->item.position == HEAP_NONE)
		queue(lanes, lane);
	return true;
}

static void note_taken(struct lanes *lanes)
{
	while (lanes->oldest < lanes->load_count &&
	       lanes->loads[lanes->oldest].at == lanes->loads[lanes->oldest].end)
		lanes->behind = lanes->loads[lanes->oldest++].behind;
}

/* The lane whose turn it is, out of the order; NULL: no record is of up to `until`. */
static struct lane *next_lane(struct lanes *lanes, uint64_t until)
{
	struct heap_item *item = heap_first(&lanes->order);

	if (!item || item->time > until)
		return NULL;
	heap_remove(&lanes->order, item);
	return (struct lane *)item; /* its first member */
}

/* Until when its records come before those of all others. */
static uint64_t turn_end(const struct lanes *lanes, uint64_t until)
{
	const struct heap_item *other = heap_first(&lanes->order);

	return other && other->time < until ? other->time : until;
}

/* Whether there are more. */
static bool give(struct lanes *lanes, uint64_t until, size_t amount, ring_take to, void *context)
{
	struct lane *lane = NULL;
	size_t done = 0;

	while (done < amount && (lane = next_lane(lanes, until))) {
		uint64_t end = turn_end(lanes, until);
		const struct record *record;

		while ((record = lane_record(lanes, lane)) && record->time <= end) {
			size_t length = record->length;

			near_call((const char *)record + AHEAD, length);
			to(context, record, length);
			lanes->loads[lane->first].at += length;
			done += length;
		}
		queue(lanes, lane);
	}
	note_taken(lanes);
	return lane != NULL;
}

bool lanes_take(struct lanes *lanes, uint64_t until, size_t amount)
{
	return give(lanes, until, amount, lanes->take, lanes->context);
}

unsigned long lanes_behind(const struct lanes *lanes)
{
	return lanes->behind;
}

static void keep_record(void *context, const struct record *record, size_t length)
{
	struct lanes *lanes = context;

	buffer_add(&lanes->spare, record, length);
	if (!lanes->spare.failed)
		return;
	/* Too early is better than never. */
	lanes->take(lanes->context, record, length);
	lanes->spare.failed = false;
}

/* There is room for the one load of what was kept: there was one that it came from. */
void lanes_keep(struct lanes *lanes)
{
	struct buffer kept;

	buffer_clear(&lanes->spare);
	give(lanes, UINT64_MAX, SIZE_MAX, keep_record, lanes);
	kept = lanes->kept;
	lanes->kept = lanes->spare;
	lanes->spare = kept;
	lanes->load_count = lanes->oldest = 0;
	if (lanes->kept.length)
		lanes_add(lanes, (uint32_t)lanes->count, lanes->kept.data, lanes->kept.length,
			  lanes->behind);
}

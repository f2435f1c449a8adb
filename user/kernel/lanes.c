// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/lanes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/heap.h"
#include "base/near.h"
#include "record.h"

#define NONE UINT32_MAX
#define FIRST_CAPACITY 256
/* So many bytes before it is taken a record is called near: another processor wrote it. */
#define AHEAD 512
/* A block of so many bytes is mapped, a smaller one allocated. */
#define MAPPED_FROM (64 << 10)

/* Records of one lane, side by side. */
struct load {
	const char *at; /* the next one */
	const char *end;
	unsigned long behind;
	uint32_t next; /* load of the same lane */
};

/* What was kept at one time: the rest of loads that were in the ring. */
struct block {
	struct block *next;
	uint32_t loads_end; /* the load behind them */
	size_t size;
	_Alignas(struct record) char bytes[];
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
	struct lane *lanes;
	size_t count;
	struct load *loads; /* as they came */
	uint32_t load_count, load_capacity;
	uint32_t oldest; /* load that is not taken as a whole */
	uint32_t kept;   /* those before it are in blocks or taken, the others in the ring */
	unsigned long behind;
	struct block *blocks, **blocks_end;
	size_t blocks_size;
};

/* So that the heap never has to grow again. */
static int reserve_order(struct lanes *lanes)
{
	int error = 0;

	for (size_t i = 0; i < lanes->count; i++) {
		lanes->lanes[i].item.position = HEAP_NONE;
		lanes->lanes[i].first = NONE;
		if (!error)
			error = heap_set(&lanes->order, &lanes->lanes[i].item, 0);
	}
	for (size_t i = 0; i < lanes->count; i++)
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
	lanes->blocks_end = &lanes->blocks;
	lanes->lanes = calloc(count, sizeof(*lanes->lanes));
	if (!lanes->lanes || reserve_order(lanes)) {
		lanes_free(lanes);
		return NULL;
	}
	return lanes;
}

/* All of its pages at once, and none stays behind; for a small one that is too much ado. NULL: no
 * memory. */
static struct block *new_block(size_t size)
{
	struct block *block = NULL;
	size_t length = sizeof(*block) + size;

	if (size < MAPPED_FROM) {
		block = malloc(length);
	} else {
		void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (mapped != MAP_FAILED)
			block = mapped;
	}
	if (block)
		*block = (struct block){.size = size};
	return block;
}

/* The oldest one. */
static void free_block(struct lanes *lanes)
{
	struct block *block = lanes->blocks;

	lanes->blocks = block->next;
	if (!lanes->blocks)
		lanes->blocks_end = &lanes->blocks;
	lanes->blocks_size -= block->size;
	if (block->size < MAPPED_FROM)
		free(block);
	else
		munmap(block, sizeof(*block) + block->size);
}

void lanes_free(struct lanes *lanes)
{
	if (!lanes)
		return;
	while (lanes->blocks)
		free_block(lanes);
	heap_done(&lanes->order);
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

	if (number >= lanes->count || (lanes->load_count == lanes->load_capacity && !grow(lanes)))
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

/* A load is not in the ring any more, nor is any before it. */
static void note_behind(struct lanes *lanes, const struct load *load)
{
	if (load->behind > lanes->behind)
		lanes->behind = load->behind;
}

static void note_taken(struct lanes *lanes)
{
	while (lanes->oldest < lanes->load_count &&
	       lanes->loads[lanes->oldest].at == lanes->loads[lanes->oldest].end)
		note_behind(lanes, &lanes->loads[lanes->oldest++]);
	if (lanes->kept < lanes->oldest)
		lanes->kept = lanes->oldest;
	while (lanes->blocks && lanes->blocks->loads_end <= lanes->oldest)
		free_block(lanes);
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

bool lanes_take(struct lanes *lanes, uint64_t until, size_t amount)
{
	struct lane *lane = NULL;
	size_t done = 0;

	while (done < amount && (lane = next_lane(lanes, until))) {
		uint64_t end = turn_end(lanes, until);
		const struct record *record;

		while ((record = lane_record(lanes, lane)) && record->time <= end) {
			size_t length = record->length;

			near_call((const char *)record + AHEAD, length);
			lanes->take(lanes->context, record, length);
			lanes->loads[lane->first].at += length;
			done += length;
		}
		queue(lanes, lane);
	}
	note_taken(lanes);
	return lane != NULL;
}

unsigned long lanes_behind(const struct lanes *lanes)
{
	return lanes->behind;
}

/* What the rest of a load takes in a block, where its records stand as in the ring. */
static size_t room_of(const struct load *load)
{
	const size_t alignment = _Alignof(struct record);

	return ((size_t)(load->end - load->at) + alignment - 1) / alignment * alignment;
}

/* In a block from now on: the loads before `end`. */
static void move(struct lanes *lanes, struct block *block, uint32_t end)
{
	char *to = block->bytes;

	for (uint32_t i = lanes->kept; i < end; i++) {
		struct load *load = &lanes->loads[i];
		size_t length = (size_t)(load->end - load->at), room = room_of(load);

		memcpy(to, load->at, length);
		load->at = to;
		load->end = to + length;
		to += room;
	}
	block->loads_end = end;
	*lanes->blocks_end = block;
	lanes->blocks_end = &block->next;
	lanes->blocks_size += block->size;
}

/* Forgets the loads that are taken. */
static void close_ranks(struct lanes *lanes)
{
	uint32_t gone = lanes->oldest;

	memmove(lanes->loads, lanes->loads + gone,
		(lanes->load_count - gone) * sizeof(*lanes->loads));
	lanes->load_count -= gone;
	lanes->kept -= gone;
	for (uint32_t i = 0; i < lanes->load_count; i++)
		if (lanes->loads[i].next != NONE)
			lanes->loads[i].next -= gone;
	for (size_t i = 0; i < lanes->count; i++) {
		if (lanes->lanes[i].first == NONE)
			continue;
		lanes->lanes[i].first -= gone;
		lanes->lanes[i].last -= gone;
	}
	for (struct block *block = lanes->blocks; block; block = block->next)
		block->loads_end -= gone;
	lanes->oldest = 0;
}

size_t lanes_in_ring(const struct lanes *lanes)
{
	return lanes->load_count - lanes->kept;
}

bool lanes_keep(struct lanes *lanes, size_t amount, size_t most)
{
	uint32_t end = lanes->kept;
	struct block *block;
	size_t size = 0;

	while (end < lanes->load_count && size < amount)
		size += room_of(&lanes->loads[end++]);
	if (size) {
		if (size > most || lanes->blocks_size > most - size)
			return false;
		block = new_block(size);
		if (!block)
			return false;
		move(lanes, block, end);
	}
	if (end)
		note_behind(lanes, &lanes->loads[end - 1]);
	lanes->kept = end;
	if (lanes->oldest && lanes->oldest >= lanes->load_count / 2)
		close_ranks(lanes);
	return true;
}

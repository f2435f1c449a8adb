/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A priority queue of deadlines that live inside the caller's objects: the earliest first, equal
 * ones in the order they were set. Memory only; knows no clock.
 */
#ifndef TCPCLOSE_BASE_HEAP_H
#define TCPCLOSE_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_NONE SIZE_MAX

struct heap_item {
	uint64_t time;
	size_t position; /* HEAP_NONE: not queued */
};

/* Times stand in the queue itself: to compare them no item is looked at. */
struct heap_entry {
	uint64_t time;
	uint64_t order;
	struct heap_item *item;
};

struct heap {
	struct heap_entry *entries;
	size_t count;
	size_t capacity;
	uint64_t orders;
};

void heap_init(struct heap *heap);
void heap_done(struct heap *heap);

/* Queues an item or moves it. 0 or -ENOMEM, and then it is not queued. */
int heap_set(struct heap *heap, struct heap_item *item, uint64_t time);
void heap_remove(struct heap *heap, struct heap_item *item);

static inline struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count ? heap->entries[0].item : NULL;
}

#endif

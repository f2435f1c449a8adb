// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

void heap_init(struct heap *heap)
{
	*heap = (struct heap){0};
}

void heap_done(struct heap *heap)
{
	free(heap->entries);
	heap_init(heap);
}

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->time < b->time || (a->time == b->time && a->order < b->order);
}

static void place(struct heap *heap, const struct heap_entry *entry, size_t position)
{
	heap->entries[position] = *entry;
	entry->item->position = position;
}

/* Puts an entry where it belongs, from a position that is free. */
static void settle(struct heap *heap, struct heap_entry entry, size_t position)
{
	struct heap_entry *entries = heap->entries;

	while (position > 0 && before(&entry, &entries[(position - 1) / 2])) {
		place(heap, &entries[(position - 1) / 2], position);
		position = (position - 1) / 2;
	}
	for (;;) {
		size_t child = position * 2 + 1;

		if (child + 1 < heap->count && before(&entries[child + 1], &entries[child]))
			child++;
		if (child >= heap->count || !before(&entries[child], &entry))
			break;
		place(heap, &entries[child], position);
		position = child;
	}
	place(heap, &entry, position);
}

static int reserve(struct heap *heap)
{
	size_t capacity = heap->capacity ? heap->capacity * 2 : 256;
	struct heap_entry *entries;

	if (heap->count < heap->capacity)
		return 0;
	entries = realloc(heap->entries, capacity * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	heap->entries = entries;
	heap->capacity = capacity;
	return 0;
}

int heap_set(struct heap *heap, struct heap_item *item, uint64_t time)
{
	if (item->position == HEAP_NONE) {
		if (reserve(heap))
			return -ENOMEM;
		item->position = heap->count++;
	}
	item->time = time;
	settle(heap, (struct heap_entry){time, heap->orders++, item}, item->position);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
	struct heap_entry last;

	if (item->position == HEAP_NONE)
		return;
	last = heap->entries[--heap->count];
	if (last.item != item)
		settle(heap, last, item->position);
	item->position = HEAP_NONE;
}

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
	free(heap->items);
	heap_init(heap);
}

static bool before(const struct heap_item *a, const struct heap_item *b)
{
	return a->time < b->time || (a->time == b->time && a->order < b->order);
}

static void place(struct heap *heap, struct heap_item *item, size_t position)
{
	heap->items[position] = item;
	item->position = position;
}

static void sift_up(struct heap *heap, struct heap_item *item)
{
	size_t position = item->position;

	while (position > 0) {
		struct heap_item *parent = heap->items[(position - 1) / 2];

		if (!before(item, parent))
			break;
		place(heap, parent, position);
		position = (position - 1) / 2;
	}
	place(heap, item, position);
}

static void sift_down(struct heap *heap, struct heap_item *item)
{
	size_t position = item->position;

	for (;;) {
		size_t child = position * 2 + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child]))
			child++;
		if (!before(heap->items[child], item))
			break;
		place(heap, heap->items[child], position);
		position = child;
	}
	place(heap, item, position);
}

static int reserve(struct heap *heap)
{
	size_t capacity = heap->capacity ? heap->capacity * 2 : 256;
	struct heap_item **items;

	if (heap->count < heap->capacity)
		return 0;
	items = realloc(heap->items, capacity * sizeof(*items));
	if (!items)
		return -ENOMEM;
	heap->items = items;
	heap->capacity = capacity;
	return 0;
}

int heap_set(struct heap *heap, struct heap_item *item, uint64_t time)
{
	if (item->position == HEAP_NONE) {
		if (reserve(heap))
			return -ENOMEM;
		place(heap, item, heap->count++);
	}
	item->time = time;
	item->order = heap->orders++;
	sift_up(heap, item);
	sift_down(heap, item);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
	struct heap_item *last;

	if (item->position == HEAP_NONE)
		return;
	last = heap->items[--heap->count];
	if (last != item) {
		place(heap, last, item->position);
		sift_up(heap, last);
		sift_down(heap, last);
	}
	item->position = HEAP_NONE;
}

struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/pending_queue.h"

#include "base/near.h"

/* So many newer ones are passed on the way to a place in the list. */
#define STEPS_BACK 32

void pending_queue_init(struct pending_queue *queue)
{
	*queue = (struct pending_queue){0};
	heap_init(&queue->late);
}

void pending_queue_done(struct pending_queue *queue)
{
	heap_done(&queue->late);
}

static void insert_behind(struct pending_queue *queue, struct pending *older,
			  struct pending *pending)
{
	pending->older = older;
	pending->newer = older ? older->newer : queue->oldest;
	if (older)
		older->newer = pending;
	else
		queue->oldest = pending;
	if (pending->newer)
		pending->newer->older = pending;
	else
		queue->newest = pending;
}

int pending_queue_add(struct pending_queue *queue, struct pending *pending, uint64_t time)
{
	struct pending *older = queue->newest;

	pending->time = time;
	pending->order = queue->orders++;
	for (int steps = 0; older && older->time > time; older = older->older)
		if (++steps == STEPS_BACK)
			return heap_set(&queue->late, &pending->due, time);
	insert_behind(queue, older, pending);
	return 0;
}

static struct pending *first_late(const struct pending_queue *queue)
{
	struct heap_item *item = heap_first(&queue->late);

	return item ? container_of(item, struct pending, due) : NULL;
}

struct pending *pending_queue_first(const struct pending_queue *queue)
{
	struct pending *listed = queue->oldest, *late = first_late(queue);

	if (!listed || !late)
		return listed ? listed : late;
	if (late->time != listed->time)
		return late->time < listed->time ? late : listed;
	return late->order < listed->order ? late : listed;
}

struct pending *pending_queue_take(struct pending_queue *queue)
{
	struct pending *first = pending_queue_first(queue);

	if (first != queue->oldest) {
		heap_remove(&queue->late, &first->due);
		return first;
	}
	if (!first)
		return NULL;
	queue->oldest = first->newer;
	if (queue->oldest) {
		queue->oldest->older = NULL;
		near_call(queue->oldest->newer, sizeof(*first));
	} else {
		queue->newest = NULL;
	}
	return first;
}

void pending_queue_each(const struct pending_queue *queue,
			void (*see)(void *context, const struct pending *pending), void *context)
{
	for (const struct pending *pending = queue->oldest; pending; pending = pending->newer)
		see(context, pending);
	for (size_t i = 0; i < queue->late.count; i++)
		see(context, container_of(queue->late.entries[i].item, struct pending, due));
}

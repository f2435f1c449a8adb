// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/arrivals.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void arrivals_init(struct arrivals *arrivals)
{
	*arrivals = (struct arrivals){0};
}

void arrivals_done(struct arrivals *arrivals)
{
	free(arrivals->ring);
}

static bool grow(struct arrivals *arrivals)
{
	size_t capacity = arrivals->capacity ? arrivals->capacity * 2 : FIRST_CAPACITY;
	union arrival *ring;

	if (capacity > ARRIVALS_AT_MOST)
		return false;
	ring = malloc(capacity * sizeof(*ring));
	if (!ring)
		return false;
	for (size_t i = 0; i < arrivals->count; i++)
		ring[i] = *arrival_at(arrivals, i);
	free(arrivals->ring);
	arrivals->ring = ring;
	arrivals->capacity = capacity;
	arrivals->first = 0;
	return true;
}

bool arrivals_add(struct arrivals *arrivals, const struct record *record)
{
	size_t length = record->length, at = arrivals->count;

	if (arrivals->count == arrivals->capacity && !grow(arrivals))
		return false;
	if (length > sizeof(union arrival))
		length = sizeof(union arrival);
	for (; at > 0 && arrival_at(arrivals, at - 1)->header.time > record->time; at--)
		*arrival_at(arrivals, at) = *arrival_at(arrivals, at - 1);
	memcpy(arrival_at(arrivals, at), record, length);
	arrivals->count++;
	return true;
}

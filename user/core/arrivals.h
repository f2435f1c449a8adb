/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Records as they arrive, held back until none that is older can come, so that they are taken in
 * order of time: CPUs and hooks tell of one event in any order. Those of one time stay in order of
 * arrival. It must not know what a record says.
 */
#ifndef TCPCLOSE_CORE_ARRIVALS_H
#define TCPCLOSE_CORE_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define ARRIVALS_AT_MOST 8192

/* What is known of the longest record; what a newer kernel side may append is not kept. */
union arrival {
	struct record header;
	struct state_record state;
	struct segment_with_tail segment;
	struct wire_record wire;
};

/* A ring, in order of time. */
struct arrivals {
	union arrival *ring;
	size_t capacity; /* a power of 2 */
	size_t first;
	size_t count;
};

void arrivals_init(struct arrivals *arrivals);
void arrivals_done(struct arrivals *arrivals);

/* False: there is no room. */
bool arrivals_add(struct arrivals *arrivals, const struct record *record);

static inline union arrival *arrival_at(const struct arrivals *arrivals, size_t index)
{
	return &arrivals->ring[(arrivals->first + index) & (arrivals->capacity - 1)];
}

/* The oldest, or NULL; valid until another is added. */
static inline const struct record *arrivals_first(const struct arrivals *arrivals)
{
	return arrivals->count ? &arrival_at(arrivals, 0)->header : NULL;
}

static inline void arrivals_remove_first(struct arrivals *arrivals)
{
	/* One that comes alone takes the same place each time, which stays near the processor. */
	arrivals->first = --arrivals->count ? (arrivals->first + 1) & (arrivals->capacity - 1) : 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The reading side of the ring buffer. The kernel wakes its descriptor when a record arrives for
 * a reader that had caught up, so a reader that drains in batches is woken once a batch. Knows
 * nothing of what records mean.
 */
#ifndef TCPCLOSE_KERNEL_RING_H
#define TCPCLOSE_KERNEL_RING_H

#include <limits.h>
#include <stddef.h>

struct record;
struct ring;

/* One record; a result below 0 stops the drain. */
typedef int (*ring_take)(void *context, const struct record *record, size_t length);

/* 0 or a negative errno. */
int ring_open(struct ring **ring, int map, ring_take take, void *context);
void ring_close(struct ring *ring);

/* Readable when records wait. */
int ring_descriptor(const struct ring *ring);

#define RING_MORE INT_MAX

/* Takes all that is there, but no more than the ring has room for: where records come faster than
 * they are taken that would have no end. How many, RING_MORE if some may be left, or the negative
 * result of take(). */
int ring_drain(struct ring *ring);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The reading side of the ring buffer, and of the stages where records gather before they go into
 * it: gives all records in order of time. The kernel wakes its descriptor when records arrive for a
 * reader that had caught up, so a reader that drains in batches is woken once a batch. Knows
 * nothing of what records mean.
 */
#ifndef TCPCLOSE_KERNEL_RING_H
#define TCPCLOSE_KERNEL_RING_H

#include <stddef.h>
#include <stdint.h>

struct record;
struct ring;

typedef void (*ring_take)(void *context, const struct record *record, size_t length);

/* What the kernel side has. */
struct ring_source {
	int ring;
	int stages;
	int sender; /* the program stages_send */
};

/* 0 or a negative errno. */
int ring_open(struct ring **ring, const struct ring_source *source, ring_take take, void *context);
void ring_close(struct ring *ring);

/* Readable when records wait, if the last drain said that it would be. */
int ring_descriptor(const struct ring *ring);

/* When to drain again. */
enum ring_rest {
	RING_QUIET,     /* when the descriptor is readable: there was nothing for a while */
	RING_GATHERS,   /* within RING_BATCH, whether the descriptor tells so or not */
	RING_IS_BEHIND, /* at once: much has come meanwhile */
	RING_WAITS,     /* in a moment: a program is just about to tell something */
};

/* Records gather this long before they are taken: one wake-up for many. */
#define RING_BATCH 20000000ull

/* Takes all records of up to `now`. */
enum ring_rest ring_drain(struct ring *ring, uint64_t now);

/* Takes all records of up to this moment. */
void ring_drain_all(struct ring *ring);

/* Of no later time than this there is a record that was not taken. */
uint64_t ring_taken_until(const struct ring *ring);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Records in order of time, out of lanes in each of which they are already: what the stages of the
 * processors sent. They stay where they are until they are taken. Memory only; it must not know
 * what a record says.
 */
#ifndef TCPCLOSE_KERNEL_LANES_H
#define TCPCLOSE_KERNEL_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/ring.h"

struct lanes;

/* `count`: lanes are 0 to count - 1. NULL: no memory. */
struct lanes *lanes_new(size_t count, ring_take take, void *context);
/* Takes NULL. */
void lanes_free(struct lanes *lanes);

/* The next records of a lane; `behind` is where in the ring they end. False: there is no memory
 * for it, or no such lane. */
bool lanes_add(struct lanes *lanes, uint32_t lane, const void *records, size_t length,
	       unsigned long behind);

/* Takes those of up to `until`, about as many as fill `amount` bytes. Whether there are more. */
bool lanes_take(struct lanes *lanes, uint64_t until, size_t amount);

/* Up to where the ring's bytes are not needed any more. */
unsigned long lanes_behind(const struct lanes *lanes);

/* How many of the loads that were added are still in the ring, as far as is known. */
size_t lanes_in_ring(const struct lanes *lanes);

/* Copies about `amount` bytes of what was not taken, the oldest first: the ring's are not needed
 * any more then. Of all that was copied and is not taken yet there are at most `most` bytes. False:
 * it would be more, or there is no memory, and all stays where it is. */
bool lanes_keep(struct lanes *lanes, size_t amount, size_t most);

#endif

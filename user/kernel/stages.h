/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where records gather on each processor before they go into the ring, as the reader sees it: it
 * has them sent. Knows nothing of what records mean.
 */
#ifndef TCPCLOSE_KERNEL_STAGES_H
#define TCPCLOSE_KERNEL_STAGES_H

#include <stddef.h>
#include <stdint.h>

struct stages;

/* How many there are to be: for as many processors as this machine may have. A negative errno where
 * that is not known. */
int stages_wanted(void);

/* `map`: they themselves; `sender`: the program that sends those of a processor. 0 or a negative
 * errno. */
int stages_open(struct stages **stages, int map, int sender);
/* Takes NULL. */
void stages_close(struct stages *stages);

size_t stages_count(const struct stages *stages);

/* Puts into the ring what has gathered; `now` was asked for before, and `before` is what the last
 * call gave. All records of up to the time that it gives are then in the ring: that is `now`,
 * unless a program was just about to tell something, or the ring is full. */
uint64_t stages_send(const struct stages *stages, uint64_t before, uint64_t now);

#endif

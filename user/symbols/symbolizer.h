/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a user stack as the kernel saw it to functions, files and lines. The files of traced
 * programs are read by a process of our own that is limited in time and memory: one that lies can
 * end that process, not the tracer. Knows nothing of sockets.
 */
#ifndef TCPCLOSE_SYMBOLS_SYMBOLIZER_H
#define TCPCLOSE_SYMBOLS_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stack.h"

struct raw_stack {
	uint64_t key; /* the same for the same way through the same code */
	uint32_t pid; /* a process in which these addresses are */
	uint64_t ip;  /* registers; 0: not known, then there is only the chain */
	uint64_t sp;
	uint64_t fp;
	uint64_t lr;           /* 0 where the architecture has none */
	const uint64_t *chain; /* by frame pointers, the first is ip */
	uint32_t chain_count;
	uint32_t chain_limit; /* a chain of so many was cut */
	const void *copy;     /* of the memory from sp on */
	uint32_t copied;
};

struct symbolizer;

/* Starts the process at the first question. NULL: no memory. */
struct symbolizer *symbolizer_new(void);
void symbolizer_free(struct symbolizer *symbolizer);

/* The stack of a question that was asked, STACK_PENDING until it is answered; NULL if it was not.
 * The same pointer for good, until it is swept. */
const struct stack *symbolizer_find(struct symbolizer *symbolizer, uint32_t pid, uint64_t key);

/* Asks; the answer comes by symbolizer_take(). To be asked once. Returns what symbolizer_find()
 * would, NULL without memory. */
const struct stack *symbolizer_ask(struct symbolizer *symbolizer, const struct raw_stack *raw);

/* Readable when there is an answer, or a deadline of the reading process has passed; below 0 while
 * nothing was asked. */
int symbolizer_descriptor(const struct symbolizer *symbolizer);

/* Takes the answers that are there, without blocking; ends a reading process that takes too long
 * or has died, and goes on with what else was asked. True if any stack has changed. */
bool symbolizer_take(struct symbolizer *symbolizer);

/* The same until nothing is pending or the boot clock reaches `deadline`. */
void symbolizer_wait(struct symbolizer *symbolizer, uint64_t deadline);

/* When symbolizer_take() is to be called though the descriptor is not readable; UINT64_MAX: never.
 */
uint64_t symbolizer_deadline(const struct symbolizer *symbolizer);

/* If more than `limit` stacks are kept, forgets those not found since the last call. */
void symbolizer_sweep(struct symbolizer *symbolizer, size_t limit);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Many small objects of one size, without what malloc() adds to each. What is freed is used again
 * and given back only at the end. It knows nothing of what they are.
 */
#ifndef TCPCLOSE_BASE_POOL_H
#define TCPCLOSE_BASE_POOL_H

#include <stddef.h>

struct pool {
	size_t size; /* of an object, at least a pointer's and a multiple of it */
	struct pool_block *blocks;
	size_t block_count;
	char *fresh; /* in the newest block: objects that were never in use */
	size_t fresh_count;
	void *unused;
};

void pool_init(struct pool *pool, size_t size);
/* Frees all, those in use too. */
void pool_done(struct pool *pool);

/* Not initialized; an object of whole cache lines begins with one. NULL without memory. */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *object); /* NULL is fine */

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/pool.h"

#include <stdlib.h>

#define BLOCK 512 /* objects */

void pool_init(struct pool *pool, size_t size)
{
	*pool = (struct pool){.size = size};
}

void pool_done(struct pool *pool)
{
	while (pool->blocks) {
		void **block = pool->blocks;

		pool->blocks = *block;
		free(block);
	}
	pool->unused = NULL;
}

/* The first word of a block, and of an unused object, leads to the next. */
static void add_block(struct pool *pool)
{
	void **block = malloc(sizeof(*block) + BLOCK * pool->size);
	char *object = (char *)(block + 1);

	if (!block)
		return;
	*block = pool->blocks;
	pool->blocks = block;
	for (int i = 0; i < BLOCK; i++, object += pool->size)
		pool_give(pool, object);
}

void *pool_take(struct pool *pool)
{
	void **object;

	if (!pool->unused)
		add_block(pool);
	object = pool->unused;
	if (object)
		pool->unused = *object;
	return object;
}

void pool_give(struct pool *pool, void *object)
{
	if (!object)
		return;
	*(void **)object = pool->unused;
	pool->unused = object;
}

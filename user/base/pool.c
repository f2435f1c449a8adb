// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/pool.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/large.h"
#include "base/near.h"

#define SMALL ((size_t)64 << 10)
/* Of a large page all is in memory at once: where there are eight, what of the last is not in use
 * is not much. */
#define SMALL_BLOCKS (8 * LARGE_PAGE / SMALL)

/* Objects follow it, from the next line on. */
struct pool_block {
	struct pool_block *next;
};

void pool_init(struct pool *pool, size_t size)
{
	*pool = (struct pool){.size = size};
}

void pool_done(struct pool *pool)
{
	while (pool->blocks) {
		struct pool_block *block = pool->blocks;

		pool->blocks = block->next;
		free(block);
	}
	pool_init(pool, pool->size);
}

static bool add_block(struct pool *pool)
{
	bool large = pool->block_count >= SMALL_BLOCKS;
	size_t size = large ? LARGE_PAGE : SMALL;
	struct pool_block *block = aligned_alloc(large ? LARGE_PAGE : NEAR_LINE, size);

	if (!block)
		return false;
	if (large)
		large_ask(block, size);
	block->next = pool->blocks;
	pool->blocks = block;
	pool->block_count++;
	pool->fresh = (char *)block + NEAR_LINE;
	pool->fresh_count = (size - NEAR_LINE) / pool->size;
	return true;
}

void *pool_take(struct pool *pool)
{
	void **object = pool->unused;

	/* The first word of an unused object leads to the next. */
	if (object) {
		pool->unused = *object;
		return object;
	}
	if (!pool->fresh_count && !add_block(pool))
		return NULL;
	object = (void **)pool->fresh;
	pool->fresh += pool->size;
	pool->fresh_count--;
	return object;
}

void pool_give(struct pool *pool, void *object)
{
	if (!object)
		return;
	*(void **)object = pool->unused;
	pool->unused = object;
}

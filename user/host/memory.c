// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include "base/large.h"

/* The largest threshold that glibc takes (HEAP_MAX_SIZE / 2), and its default. */
#define KEPT_BELOW (32 << 20)
#define GIVEN_FROM (128 << 10)

void memory_keep(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, KEPT_BELOW);
	mallopt(M_TRIM_THRESHOLD, 2 * KEPT_BELOW);
}

void memory_give_back(void)
{
	mallopt(M_MMAP_THRESHOLD, GIVEN_FROM);
	mallopt(M_TRIM_THRESHOLD, GIVEN_FROM);
	malloc_trim(0);
}

static void wish(void *memory, size_t size)
{
	madvise(memory, size, MADV_HUGEPAGE);
}

void memory_large_pages(void)
{
	large_set(wish);
}

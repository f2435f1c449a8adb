// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/large.h"

#include <stdint.h>

static large_wish wish;

void large_set(large_wish new_wish)
{
	wish = new_wish;
}

void large_ask(void *memory, size_t size)
{
	uintptr_t begin = (uintptr_t)memory;
	uintptr_t first = (begin + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
	uintptr_t end = (begin + size) & ~(LARGE_PAGE - 1);

	if (wish && first < end)
		wish((void *)first, end - first);
}

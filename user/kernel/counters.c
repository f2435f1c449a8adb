// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/counters.h"

#include <sys/mman.h>

counters *counters_open(int map, size_t count)
{
	void *mapped = mmap(NULL, count * sizeof(uint64_t), PROT_READ, MAP_SHARED, map, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

void counters_close(counters *these, size_t count)
{
	if (these)
		munmap((void *)these, count * sizeof(uint64_t));
}

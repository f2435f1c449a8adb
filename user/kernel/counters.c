// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
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

uint64_t counters_skipped(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	int descriptor = bpf_program__fd(program);

	if (descriptor < 0 || bpf_obj_get_info_by_fd(descriptor, &info, &length))
		return 0;
	return info.recursion_misses;
}

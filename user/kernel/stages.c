// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/stages.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "stage.h"

/* A program that has a stage has it for less than a microsecond, if it is not kept from running. */
#define ATTEMPTS 16

struct stages {
	const volatile struct stage *mapped;
	size_t count;
	int sender;
};

int stages_wanted(void)
{
	int processors = libbpf_num_possible_cpus();

	return processors < 0 ? processors : processors * STAGE_LEVELS;
}

int stages_open(struct stages **result, int map, int sender)
{
	struct stages *stages = calloc(1, sizeof(*stages));
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	void *mapped = MAP_FAILED;
	int error;

	if (!stages)
		return -ENOMEM;
	error = bpf_obj_get_info_by_fd(map, &info, &length);
	if (!error) {
		mapped = mmap(NULL, info.max_entries * sizeof(*stages->mapped), PROT_READ,
			      MAP_SHARED, map, 0);
		error = mapped == MAP_FAILED ? -errno : 0;
	}
	if (error) {
		free(stages);
		return error;
	}
	stages->mapped = mapped;
	stages->count = info.max_entries;
	stages->sender = sender;
	*result = stages;
	return 0;
}

void stages_close(struct stages *stages)
{
	if (!stages)
		return;
	munmap((void *)stages->mapped, stages->count * sizeof(*stages->mapped));
	free(stages);
}

size_t stages_count(const struct stages *stages)
{
	return stages->count;
}

static const volatile struct stage *stages_of(const struct stages *stages, size_t processor)
{
	return &stages->mapped[processor * STAGE_LEVELS];
}

/* A program that has one may be about to add a record whose time it has read already. */
static bool are_empty(const volatile struct stage *levels)
{
	for (size_t level = 0; level < STAGE_LEVELS; level++)
		if (levels[level].used || levels[level].claims)
			return false;
	return true;
}

/* On a processor that is not running any more nobody is disturbed: then it is done from here. */
static bool send_of(const struct stages *stages, size_t processor)
{
	const uint64_t arguments[] = {processor};
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = arguments,
		    .ctx_size_in = sizeof(arguments), .flags = BPF_F_TEST_RUN_ON_CPU,
		    .cpu = (unsigned int)processor);
	int error = bpf_prog_test_run_opts(stages->sender, &options);

	if (error == -ENXIO) {
		options.flags = 0;
		options.cpu = 0;
		error = bpf_prog_test_run_opts(stages->sender, &options);
	}
	return !error && !options.retval;
}

/* What is in none of them is of later than this. */
static uint64_t time_before(const volatile struct stage *levels, uint64_t before, uint64_t now)
{
	uint64_t until = now;

	for (size_t level = 0; level < STAGE_LEVELS; level++) {
		const volatile struct record *first = (void *)levels[level].load.records;
		uint64_t bound = levels[level].claims ? before : now;

		if (levels[level].used && first->time > before)
			bound = first->time - 1;
		if (bound < until)
			until = bound;
	}
	return until;
}

uint64_t stages_send(const struct stages *stages, uint64_t before, uint64_t now)
{
	uint64_t until = now;

	for (size_t processor = 0; processor < stages->count / STAGE_LEVELS; processor++) {
		const volatile struct stage *levels = stages_of(stages, processor);
		bool sent = are_empty(levels);
		uint64_t bound;

		for (int attempt = 0; !sent && attempt < ATTEMPTS; attempt++)
			sent = send_of(stages, processor);
		bound = sent ? now : time_before(levels, before, now);
		if (bound < until)
			until = bound;
	}
	return until;
}

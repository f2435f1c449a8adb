/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a packet program takes for a frame, beside one that does nothing: the kernel's own clock of
 * BPF_PROG_TEST_RUN.
 */
#ifndef TCPCLOSE_TESTS_COST_H
#define TCPCLOSE_TESTS_COST_H

#include "bench.h"

#define COST_TIME 20000000 /* ns, each round */
#define COST_BATCH 64      /* runs between which the ring is emptied, if they fill it */

/* ns for a frame; negative: the kernel refused. */
struct cost {
	int ours;
	int empty;
};

static inline int cost_load_empty(enum bpf_prog_type type)
{
	const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_0,
		 .imm = type == BPF_PROG_TYPE_XDP ? PASS_XDP : -1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(type, "empty", "GPL", instructions, 2, NULL);
}

static inline int cost_once(int program, const struct frame *frame, int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes,
		    .data_size_in = frame->length, .repeat = repeat);

	return bpf_prog_test_run_opts(program, &options) ? -1 : (int)options.duration;
}

/* Both in turn: as many frames as `time` allows, or, if they are told, a batch. */
static inline struct cost cost_round(struct bench *bench, int program, int empty,
				     const struct frame *frame, int time)
{
	int once = cost_once(empty, frame, COST_BATCH), repeat = time / (once > 0 ? once : 1);
	struct cost cost;

	bench->count = 0;
	cost_once(program, frame, 1);
	ring_drain_all(bench->ring);
	if (bench->count)
		repeat = COST_BATCH;
	cost.ours = cost_once(program, frame, repeat);
	ring_drain_all(bench->ring);
	cost.empty = cost_once(empty, frame, repeat);
	return cost;
}

#endif

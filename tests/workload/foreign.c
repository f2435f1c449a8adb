// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * foreign INTERFACE ingress|egress VERDICT: a tcx program of someone else, in front of those that
 * are there, that counts packets and ends with a number: -1 (TCX_NEXT), 0 (TCX_PASS), ... "ready"
 * is told when it is attached, how many packets it has seen when standard input ends. Exit status
 * 77: the kernel has no tcx.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of <linux/bpf.h>, from Linux 6.6. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define MPROG_BEFORE (1U << 3)

static const uint32_t zero;

static int counting_program(int map, int verdict)
{
	const struct bpf_insn instructions[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_2,
		 .imm = BPF_ADD},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", instructions,
			     sizeof(instructions) / sizeof(*instructions), NULL);
}

int main(int count, char **words)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = MPROG_BEFORE);
	uint64_t packets = 0;
	int map, program, link;

	if (count != 4)
		return 2;
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", sizeof(zero), sizeof(packets), 1, NULL);
	program = counting_program(map, atoi(words[3]));
	if (map < 0 || program < 0) {
		perror("foreign: cannot load");
		return 1;
	}
	link = bpf_link_create(program, (int)if_nametoindex(words[1]),
			       strcmp(words[2], "egress") == 0 ? TCX_EGRESS : TCX_INGRESS,
			       &options);
	if (link == -EINVAL)
		return 77;
	if (link < 0) {
		errno = -link;
		perror("foreign: cannot attach");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	bpf_map_lookup_elem(map, &zero, &packets);
	printf("%llu\n", (unsigned long long)packets);
	return 0;
}

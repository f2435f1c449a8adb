// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * `packets ROUNDS [MILLISECONDS]`: what the packet programs take for each kind of frame, beside a
 * program that does nothing. A line each round: the kind, tabulator, ns of ours, ns of the other.
 * Needs root; attaches nothing and sends nothing.
 */
#include "../bpf/bench.h"
#include "../bpf/cost.h"

static const struct {
	const char *name;
	struct frame_plan plan;
} kinds[] = {
	{"a data segment", {.flags = ACK | PSH, .seq = 5, .ack = 6, .payload = 1000}},
	{"a data segment, IPv6",
	 {.flags = ACK | PSH, .seq = 5, .ack = 6, .payload = 1000, .ipv6 = true}},
	{"a data segment, VLAN",
	 {.flags = ACK | PSH, .seq = 5, .ack = 6, .payload = 1000, .tags = {0x8100}}},
	{"an ACK", {.flags = ACK, .seq = 5, .ack = 6, .tcp_options = 3}},
	{"a SYN", {.flags = SEGMENT_SYN, .seq = 5, .tcp_options = 5}},
	{"UDP", {.protocol = 17, .payload = 1000}},
	{"a FIN", {.flags = FIN | ACK, .seq = 1000, .ack = 2000, .tcp_options = 3}},
	{"a RST", {.flags = RST, .seq = 1000}},
};

int main(int count, char **words)
{
	int rounds = count > 1 ? atoi(words[1]) : 0;
	int time = count > 2 ? atoi(words[2]) * 1000000 : COST_TIME;
	struct bench bench;
	int empty[2];

	if (rounds <= 0 || bench_open(&bench, NULL)) {
		fprintf(stderr, "packets: %s\n", rounds > 0 ? strerror(errno) : "give ROUNDS");
		return 1;
	}
	empty[0] = cost_load_empty(BPF_PROG_TYPE_SCHED_CLS);
	empty[1] = cost_load_empty(BPF_PROG_TYPE_XDP);
	for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(*kinds); i++) {
		const struct bpf_program *program = i & 1 ? bench.skeleton->progs.tcpclose_xdp
							  : bench.skeleton->progs.tcpclose_in;
		struct frame frame = frame_make(&kinds[i / 2].plan);

		bench_reset(&bench);
		for (int round = 0; round < rounds; round++) {
			struct cost cost = cost_round(&bench, bpf_program__fd(program),
						      empty[i & 1], &frame, time);

			printf("%s, %s\t%d\t%d\n", i & 1 ? "XDP" : "tc", kinds[i / 2].name,
			       cost.ours, cost.empty);
		}
	}
	close(empty[0]);
	close(empty[1]);
	bench_close(&bench);
	return 0;
}

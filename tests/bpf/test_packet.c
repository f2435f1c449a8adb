// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The packet programs: what they make of every form of frame, what they leave alone, and what they
 * cost. */
#include "bench.h"
#include "cost.h"

/* The cost that fails the test; what is measured is printed. The goal is 8 ns. */
#define COST_BOUND 20
#define COST_ROUNDS 9

/* The same frame at every hook that takes it. */
static bool seen_at_all_hooks(struct bench *bench, struct frame_plan plan, uint32_t payload)
{
	bool good = true;

	bench_reset(bench);
	plan.bare = false;
	in(bench, &plan);
	CHECK(good, record_is(bench, &plan, payload, HOOK_TC_INGRESS, 0));
	out(bench, &plan);
	CHECK(good, record_is(bench, &plan, payload, HOOK_TC_EGRESS, 0));
	feed(bench, bench->skeleton->progs.tcpclose_xdp, &plan);
	CHECK(good, record_is(bench, &plan, payload, HOOK_XDP, 0));
	if (plan.tags[0])
		return good;
	plan.bare = true;
	feed(bench, bench->skeleton->progs.tcpclose_in_ip, &plan);
	CHECK(good, record_is(bench, &plan, payload, HOOK_TC_INGRESS, 0));
	feed(bench, bench->skeleton->progs.tcpclose_out_ip, &plan);
	CHECK(good, record_is(bench, &plan, payload, HOOK_TC_EGRESS, 0));
	feed(bench, bench->skeleton->progs.tcpclose_xdp_ip, &plan);
	CHECK(good, record_is(bench, &plan, payload, HOOK_XDP, 0));
	return good;
}

static bool forms(struct bench *bench)
{
	static const struct {
		struct frame_plan plan;
		uint32_t payload;
	} cases[] = {
		{{.flags = FIN | ACK}, 0},
		{{.flags = RST, .from_server = true}, 0},
		{{.flags = FIN | PSH | ACK, .payload = 321, .tcp_options = 3}, 321},
		{{.flags = FIN | ACK, .options = 10, .payload = 1}, 1},
		{{.flags = FIN | ACK, .padding = 6}, 0},
		{{.flags = FIN | ACK, .payload = 1400, .no_length = true}, 1400},
		{{.flags = FIN | ACK, .payload = 10, .tags = {0x8100}}, 10},
		{{.flags = FIN | ACK, .payload = 10, .tags = {0x88a8, 0x8100}}, 10},
		{{.flags = FIN | ACK, .payload = 10, .tags = {0x8100}, .options = 1}, 10},
		{{.flags = FIN | ACK, .ipv6 = true, .payload = 44, .tcp_options = 10}, 44},
		{{.flags = RST | ACK, .ipv6 = true, .hop_by_hop = true}, 0},
		{{.flags = FIN, .ipv6 = true, .extensions = {60, 43, 51, 60}, .payload = 3}, 3},
		{{.flags = FIN, .ipv6 = true, .extensions = {44}, .payload = 3}, 3},
		{{.flags = FIN, .ipv6 = true, .no_length = true, .payload = 1300}, 1300},
		{{.flags = FIN, .ipv6 = true, .hop_by_hop = true, .no_length = true, .payload = 9},
		 9},
		{{.flags = FIN, .ipv6 = true, .tags = {0x88a8, 0x8100}, .payload = 10}, 10},
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!seen_at_all_hooks(bench, cases[i].plan, cases[i].payload)) {
			printf("# case %zu\n", i);
			good = false;
		}
	return good;
}

static bool not_ours(struct bench *bench)
{
	static const struct frame_plan cases[] = {
		/* Read too early, its acknowledgement number is a header's length and flags. */
		{.flags = FIN, .ack = 0x50110000, .version_ihl = 0x44},
		{.flags = FIN, .tcp_offset = 0x40},
		{.flags = FIN, .tcp_offset = 0x60}, /* behind the end */
		{.flags = FIN, .claimed = 1},
		{.flags = FIN, .protocol = 17},
		{.flags = FIN, .tags = {0x8100, 0x8100, 0x8100}},
		{.flags = FIN, .ipv6 = true, .protocol = 17},
		{.flags = FIN, .ipv6 = true, .extensions = {50}},
		{.flags = FIN, .ipv6 = true, .extensions = {60, 60, 60, 60, 60, 60, 60, 60, 60}},
		{.flags = FIN, .ipv6 = true, .version_ihl = 0x50},
	};
	struct frame frame = frame_make(&fin);
	bool good = true;

	bench_reset(bench);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (in(bench, &cases[i])) {
			printf("# case %zu\n", i);
			good = false;
		}
	for (uint32_t length = 14; length < frame.length; length++) {
		CHECK(good,
		      !feed_bytes(bench, bench->skeleton->progs.tcpclose_in, frame.bytes, length));
		CHECK(good,
		      !feed_bytes(bench, bench->skeleton->progs.tcpclose_xdp, frame.bytes, length));
	}
	CHECK(good, counted(bench, PACKET_UNREADABLE) == 0);
	return good;
}

/* Nothing but FIN and RST makes a segment worth telling as long as nothing waits. */
static bool every_flag(struct bench *bench)
{
	bool good = true;

	for (unsigned int flags = 0; flags < 256; flags++) {
		struct frame_plan plan = fin;

		bench_reset(bench);
		plan.flags = (uint8_t)flags;
		CHECK(good, in(bench, &plan) == (flags & (FIN | RST) ? 1 : 0));
		plan.ipv6 = true;
		CHECK(good, in(bench, &plan) == (flags & (FIN | RST) ? 1 : 0));
	}
	return good;
}

static bool garbage(struct bench *bench)
{
	const struct bpf_program *programs[] = {
		bench->skeleton->progs.tcpclose_in, bench->skeleton->progs.tcpclose_in_ip,
		bench->skeleton->progs.tcpclose_xdp, bench->skeleton->progs.tcpclose_xdp_ip};
	struct frame_plan plan = fin;
	uint64_t random = 7;

	for (int round = 0; round < 20000; round++) {
		struct frame frame;

		plan.ipv6 = round & 4;
		plan.bare = round & 1;
		plan.options = round & 8 ? 5 : 0;
		plan.extensions[0] = round & 8 ? 60 : 0;
		frame = frame_make(&plan);
		for (int i = 0; i < 4; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			frame.bytes[(random >> 33) % frame.length] = (uint8_t)(random >> 25);
		}
		feed_bytes(bench, programs[round & 3], frame.bytes,
			   14 + (uint32_t)(random >> 40) % (frame.length - 13));
	}
	return true; /* bench->broken tells */
}

/* A fragmented FIN is told when its length is known, whichever end comes first. */
static bool fragments(struct bench *bench)
{
	struct frame_plan first = fin, last = fin, ack = fin_ack, whole;
	bool good = true;

	for (int round = 0; round < 4; round++) {
		bool ipv6 = round & 1, backwards = round & 2;

		bench_reset(bench);
		first.ipv6 = last.ipv6 = ack.ipv6 = ipv6;
		first.extensions[0] = last.extensions[0] = ipv6 ? 44 : 0;
		first.id = last.id = 1000 + (uint32_t)round;
		first.tcp_options = 3;
		first.payload = 32; /* with the header, 64 bytes */
		first.more = true;
		last.fragment_offset = 1264;
		last.payload = 50;
		CHECK(good, in(bench, backwards ? &last : &first) == 0);
		CHECK(good, out(bench, backwards ? &first : &last) == 0); /* elsewhere */
		in(bench, backwards ? &first : &last);
		whole = first;
		CHECK(good, record_is(bench, &whole, 1264 + 50 - 32, HOOK_TC_INGRESS, 0));
		out(bench, backwards ? &last : &first);
		CHECK(good, record_is(bench, &whole, 1264 + 50 - 32, HOOK_TC_EGRESS, 0));
		CHECK(good, in(bench, &last) == 0); /* its identity may come again */
		ack.ack = first.seq + 1264 + 50 - 32 + 1;
		CHECK(good, in(bench, &ack) == 1);
	}
	first.flags = RST;
	first.id = 2000;
	in(bench, &first);
	CHECK(good, record_is(bench, &first, 32, HOOK_TC_INGRESS, SEGMENT_LENGTH_UNKNOWN));
	return good;
}

static int compare_costs(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The median of what ours takes more, of rounds in which both run in turn. */
static int cost_more(struct bench *bench, int program, int empty, const struct frame_plan *plan)
{
	struct frame frame = frame_make(plan);
	int differences[COST_ROUNDS];

	for (int i = 0; i < COST_ROUNDS; i++) {
		struct cost cost = cost_round(bench, program, empty, &frame, COST_TIME);

		differences[i] =
			cost.ours < 0 || cost.empty < 0 ? INT32_MAX : cost.ours - cost.empty;
	}
	qsort(differences, COST_ROUNDS, sizeof(differences[0]), compare_costs);
	return differences[COST_ROUNDS / 2];
}

static bool cost(struct bench *bench)
{
	struct frame_plan data = {.flags = ACK | PSH, .seq = 5, .ack = 6, .payload = 1000};
	struct frame_plan data6 = data;
	const struct bpf_program *programs[] = {bench->skeleton->progs.tcpclose_in,
						bench->skeleton->progs.tcpclose_xdp};
	int empty[] = {cost_load_empty(BPF_PROG_TYPE_SCHED_CLS),
		       cost_load_empty(BPF_PROG_TYPE_XDP)};
	bool good = true;

	data6.ipv6 = true;
	bench_reset(bench);
	for (int i = 0; i < 4; i++) {
		struct frame frame = frame_make(&data);
		int nothing = cost_once(empty[i / 2], &frame, 1000);
		int more = cost_more(bench, bpf_program__fd(programs[i / 2]), empty[i / 2],
				     i & 1 ? &data6 : &data);

		printf("# a data segment, %s, IPv%d: %d ns more than the %d ns of an empty "
		       "program\n",
		       i / 2 ? "XDP" : "tc", i & 1 ? 6 : 4, more, nothing);
		/* An emulated processor takes a multiple for everything. */
		CHECK(good, more <= COST_BOUND || more <= nothing);
	}
	close(empty[0]);
	close(empty[1]);
	return good;
}

static const struct bench_test tests[] = {
	{"every form of frame, at every hook", forms}, {"what is not ours", not_ours},
	{"every combination of flags", every_flag},    {"garbage", garbage},
	{"fragments in either order", fragments},      {"cost of a data segment", cost},
};

int main(void)
{
	return bench_main(tests, sizeof(tests) / sizeof(tests[0]));
}

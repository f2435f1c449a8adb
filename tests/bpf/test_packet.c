// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The packet programs as the kernel runs them (BPF_PROG_TEST_RUN): frames in, records out. Needs
 * root; attaches nothing and sends nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "frame.h"
#include "packet/fin_acks.h"
#include "record.h"
#include "settings.h"

#include "packet.skel.h"

#define FIN SEGMENT_FIN
#define RST SEGMENT_RST
#define ACK SEGMENT_ACK
#define PSH SEGMENT_PSH
#define RECORDS 64
#define PASS_TC 0xffffffff /* TC_ACT_UNSPEC */
#define PASS_XDP 2
#define LOOPBACK 1

/* The cost that fails the test; what is measured is printed. The goal is 8 ns. */
#define COST_BOUND 20
#define COST_ROUNDS 9
#define COST_TIME 20000000 /* ns, each round */

struct bench {
	struct packet *skeleton;
	struct ring_buffer *ring;
	struct segment_record records[RECORDS];
	unsigned int count;
	uint32_t netns;
	bool broken; /* a program did not pass the packet on, or changed it */
};

static unsigned int told, failed;

static void result(bool good, const char *name)
{
	told++;
	failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", told, name);
	fflush(stdout);
}

#define CHECK(good, condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("# line %d: %s\n", __LINE__, #condition);                           \
			(good) = false;                                                            \
		}                                                                                  \
	} while (0)

static int take(void *context, void *data, size_t length)
{
	struct bench *bench = context;
	const struct record *record = data;

	if (record->kind != RECORD_SEGMENT || length != sizeof(struct segment_record))
		bench->broken = true;
	else if (bench->count < RECORDS)
		bench->records[bench->count++] = *(const struct segment_record *)data;
	return 0;
}

static void bench_close(struct bench *bench)
{
	ring_buffer__free(bench->ring);
	if (bench->skeleton)
		packet__destroy(bench->skeleton);
	memset(bench, 0, sizeof(*bench));
}

static int bench_open(struct bench *bench, const struct settings *settings)
{
	struct stat own;

	memset(bench, 0, sizeof(*bench));
	if (!stat("/proc/self/ns/net", &own))
		bench->netns = (uint32_t)own.st_ino;
	bench->skeleton = packet__open();
	if (!bench->skeleton)
		return -errno;
	if (settings)
		memcpy((void *)&bench->skeleton->rodata->settings, settings, sizeof(*settings));
	if (packet__load(bench->skeleton))
		return -errno;
	bench->ring = ring_buffer__new(bpf_map__fd(bench->skeleton->maps.ring), take, bench, NULL);
	return bench->ring ? 0 : -errno;
}

/* As if no packet had ever been seen. */
static void bench_reset(struct bench *bench)
{
	memset(bench->skeleton->bss->fin_acks, 0, sizeof(bench->skeleton->bss->fin_acks));
	bench->count = 0;
}

/* Feeds bytes to a program; how many records came out of it. They begin at bench->records[0]. */
static unsigned int feed_bytes(struct bench *bench, const struct bpf_program *program,
			       const uint8_t *bytes, uint32_t length)
{
	uint8_t out[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = length,
		    .data_out = out, .data_size_out = sizeof(out));
	uint32_t pass = bpf_program__type(program) == BPF_PROG_TYPE_XDP ? PASS_XDP : PASS_TC;
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	bench->count = 0;
	/* The kernel makes no skb of a frame that lacks a part of its IP header. */
	if (error == -EINVAL && pass == PASS_TC && length < 14 + 40)
		return 0;
	if (error || options.retval != pass || options.data_size_out != length ||
	    memcmp(out, bytes, length))
		bench->broken = true;
	ring_buffer__consume(bench->ring);
	return bench->count;
}

static unsigned int feed(struct bench *bench, const struct bpf_program *program,
			 const struct frame_plan *plan)
{
	struct frame frame = frame_make(plan);

	return feed_bytes(bench, program, frame.bytes, frame.length);
}

static unsigned int in(struct bench *bench, const struct frame_plan *plan)
{
	return feed(bench, bench->skeleton->progs.tcpclose_in, plan);
}

static unsigned int out(struct bench *bench, const struct frame_plan *plan)
{
	return feed(bench, bench->skeleton->progs.tcpclose_out, plan);
}

static uint64_t counted(const struct bench *bench, uint32_t which)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t counts[1024], sum = 0;

	if (cpus > 1024 ||
	    bpf_map_lookup_elem(bpf_map__fd(bench->skeleton->maps.packet_counts), &which, counts))
		return UINT64_MAX;
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += counts[cpu];
	return sum;
}

/* The one record of a segment, field by field. */
static bool record_is(const struct bench *bench, const struct frame_plan *plan, uint32_t payload,
		      uint8_t hook, uint8_t notes)
{
	const struct segment_record *record = &bench->records[0];
	uint8_t address[16];
	bool good = true;

	if (bench->count != 1)
		return false;
	CHECK(good, record->header.length == sizeof(*record));
	CHECK(good, record->header.kind == RECORD_SEGMENT);
	CHECK(good, record->header.time && !record->header.reserved);
	CHECK(good, record->header.netns == bench->netns);
	frame_address(plan, plan->from_server, address);
	CHECK(good, !memcmp(record->header.flow.local, address, 16));
	frame_address(plan, !plan->from_server, address);
	CHECK(good, !memcmp(record->header.flow.remote, address, 16));
	CHECK(good, record->header.flow.local_port ==
			    (plan->from_server ? FRAME_SERVER_PORT : FRAME_CLIENT_PORT));
	CHECK(good, record->header.flow.remote_port ==
			    (plan->from_server ? FRAME_CLIENT_PORT : FRAME_SERVER_PORT));
	CHECK(good, record->interface == LOOPBACK);
	CHECK(good, record->seq == plan->seq && record->ack == plan->ack);
	CHECK(good, record->payload == payload);
	CHECK(good, record->window == 501 && record->ttl == 63);
	CHECK(good, record->ip_id == (plan->ipv6 ? 0 : plan->id & 0xffff));
	CHECK(good, record->flags == plan->flags);
	CHECK(good, record->hook == hook && record->notes == notes);
	return good;
}

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

static const struct frame_plan fin = {.flags = FIN | ACK, .seq = 1000, .ack = 2000, .id = 7};
/* What acknowledges it. */
static const struct frame_plan fin_ack = {
	.flags = ACK, .seq = 2000, .ack = 1001, .from_server = true, .id = 9};

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
		{.flags = FIN, .version_ihl = 0x44},
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

static bool first_ack_only(struct bench *bench)
{
	struct frame_plan ack = fin_ack;
	bool good = true;

	bench_reset(bench);
	CHECK(good, in(bench, &ack) == 0); /* of what? */
	CHECK(good, in(bench, &fin) == 1);
	ack.ack = 1000;
	CHECK(good, in(bench, &ack) == 0); /* not of the FIN */
	ack.ack = 1001;
	ack.from_server = false;
	CHECK(good, in(bench, &ack) == 0); /* the wrong way */
	ack.from_server = true;
	ack.host = 3;
	CHECK(good, in(bench, &ack) == 0); /* another connection */
	ack.host = 0;
	in(bench, &ack);
	CHECK(good, record_is(bench, &ack, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
	for (int i = 0; i < 100; i++)
		CHECK(good, in(bench, &ack) == 0); /* the same again */
	ack.seq = 1999;                            /* a keep-alive */
	CHECK(good, in(bench, &ack) == 0);
	ack.seq = 2000;
	ack.payload = 1000;
	for (int i = 0; i < 100; i++, ack.seq += 1000)
		CHECK(good, in(bench, &ack) == 0); /* the half-closed peer goes on sending */
	ack.flags |= FIN;
	in(bench, &ack);
	CHECK(good, record_is(bench, &ack, 1000, HOOK_TC_INGRESS, 0));
	return good;
}

static bool ack_rides(struct bench *bench)
{
	struct frame_plan data = fin_ack, own = fin;
	bool good = true;

	/* On data; and the number after FIN counts data and SYN. */
	bench_reset(bench);
	own.payload = 100;
	own.flags |= SEGMENT_SYN;
	CHECK(good, in(bench, &own) == 1);
	data.payload = 700;
	data.flags |= PSH;
	data.ack = 1102;
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 700, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
	data.seq += 700;
	CHECK(good, in(bench, &data) == 0);

	/* On the other side's FIN: one record; sent again, it acknowledges nothing new. */
	bench_reset(bench);
	CHECK(good, in(bench, &fin) == 1);
	data = fin_ack;
	data.flags |= FIN;
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 0, HOOK_TC_INGRESS, 0));
	own = fin;
	own.flags = ACK;
	own.seq = 1001;
	own.ack = 2001;
	in(bench, &own);
	CHECK(good, record_is(bench, &own, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));

	/* A RST is a RST. */
	bench_reset(bench);
	CHECK(good, in(bench, &fin) == 1);
	data = fin_ack;
	data.flags |= RST;
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 0, HOOK_TC_INGRESS, 0));
	return good;
}

static bool numbers_wrap(struct bench *bench)
{
	struct frame_plan own = fin, ack = fin_ack;
	bool good = true;

	bench_reset(bench);
	own.seq = UINT32_MAX - 9;
	own.payload = 9;
	ack.ack = 0;
	CHECK(good, in(bench, &own) == 1);
	CHECK(good, in(bench, &ack) == 1);
	own.ipv6 = true;
	ack.ipv6 = true;
	CHECK(good, in(bench, &ack) == 0);
	CHECK(good, in(bench, &own) == 1);
	CHECK(good, in(bench, &ack) == 1);
	return good;
}

static bool retransmitted(struct bench *bench)
{
	struct frame_plan early = fin;
	bool good = true;

	bench_reset(bench);
	early.seq = 900;
	early.payload = 100; /* data and FIN; sent again without the data */
	CHECK(good, in(bench, &early) == 1);
	CHECK(good, in(bench, &fin) == 1);
	for (int i = 0; i < 3; i++) {
		CHECK(good, in(bench, &fin_ack) == 1);
		CHECK(good, in(bench, &fin_ack) == 0);
		CHECK(good, in(bench, &fin) == 1);
	}
	CHECK(good, in(bench, &fin_ack) == 1);
	return good;
}

/* Egress, ingress, XDP: three places. Each shows the FIN and the same acknowledgement once. */
static bool several_hooks(struct bench *bench)
{
	const struct bpf_program *xdp = bench->skeleton->progs.tcpclose_xdp;
	struct frame_plan other = fin_ack;
	bool good = true;

	bench_reset(bench);
	for (int round = 0; round < 2; round++) {
		CHECK(good, out(bench, &fin) == 1);
		CHECK(good, feed(bench, xdp, &fin) == 1);
		CHECK(good, in(bench, &fin) == 1);
		out(bench, &fin_ack);
		CHECK(good, record_is(bench, &fin_ack, 0, HOOK_TC_EGRESS, SEGMENT_ACKS_FIN));
		feed(bench, xdp, &fin_ack);
		CHECK(good, record_is(bench, &fin_ack, 0, HOOK_XDP, SEGMENT_ACKS_FIN));
		other.payload = 1; /* between two hooks */
		CHECK(good, in(bench, &other) == 0);
		in(bench, &fin_ack);
		CHECK(good, record_is(bench, &fin_ack, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
		CHECK(good,
		      !out(bench, &fin_ack) && !in(bench, &fin_ack) && !feed(bench, xdp, &fin_ack));
	}
	/* One hook sees an aggregate, the next one its first segment. */
	bench_reset(bench);
	CHECK(good, out(bench, &fin) == 1);
	other.payload = 2800;
	other.flags |= PSH;
	CHECK(good, out(bench, &other) == 1);
	other.payload = 1400;
	other.flags = ACK;
	CHECK(good, in(bench, &other) == 1);
	other.seq += 1400;
	CHECK(good, in(bench, &other) == 0);
	return good;
}

static bool full_bucket(struct bench *bench)
{
	uint64_t before = counted(bench, PACKET_FIN_FORGOTTEN);
	struct frame_plan own = fin, ack = fin_ack;
	bool good = true;

	bench_reset(bench);
	/* The same number after the FIN means the same bucket. The first two are acknowledged. */
	for (uint8_t host = 0; host < FIN_WAYS; host++) {
		own.host = ack.host = host;
		CHECK(good, in(bench, &own) == 1);
		if (host < 2)
			CHECK(good, in(bench, &ack) == 1);
	}
	for (uint8_t host = FIN_WAYS; host < FIN_WAYS + 2; host++) {
		own.host = host;
		CHECK(good, in(bench, &own) == 1);
	}
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == before);
	own.host = FIN_WAYS + 2;
	CHECK(good, in(bench, &own) == 1);
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == before + 1);
	ack.host = FIN_WAYS + 2;
	CHECK(good, in(bench, &ack) == 1);
	return good;
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

static unsigned int passes(const struct settings *settings, const struct frame_plan *plan)
{
	struct bench bench;
	unsigned int count = UINT32_MAX;

	if (!bench_open(&bench, settings)) {
		struct frame_plan reverse = *plan;

		count = in(&bench, plan);
		reverse.from_server = !plan->from_server;
		count += in(&bench, &reverse);
		if (bench.broken)
			count = UINT32_MAX;
	}
	bench_close(&bench);
	return count;
}

static void set_network(struct settings *settings, uint32_t index, const struct frame_plan *plan,
			uint8_t bits)
{
	struct filter_network *network = &settings->filter.networks[index];

	frame_address(plan, true, network->address);
	for (int i = 0; i < 16; i++) {
		int left = bits - i * 8;

		network->mask[i] = left >= 8 ? 0xff : left <= 0 ? 0 : (uint8_t)(0xff << (8 - left));
		network->address[i] &= network->mask[i];
	}
	settings->filter.network_count = index + 1;
}

/* Both directions pass, or none does. */
static bool filters(void)
{
	struct frame_plan fin6 = fin, other = fin;
	struct settings settings = {};
	bool good = true;

	fin6.ipv6 = true;
	other.host = 9;
	settings.filter.local_ports[0] = FRAME_CLIENT_PORT;
	settings.filter.remote_ports[0] = 443;
	CHECK(good, passes(&settings, &fin) == 0);
	settings.filter.remote_ports[1] = FRAME_SERVER_PORT;
	CHECK(good, passes(&settings, &fin) == 2);
	settings.filter.family = 4;
	CHECK(good, passes(&settings, &fin) == 2);
	CHECK(good, passes(&settings, &fin6) == 0);
	settings.filter.family = 6;
	CHECK(good, passes(&settings, &fin6) == 2);
	CHECK(good, passes(&settings, &fin) == 0);
	settings = (struct settings){};
	set_network(&settings, 0, &fin, 120);
	CHECK(good, passes(&settings, &fin) == 2);
	CHECK(good, passes(&settings, &other) == 0);
	CHECK(good, passes(&settings, &fin6) == 0);
	set_network(&settings, 1, &fin6, 128);
	CHECK(good, passes(&settings, &fin6) == 2);
	return good;
}

/* All conditions at once, as much as the verifier will ever have to look through. */
static bool filter_by_flow(void)
{
	struct settings settings = {.follow_flows = 1, .filter = {.family = 4}};
	struct flow flow = {.local_port = FRAME_SERVER_PORT, .remote_port = FRAME_CLIENT_PORT};
	struct bench bench;
	uint8_t one = 1;
	bool good = true;

	for (uint16_t i = 0; i < FILTER_PORTS; i++) {
		settings.filter.local_ports[i] =
			(uint16_t)(FRAME_CLIENT_PORT - FILTER_PORTS + 1 + i);
		settings.filter.remote_ports[i] = (uint16_t)(FRAME_SERVER_PORT + i);
	}
	for (uint32_t i = 0; i < FILTER_NETWORKS; i++)
		set_network(&settings, i, &fin, (uint8_t)(128 - i));
	CHECK(good, !bench_open(&bench, &settings));
	if (!good)
		goto out;
	CHECK(good, in(&bench, &fin) == 0);
	CHECK(good, in(&bench, &fin_ack) == 0);
	frame_address(&fin, true, flow.local);
	frame_address(&fin, false, flow.remote);
	CHECK(good, !bpf_map_update_elem(bpf_map__fd(bench.skeleton->maps.wanted_flows), &flow,
					 &one, BPF_ANY));
	CHECK(good, in(&bench, &fin) == 1);
	CHECK(good, in(&bench, &fin_ack) == 1);
	CHECK(good, !bench.broken);
out:
	bench_close(&bench);
	return good;
}

static int program_load_empty(enum bpf_prog_type type, int verdict)
{
	const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(type, "empty", "GPL", instructions, 2, NULL);
}

static int cost_once(int program, const struct frame *frame, int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes,
		    .data_size_in = frame->length, .repeat = repeat);

	return bpf_prog_test_run_opts(program, &options) ? -1 : (int)options.duration;
}

static int compare_costs(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

struct cost {
	int empty; /* ns, of a program that does nothing */
	int more;  /* what ours takes on top of it */
};

/* The median of rounds in which both run in turn. */
static struct cost cost_of(int program, int empty, const struct frame_plan *plan)
{
	struct frame frame = frame_make(plan);
	int differences[COST_ROUNDS];
	int once = cost_once(empty, &frame, 1000), repeat = COST_TIME / (once > 0 ? once : 1);

	for (int i = 0; i < COST_ROUNDS; i++) {
		int nothing = cost_once(empty, &frame, repeat);
		int ours = cost_once(program, &frame, repeat);

		differences[i] = nothing < 0 || ours < 0 ? INT32_MAX : ours - nothing;
	}
	qsort(differences, COST_ROUNDS, sizeof(differences[0]), compare_costs);
	return (struct cost){once, differences[COST_ROUNDS / 2]};
}

static bool cost(struct bench *bench)
{
	struct frame_plan data = {.flags = ACK | PSH, .seq = 5, .ack = 6, .payload = 1000};
	struct frame_plan data6 = data;
	const struct bpf_program *programs[] = {bench->skeleton->progs.tcpclose_in,
						bench->skeleton->progs.tcpclose_xdp};
	int empty[] = {program_load_empty(BPF_PROG_TYPE_SCHED_CLS, -1),
		       program_load_empty(BPF_PROG_TYPE_XDP, PASS_XDP)};
	bool good = true;

	data6.ipv6 = true;
	bench_reset(bench);
	for (int i = 0; i < 4; i++) {
		struct cost cost = cost_of(bpf_program__fd(programs[i / 2]), empty[i / 2],
					   i & 1 ? &data6 : &data);

		printf("# a data segment, %s, IPv%d: %d ns more than the %d ns of an empty "
		       "program\n",
		       i / 2 ? "XDP" : "tc", i & 1 ? 6 : 4, cost.more, cost.empty);
		/* An emulated processor takes a multiple for everything. */
		CHECK(good, cost.more <= COST_BOUND || cost.more <= cost.empty);
	}
	close(empty[0]);
	close(empty[1]);
	return good;
}

static const struct {
	const char *name;
	bool (*run)(struct bench *bench);
} tests[] = {
	{"every form of frame, at every hook", forms},
	{"what is not ours", not_ours},
	{"every combination of flags", every_flag},
	{"garbage", garbage},
	{"the first acknowledgement of a FIN, and no other", first_ack_only},
	{"an acknowledgement on data, on a FIN, on a RST", ack_rides},
	{"sequence numbers that wrap", numbers_wrap},
	{"the acknowledgement of each FIN sent again", retransmitted},
	{"a segment that crosses several hooks", several_hooks},
	{"more FINs than a bucket holds", full_bucket},
	{"fragments in either order", fragments},
	{"cost of a data segment", cost},
};

int main(void)
{
	struct bench bench;

	if (geteuid()) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	printf("1..%zu\n", sizeof(tests) / sizeof(tests[0]) + 3);
	if (bench_open(&bench, NULL)) {
		printf("Bail out! the kernel refused the packet programs: %s\n", strerror(errno));
		bench_close(&bench);
		return 1;
	}
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		result(tests[i].run(&bench), tests[i].name);
	result(!bench.broken, "every packet passed on, unchanged");
	bench_close(&bench);
	result(filters(), "filters by ports, family and networks");
	result(filter_by_flow(), "filter by owner, with all others");
	return failed ? 1 : 0;
}

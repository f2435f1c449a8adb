/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A bench for the packet programs: the kernel runs them on frames (BPF_PROG_TEST_RUN), and the
 * records that come out are at hand. Needs root; attaches nothing and sends nothing.
 */
#ifndef TCPCLOSE_TESTS_BENCH_H
#define TCPCLOSE_TESTS_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "frame.h"
#include "kernel/ring.h"
#include "kernel/stages.h"
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

struct bench {
	struct packet *skeleton;
	struct ring *ring;
	struct segment_record records[RECORDS];
	unsigned int count;
	uint32_t netns;
	bool broken; /* a program did not pass the packet on, or changed it */
};

static unsigned int told, failed;

static inline void result(bool good, const char *name)
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

static inline void take(void *context, const struct record *record, size_t length)
{
	struct bench *bench = context;

	if (record->kind != RECORD_SEGMENT || length != sizeof(struct segment_record))
		bench->broken = true;
	else if (bench->count < RECORDS)
		bench->records[bench->count++] = *(const struct segment_record *)record;
}

static inline void bench_close(struct bench *bench)
{
	ring_close(bench->ring);
	if (bench->skeleton)
		packet__destroy(bench->skeleton);
	memset(bench, 0, sizeof(*bench));
}

/* What the programs tell, read by somebody. */
static inline int bench_listen(const struct bench *bench, struct ring **ring, ring_take to,
			       void *context)
{
	const struct packet *skeleton = bench->skeleton;
	const struct ring_source source = {
		.ring = bpf_map__fd(skeleton->maps.ring),
		.stages = bpf_map__fd(skeleton->maps.stages),
		.sender = bpf_program__fd(skeleton->progs.stages_send),
	};

	return ring_open(ring, &source, to, context);
}

/* `ring_size`: 0 leaves it as it is. */
static inline int bench_open_sized(struct bench *bench, const struct settings *settings,
				   uint32_t ring_size)
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
	if (bpf_map__set_max_entries(bench->skeleton->maps.stages, (uint32_t)stages_wanted()) ||
	    (ring_size && bpf_map__set_max_entries(bench->skeleton->maps.ring, ring_size)) ||
	    packet__load(bench->skeleton))
		return -errno;
	return bench_listen(bench, &bench->ring, take, bench);
}

static inline int bench_open(struct bench *bench, const struct settings *settings)
{
	return bench_open_sized(bench, settings, 0);
}

/* As if no packet had ever been seen. */
static inline void bench_reset(struct bench *bench)
{
	memset(bench->skeleton->bss->fin_acks, 0, sizeof(bench->skeleton->bss->fin_acks));
	memset(bench->skeleton->bss->fin_spilled, 0, sizeof(bench->skeleton->bss->fin_spilled));
	bench->count = 0;
}

/* Feeds bytes to a program; how many records came out of it. They begin at bench->records[0]. */
static inline unsigned int feed_bytes(struct bench *bench, const struct bpf_program *program,
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
	ring_drain_all(bench->ring);
	return bench->count;
}

static inline unsigned int feed(struct bench *bench, const struct bpf_program *program,
				const struct frame_plan *plan)
{
	struct frame frame = frame_make(plan);

	return feed_bytes(bench, program, frame.bytes, frame.length);
}

static inline unsigned int in(struct bench *bench, const struct frame_plan *plan)
{
	return feed(bench, bench->skeleton->progs.tcpclose_in, plan);
}

static inline unsigned int out(struct bench *bench, const struct frame_plan *plan)
{
	return feed(bench, bench->skeleton->progs.tcpclose_out, plan);
}

static inline uint64_t counted(const struct bench *bench, uint32_t which)
{
	uint64_t count;

	if (bpf_map_lookup_elem(bpf_map__fd(bench->skeleton->maps.packet_counts), &which, &count))
		return UINT64_MAX;
	return count;
}

/* The one record of a segment, field by field. */
static inline bool record_is(const struct bench *bench, const struct frame_plan *plan,
			     uint32_t payload, uint8_t hook, uint8_t notes)
{
	const struct segment_record *record = &bench->records[0];
	uint8_t address[16];
	bool good = true;

	if (bench->count != 1)
		return false;
	CHECK(good, record->header.length == sizeof(*record));
	CHECK(good, record->header.kind == RECORD_SEGMENT);
	CHECK(good, record->header.time && !record->header.source);
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

struct bench_test {
	const char *name;
	bool (*run)(struct bench *bench);
};

static const struct frame_plan fin = {.flags = FIN | ACK, .seq = 1000, .ack = 2000, .id = 7};
/* What acknowledges it. */
static const struct frame_plan fin_ack = {
	.flags = ACK, .seq = 2000, .ack = 1001, .from_server = true, .id = 9};

/* The tests, and that all of them left every packet as it was. The exit status. */
static inline int bench_main(const struct bench_test *tests, size_t count)
{
	struct bench bench;

	if (geteuid()) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	printf("1..%zu\n", count + 1);
	if (bench_open(&bench, NULL)) {
		printf("Bail out! the kernel refused the packet programs: %s\n", strerror(errno));
		bench_close(&bench);
		return 1;
	}
	for (size_t i = 0; i < count; i++)
		result(tests[i].run(&bench), tests[i].name);
	result(!bench.broken, "every packet passed on, unchanged");
	bench_close(&bench);
	return failed ? 1 : 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Records gather on their processor before they go into the ring: what is told at once, what waits
 * for the reader, what interrupts, what is in order and what is lost. The kernel runs the packet
 * programs on frames (BPF_PROG_TEST_RUN), on one processor or another.
 */
#include <sched.h>

#include "bench.h"
#include "host/clock.h"
#include "kernel/ring.h"
#include "stage.h"

#define MANY 1000

/* What the reader was given. */
struct seen {
	unsigned int count, unordered;
	uint64_t last;
};

static void see(void *context, const struct record *record, size_t length)
{
	struct seen *seen = context;

	(void)length;
	seen->count++;
	seen->unordered += record->time < seen->last;
	seen->last = record->time;
}

static bool run_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

/* The second processor that this may run on, else the first; negative: not known. */
static int some_processor(bool second)
{
	static cpu_set_t all;
	static bool known;
	int found = -1;

	if (!known && sched_getaffinity(0, sizeof(all), &all))
		return -1;
	known = true;
	for (int i = 0, count = 0; i < CPU_SETSIZE && count < 1 + second; i++)
		if (CPU_ISSET(i, &all)) {
			found = i;
			count++;
		}
	return found;
}

/* So many RSTs, each of which is told. */
static void tell(const struct bench *bench, int count)
{
	const struct frame_plan reset = {.flags = RST, .seq = 1000};
	struct frame frame = frame_make(&reset);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes,
		    .data_size_in = frame.length, .repeat = count);

	bpf_prog_test_run_opts(bpf_program__fd(bench->skeleton->progs.tcpclose_in), &options);
}

static int stages_of(const struct bench *bench)
{
	return bpf_map__fd(bench->skeleton->maps.stages);
}

static bool stage_read(const struct bench *bench, uint32_t key, struct stage *stage)
{
	return !bpf_map_lookup_elem(stages_of(bench), &key, stage);
}

/* As if a program that has it had been interrupted. */
static bool stage_claim(const struct bench *bench, uint32_t key, bool claimed)
{
	struct stage stage;

	if (!stage_read(bench, key, &stage))
		return false;
	stage.claims = claimed;
	return !bpf_map_update_elem(stages_of(bench), &key, &stage, BPF_ANY);
}

static uint32_t used(const struct bench *bench, uint32_t key)
{
	struct stage stage;

	return stage_read(bench, key, &stage) ? stage.used : UINT32_MAX;
}

/* Nobody sleeps while something is left behind: who finds nothing for a while has all. */
static void drain_until_quiet(struct ring *ring)
{
	while (ring_drain(ring, clock_boot()) != RING_QUIET)
		;
}

static bool first_at_once(struct bench *bench)
{
	const uint32_t key = (uint32_t)some_processor(false) * STAGE_LEVELS;
	struct seen seen = {0};
	struct ring *ring = NULL;
	bool good = true;

	CHECK(good, run_on(some_processor(false)));
	CHECK(good, !bench_listen(bench, &ring, see, &seen));
	if (!good)
		return false;
	drain_until_quiet(ring);
	seen.count = 0;
	tell(bench, 1);
	CHECK(good, !used(bench, key));
	tell(bench, 3);
	CHECK(good, used(bench, key) == 3 * sizeof(struct segment_record));
	CHECK(good, ring_drain(ring, clock_boot()) == RING_GATHERS);
	CHECK(good, seen.count == 4 && !used(bench, key));
	ring_close(ring);
	return good;
}

static bool in_order(struct bench *bench)
{
	struct seen seen = {0};
	struct ring *ring = NULL;
	bool good = true;

	CHECK(good, !bench_listen(bench, &ring, see, &seen));
	for (int i = 0; good && i < MANY / 10; i++) {
		CHECK(good, run_on(some_processor(i & 1)));
		tell(bench, 10);
	}
	if (good)
		ring_drain_all(ring);
	CHECK(good, seen.count == MANY);
	CHECK(good, !seen.unordered);
	ring_close(ring);
	return good;
}

static bool what_interrupts(struct bench *bench)
{
	const uint32_t key = (uint32_t)some_processor(false) * STAGE_LEVELS;
	struct seen seen = {0};
	struct ring *ring = NULL;
	uint64_t begun;
	bool good = true;

	CHECK(good, run_on(some_processor(false)));
	CHECK(good, !bench_listen(bench, &ring, see, &seen));
	if (!good)
		return false;
	ring_drain_all(ring);
	tell(bench, 2);
	CHECK(good, stage_claim(bench, key, true));
	tell(bench, 3);
	/* None is given as long as an older one may come. */
	begun = clock_boot();
	CHECK(good, ring_drain(ring, begun) == RING_WAITS);
	CHECK(good, seen.count < 2);
	CHECK(good, stage_claim(bench, key, false));
	ring_drain_all(ring);
	CHECK(good, seen.count == 5 && !seen.unordered);
	/* But not for ever. */
	CHECK(good, stage_claim(bench, key, true));
	tell(bench, 1);
	ring_drain_all(ring);
	CHECK(good, seen.count == 6);
	CHECK(good, stage_claim(bench, key, false));
	ring_close(ring);
	return good;
}

/* What there was is kept, what comes is lost and counted, and it goes on when there is room. */
static bool full_ring(struct bench *unused)
{
	const uint32_t kind = RECORD_SEGMENT;
	struct bench bench = {0};
	struct seen seen = {0};
	struct ring *ring = NULL;
	uint64_t lost = 0;
	bool good = true;

	(void)unused;
	CHECK(good, run_on(some_processor(false)));
	/* It has room for one stage, when nothing else is in it. */
	CHECK(good, !bench_open_sized(&bench, NULL, (uint32_t)getpagesize()));
	CHECK(good, good && !bench_listen(&bench, &ring, see, &seen));
	if (!good)
		return false;
	tell(&bench, MANY);
	CHECK(good, !bpf_map_lookup_elem(bpf_map__fd(bench.skeleton->maps.lost), &kind, &lost));
	CHECK(good, lost);
	ring_drain_all(ring);
	CHECK(good, seen.count + lost == MANY);
	CHECK(good, !seen.unordered);
	tell(&bench, 1);
	ring_drain_all(ring);
	CHECK(good, seen.count + lost == MANY + 1);
	ring_close(ring);
	bench_close(&bench);
	return good;
}

static const struct bench_test tests[] = {
	{"the first record after a while is told at once, others wait for the reader",
	 first_at_once},
	{"records of two processors come in order of time", in_order},
	{"what interrupts a program has a stage of its own, and the reader waits", what_interrupts},
	{"a full ring keeps what it has and counts what it loses", full_ring},
};

int main(void)
{
	return bench_main(tests, sizeof(tests) / sizeof(tests[0]));
}

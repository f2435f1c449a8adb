// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock_offset.h"

#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)
#define START (1784000000 * S)

/* Two hosts, two recordings, a network between them. */
struct world {
	struct clock_offset *state;
	int64_t offset, drift; /* of the second clock, as struct clock_estimate has it */
	uint64_t there, back;  /* delays from the first host to the second */
	uint64_t jitter;       /* added at most, by chance */
	uint32_t connections, random;
	uint16_t ip_id;  /* of the next segment; 0: none has one */
	uint8_t routers; /* between the two */
	bool hooks;      /* both recordings say which way a segment went */
};

static void open_world(struct world *world, size_t limit)
{
	*world = (struct world){.there = 10 * MS, .back = 10 * MS, .random = 1, .ip_id = 1};
	world->state = clock_offset_new(limit);
	assert_non_null(world->state);
}

static struct clock_estimate close_world(struct world *world)
{
	struct clock_estimate estimate;

	assert_int_equal(clock_offset_result(world->state, &estimate), 0);
	clock_offset_free(world->state);
	return estimate;
}

static uint64_t chance(struct world *world, uint64_t below)
{
	world->random = world->random * 1103515245 + 12345;
	return below ? world->random / 7 % below : 0;
}

/* The second clock's word for a time of the first. */
static uint64_t second_clock(const struct world *world, uint64_t time)
{
	return time + (uint64_t)world->offset +
	       (uint64_t)((__int128)(int64_t)(time - START) * world->drift / 1000000000000);
}

enum seen {
	SEEN_LEAVING = 1,
	SEEN_ARRIVING = 2,
	SEEN_TWICE = 3,
};

/* Behind NAT the second recording has other addresses. */
static void see(struct world *world, struct segment_record *record, unsigned int source,
		bool by_first, uint64_t time)
{
	record->header.source = (uint16_t)source;
	record->header.netns = 1;
	record->header.flow.local[15] = by_first ? 1 : 2;
	record->header.flow.remote[15] = by_first ? 2 : 1;
	record->header.flow.local[0] = record->header.flow.remote[0] = (uint8_t)source;
	record->header.time = source ? second_clock(world, time) : time;
	record->ttl = (uint8_t)(64 - (source == by_first ? world->routers : 0));
	record->hook =
		world->hooks ? source == by_first ? HOOK_TC_INGRESS : HOOK_TC_EGRESS : HOOK_CAPTURE;
	clock_offset_feed(world->state, &record->header, record->header.length);
}

struct sent {
	uint64_t time;
	bool by_first;
	uint8_t flags;
	uint32_t seq, ack;
	enum seen seen;
};

static uint64_t send(struct world *world, const struct sent *sent)
{
	uint64_t delay =
		(sent->by_first ? world->there : world->back) + chance(world, world->jitter);
	struct segment_record record = {
		.header = {.length = sizeof(record), .kind = RECORD_SEGMENT},
		.seq = sent->seq,
		.ack = sent->ack,
		.flags = sent->flags,
		.ip_id = world->ip_id,
	};

	world->ip_id += world->ip_id != 0;
	record.header.flow.local_port = (uint16_t)(sent->by_first ? world->connections : 80);
	record.header.flow.remote_port = (uint16_t)(sent->by_first ? 80 : world->connections);
	if (sent->seen & SEEN_LEAVING)
		see(world, &record, !sent->by_first, sent->by_first, sent->time);
	if (sent->seen & SEEN_ARRIVING)
		see(world, &record, sent->by_first, sent->by_first, sent->time + delay);
	return sent->time + delay;
}

#define FIN_ACK (SEGMENT_FIN | SEGMENT_ACK)

static struct sent begin(struct world *world, uint64_t time, bool by_first)
{
	uint32_t number = ++world->connections * 100000;

	return (struct sent){time, by_first, FIN_ACK, number, number + 50000, SEEN_TWICE};
}

/* Four segments, the first by the first host. Returns when the last arrives. */
static uint64_t four_way(struct world *world, uint64_t time)
{
	struct sent fin = begin(world, time, true);
	struct sent answer = {0, false, SEGMENT_ACK, fin.ack, fin.seq + 1, SEEN_TWICE};

	answer.time = send(world, &fin) + 50 * US;
	send(world, &answer);
	answer.flags = FIN_ACK;
	answer.time += 3 * MS;
	fin.time = send(world, &answer) + 50 * US;
	fin.flags = SEGMENT_ACK;
	fin.seq++;
	fin.ack++;
	return send(world, &fin);
}

static void closes(struct world *world, unsigned int count, uint64_t apart)
{
	for (unsigned int i = 0; i < count; i++)
		four_way(world, START + i * apart);
}

static void assert_near(int64_t found, int64_t expected, uint64_t within)
{
	if (found < expected - (int64_t)within || found > expected + (int64_t)within)
		fail_msg("%lld is not within %llu of %lld", (long long)found,
			 (unsigned long long)within, (long long)expected);
}

static void nothing_in_common(void **state)
{
	struct clock_estimate estimate;
	struct world world;
	struct sent fin;

	(void)state;
	open_world(&world, 1000);
	fin = begin(&world, START, true);
	fin.seen = SEEN_LEAVING;
	send(&world, &fin);
	fin.seq++;
	fin.seen = SEEN_ARRIVING;
	send(&world, &fin);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_UNKNOWN);
	assert_int_equal(estimate.segments, 0);
	assert_int_equal(clock_estimate_at(&estimate, START), 0);
	assert_int_equal(clock_estimate_correct(&estimate, START), START);
	open_world(&world, 1000);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_UNKNOWN);
}

static void one_close_bounds_it(void **state)
{
	static const int64_t offsets[] = {0, 3250 * (int64_t)MS, -3250 * (int64_t)MS,
					  86400 * (int64_t)S};
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		open_world(&world, 1000);
		world.offset = offsets[i];
		four_way(&world, START);
		estimate = close_world(&world);
		assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
		assert_int_equal(estimate.segments, 4);
		assert_int_equal(estimate.agreeing, 4);
		assert_int_equal(estimate.error, 10 * MS);
		assert_int_equal(estimate.drift, 0);
		assert_int_equal(estimate.offset, offsets[i]);
		assert_int_equal(clock_estimate_correct(&estimate, second_clock(&world, START)),
				 START);
	}
}

static void what_is_not_symmetric_is_within_the_error(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 1000);
	world.offset = -(int64_t)S;
	world.there = 30 * MS;
	world.back = 2 * MS;
	closes(&world, 20, S);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
	assert_int_equal(estimate.error, 16 * MS);
	assert_near(estimate.offset, world.offset, estimate.error);
	assert_int_equal(estimate.offset, world.offset + 14 * (int64_t)MS);
}

/* Queues make segments late at times; the fastest of each direction tell. */
static void the_fastest_count(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 10000);
	world.offset = 5 * (int64_t)S;
	world.there = world.back = MS;
	world.jitter = 200 * MS;
	closes(&world, 1000, 100 * MS);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
	assert_int_equal(estimate.agreeing, estimate.segments);
	assert_near(estimate.offset, world.offset, 500 * US);
	assert_true(estimate.error < 2 * MS);
	assert_near(estimate.offset, world.offset, estimate.error);
}

static void drift_is_a_line(void **state)
{
	static const int64_t drifts[] = {20000000, -20000000, 300000000}; /* 20, 300 ppm */
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	for (size_t i = 0; i < sizeof(drifts) / sizeof(*drifts); i++) {
		open_world(&world, 10000);
		world.offset = 2 * (int64_t)S;
		world.there = world.back = 200 * US;
		world.jitter = 50 * US;
		world.drift = drifts[i];
		closes(&world, 360, 10 * S); /* an hour: 72 ms */
		estimate = close_world(&world);
		assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
		assert_near(estimate.drift, drifts[i], 20000);
		assert_int_equal(estimate.agreeing, estimate.segments);
		assert_true(estimate.error < 250 * US);
		for (uint64_t at = START; at < START + 3600 * S; at += 60 * S) {
			uint64_t second = second_clock(&world, at);

			assert_near(clock_estimate_at(&estimate, at), (int64_t)(second - at),
				    estimate.error);
			assert_near((int64_t)clock_estimate_correct(&estimate, second), (int64_t)at,
				    estimate.error);
		}
	}
}

/* Two connections, far apart, are enough. */
static void drift_between_two(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 1000);
	world.drift = 10000000;
	world.there = world.back = 100 * US;
	closes(&world, 2, 1000 * S);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
	assert_int_equal(estimate.agreeing, 8);
	assert_near(estimate.drift, world.drift, 100000);
}

/* What is less than the error is not called a drift. */
static void no_drift_is_made_of_noise(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 10000);
	world.jitter = 30 * MS;
	world.drift = 1000000; /* 3.6 ms in an hour */
	closes(&world, 360, 10 * S);
	estimate = close_world(&world);
	assert_int_equal(estimate.drift, 0);
	assert_int_equal(estimate.agreeing, estimate.segments);
	for (uint64_t at = START; at < START + 3600 * S; at += 60 * S)
		assert_near(clock_estimate_at(&estimate, at),
			    (int64_t)(second_clock(&world, at) - at), estimate.error);
}

/* A clock that was set in between: most agree, and how many is told. */
static void a_step_is_told(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 10000);
	closes(&world, 70, S);
	world.offset = 30 * (int64_t)S;
	for (unsigned int i = 70; i < 100; i++)
		four_way(&world, START + i * S);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
	assert_near(estimate.offset, 0, estimate.error);
	assert_int_equal(estimate.segments, 400);
	/* Of the others one direction contradicts, the other does not. */
	assert_int_equal(estimate.agreeing, 340);
}

/* The first copy is lost on its way, the second comes 200 ms later. */
static void lost_copies_prove_nothing_false(void **state)
{
	struct clock_estimate estimate;
	struct world world;
	struct sent fin, answer;

	(void)state;
	for (unsigned int identified = 0; identified < 2; identified++)
		for (unsigned int by_first = 0; by_first < 2; by_first++) {
			open_world(&world, 1000);
			world.ip_id = (uint16_t)identified;
			world.offset = -70 * (int64_t)S;
			fin = begin(&world, START, by_first);
			fin.seen = SEEN_LEAVING;
			send(&world, &fin);
			fin.seen = SEEN_TWICE;
			fin.time += 200 * MS;
			answer = (struct sent){.by_first = !by_first,
					       .flags = SEGMENT_ACK,
					       .seq = fin.ack,
					       .ack = fin.seq + 1,
					       .seen = SEEN_TWICE};
			answer.time = send(&world, &fin);
			send(&world, &answer);
			estimate = close_world(&world);
			assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
			assert_int_equal(estimate.segments, 2);
			assert_int_equal(estimate.agreeing, 2);
			assert_near(estimate.offset, world.offset, estimate.error);
			/* With identifications it is even known which of the two it was. */
			assert_int_equal(estimate.error, identified ? 10 * MS : 110 * MS);
		}
}

/* Both copies arrive: the first is the first, the second the second. */
static void copies_match_in_order(void **state)
{
	struct clock_estimate estimate;
	struct world world;
	struct sent fin;

	(void)state;
	for (unsigned int identified = 0; identified < 2; identified++) {
		open_world(&world, 1000);
		world.ip_id = (uint16_t)identified;
		world.there = world.back = 150 * MS; /* longer than the other waits */
		fin = begin(&world, START, true);
		for (unsigned int i = 0; i < 3; i++) {
			send(&world, &fin);
			fin.time += 100 * MS;
		}
		four_way(&world, START + S);
		estimate = close_world(&world);
		assert_int_equal(estimate.segments, 7);
		assert_int_equal(estimate.agreeing, 7);
		assert_int_equal(estimate.offset, 0);
		assert_int_equal(estimate.error, 150 * MS);
	}
}

/* A recording on two interfaces has each segment twice: that is no copy. */
static void one_segment_at_two_interfaces(void **state)
{
	struct clock_estimate estimate;
	struct world world;
	struct sent fin;

	(void)state;
	for (unsigned int identified = 0; identified < 2; identified++)
		for (unsigned int by_first = 0; by_first < 2; by_first++) {
			open_world(&world, 1000);
			world.ip_id = (uint16_t)identified;
			four_way(&world, START);
			fin = begin(&world, START + S, by_first);
			for (unsigned int i = 0; i < 2; i++) {
				uint16_t id = world.ip_id;

				send(&world, &fin);
				world.ip_id = id;
				/* Seen once more, there only. */
				fin.seen = by_first ? SEEN_ARRIVING : SEEN_LEAVING;
				fin.time += 20 * US;
				send(&world, &fin);
				/* And then it is sent again. */
				fin.seen = SEEN_TWICE;
				fin.time += 300 * MS;
			}
			estimate = close_world(&world);
			assert_int_equal(estimate.segments, 6);
			assert_int_equal(estimate.agreeing, 6);
			assert_int_equal(estimate.error, 10 * MS);
			assert_int_equal(estimate.offset, 0);
		}
}

/* All that is in both goes one way. */
static struct clock_estimate one_way(bool by_first, uint8_t routers, bool hooks)
{
	struct world world;

	open_world(&world, 1000);
	world.offset = (int64_t)S;
	world.routers = routers;
	world.hooks = hooks;
	world.jitter = 100 * MS;
	for (unsigned int i = 0; i < 100; i++) {
		struct sent fin = begin(&world, START + i * S, by_first);

		send(&world, &fin);
	}
	return close_world(&world);
}

static void one_direction_is_one_bound(void **state)
{
	struct clock_estimate estimate;

	(void)state;
	for (unsigned int hooks = 0; hooks < 2; hooks++) {
		estimate = one_way(true, !hooks, hooks);
		assert_int_equal(estimate.knowledge, CLOCK_AT_MOST);
		assert_near(estimate.offset, S + 10 * MS, 5 * MS);
		assert_true(estimate.offset >= (int64_t)(S + 10 * MS));
		assert_int_equal(estimate.agreeing, 100);
		estimate = one_way(false, !hooks, hooks);
		assert_int_equal(estimate.knowledge, CLOCK_AT_LEAST);
		assert_near(estimate.offset, S - 10 * MS, 5 * MS);
		assert_true(estimate.offset <= (int64_t)(S - 10 * MS));
	}
	estimate = one_way(true, 0, false);
	assert_int_equal(estimate.knowledge, CLOCK_ABOUT);
	assert_near(estimate.offset, S + 60 * MS, 50 * MS);
}

/* The same file given twice. */
static void one_recording_twice(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 1000);
	world.there = world.back = 0;
	closes(&world, 10, S);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_ABOUT);
	assert_int_equal(estimate.offset, 0);
	assert_int_equal(estimate.segments, 40);
}

/* More than fit: a sample of all of them, the same of both. */
static void memory_is_bounded(void **state)
{
	struct clock_estimate estimate;
	struct world world;

	(void)state;
	open_world(&world, 1000);
	world.drift = 20000000;
	world.there = world.back = 200 * US;
	closes(&world, 10000, 100 * MS);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
	assert_in_range(estimate.segments, 400, 1000);
	assert_int_equal(estimate.left_out + 2 * estimate.segments, 80000);
	assert_near(estimate.drift, world.drift, 100000);
	assert_int_equal(estimate.agreeing, estimate.segments);
}

/* Who sends one number again and again does not crowd out the others. */
static void repeated_numbers_take_no_room(void **state)
{
	struct clock_estimate estimate;
	struct world world;
	struct sent fin;

	(void)state;
	open_world(&world, 1000);
	four_way(&world, START);
	fin = begin(&world, START, true);
	for (unsigned int i = 0; i < 100000; i++) {
		send(&world, &fin);
		fin.time += 2 * MS;
	}
	four_way(&world, START + 300 * S);
	estimate = close_world(&world);
	assert_int_equal(estimate.knowledge, CLOCK_BETWEEN);
	assert_int_equal(estimate.offset, 0);
	assert_true(estimate.segments >= 8);
	assert_int_equal(estimate.agreeing, estimate.segments);
}

static void anything_is_taken(void **state)
{
	struct clock_estimate estimate;
	struct segment_record record = {0};
	struct world world;

	(void)state;
	open_world(&world, 500);
	clock_offset_feed(world.state, &record.header, sizeof(record.header));
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned char *bytes = (unsigned char *)&record;

		for (size_t at = 0; at < sizeof(record); at++)
			bytes[at] = (unsigned char)chance(&world, 256);
		record.header.length = sizeof(record);
		record.header.kind = i % 7 ? RECORD_SEGMENT : (uint16_t)chance(&world, 20);
		record.header.source = (uint16_t)chance(&world, 3);
		/* Few numbers, so that many are in both. */
		record.seq &= 3;
		record.ack &= 3;
		record.payload &= 1;
		record.flags = SEGMENT_ACK | (record.flags & SEGMENT_FIN);
		record.ip_id &= 1;
		clock_offset_feed(world.state, &record.header, sizeof(record));
	}
	estimate = close_world(&world);
	assert_true(estimate.segments > 0);
	assert_true(estimate.agreeing <= estimate.segments);
	clock_estimate_at(&estimate, 0);
	clock_estimate_at(&estimate, UINT64_MAX);
	clock_estimate_correct(&estimate, 0);
	clock_offset_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_common),
		cmocka_unit_test(one_close_bounds_it),
		cmocka_unit_test(what_is_not_symmetric_is_within_the_error),
		cmocka_unit_test(the_fastest_count),
		cmocka_unit_test(drift_is_a_line),
		cmocka_unit_test(drift_between_two),
		cmocka_unit_test(no_drift_is_made_of_noise),
		cmocka_unit_test(a_step_is_told),
		cmocka_unit_test(lost_copies_prove_nothing_false),
		cmocka_unit_test(copies_match_in_order),
		cmocka_unit_test(one_segment_at_two_interfaces),
		cmocka_unit_test(one_direction_is_one_bound),
		cmocka_unit_test(one_recording_twice),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(repeated_numbers_take_no_room),
		cmocka_unit_test(anything_is_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

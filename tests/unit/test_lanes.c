// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Records of several processors become one row in order of time, and none is lost or doubled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lanes.h"
#include "record.h"

#define LANES 3
#define ROOM 4096

struct taken {
	uint64_t times[ROOM];
	uint16_t cpus[ROOM];
	size_t count;
};

static void take(void *context, const struct record *record, size_t length)
{
	struct taken *taken = context;

	assert_int_equal(length, record->length);
	assert_in_range(taken->count, 0, ROOM - 1);
	taken->times[taken->count] = record->time;
	taken->cpus[taken->count++] = record->cpu;
}

static struct record record_at(uint16_t cpu, uint64_t time)
{
	return (struct record){.length = sizeof(struct record), .cpu = cpu, .time = time};
}

static void assert_times(const struct taken *taken, const uint64_t *times, size_t count)
{
	assert_int_equal(taken->count, count);
	assert_memory_equal(taken->times, times, count * sizeof(*times));
}

static void in_order_of_time(void **state)
{
	const struct record one[] = {record_at(0, 10), record_at(0, 40), record_at(0, 50)},
			    other[] = {record_at(1, 20), record_at(1, 30), record_at(1, 60)},
			    again[] = {record_at(0, 55)};
	const uint64_t times[] = {10, 20, 30, 40, 50, 55, 60};
	struct taken taken = {0};
	struct lanes *lanes = lanes_new(LANES, take, &taken);

	(void)state;
	assert_true(lanes_add(lanes, 0, one, sizeof(one), 100));
	assert_true(lanes_add(lanes, 1, other, sizeof(other), 200));
	assert_true(lanes_add(lanes, 0, again, sizeof(again), 300));
	assert_false(lanes_take(lanes, UINT64_MAX, SIZE_MAX));
	assert_times(&taken, times, 7);
	assert_int_equal(lanes_behind(lanes), 300);
	lanes_free(lanes);
}

/* What is later waits, and need not be where it was any more. */
static void later_ones_are_kept(void **state)
{
	struct record one[] = {record_at(0, 10), record_at(0, 40)},
		      other[] = {record_at(1, 20), record_at(1, 50)}, next[] = {record_at(1, 60)};
	const uint64_t first[] = {10, 20}, second[] = {10, 20, 40, 50, 60};
	struct taken taken = {0};
	struct lanes *lanes = lanes_new(LANES, take, &taken);

	(void)state;
	lanes_add(lanes, 0, one, sizeof(one), 100);
	lanes_add(lanes, 1, other, sizeof(other), 200);
	assert_false(lanes_take(lanes, 30, SIZE_MAX));
	assert_times(&taken, first, 2);
	assert_true(lanes_keep(lanes, SIZE_MAX, SIZE_MAX));
	assert_times(&taken, first, 2);
	memset(one, 0xff, sizeof(one));
	memset(other, 0xff, sizeof(other));
	lanes_add(lanes, 1, next, sizeof(next), 300);
	assert_int_equal(lanes_behind(lanes), 200);
	assert_false(lanes_take(lanes, 100, SIZE_MAX));
	assert_times(&taken, second, 5);
	assert_int_equal(lanes_behind(lanes), 300);
	lanes_free(lanes);
}

static void place_is_given_back_as_it_is_taken(void **state)
{
	const struct record one[] = {record_at(0, 10)}, other[] = {record_at(1, 20)},
			    third[] = {record_at(0, 15)};
	struct taken taken = {0};
	struct lanes *lanes = lanes_new(LANES, take, &taken);

	(void)state;
	lanes_add(lanes, 0, one, sizeof(one), 100);
	lanes_add(lanes, 1, other, sizeof(other), 200);
	lanes_add(lanes, 0, third, sizeof(third), 300);
	/* The third, too, but not what stands before it. */
	assert_true(lanes_take(lanes, 100, 1));
	assert_int_equal(taken.count, 2);
	assert_int_equal(lanes_behind(lanes), 100);
	lanes_take(lanes, 100, 1);
	assert_int_equal(taken.count, 3);
	assert_int_equal(lanes_behind(lanes), 300);
	lanes_free(lanes);
}

static void nonsense_is_passed_over(void **state)
{
	const struct record one[] = {record_at(0, 10)}, other[] = {record_at(1, 20)};
	struct record broken[] = {record_at(2, 5), record_at(2, 15)};
	const uint64_t times[] = {5, 10, 20};
	struct taken taken = {0};
	struct lanes *lanes = lanes_new(LANES, take, &taken);

	(void)state;
	broken[1].length = 8;
	assert_false(lanes_add(lanes, LANES + 1, one, sizeof(one), 50));
	lanes_add(lanes, 0, one, sizeof(one), 100);
	lanes_add(lanes, 2, broken, sizeof(broken), 200);
	lanes_add(lanes, 2, broken, sizeof(struct record) / 2, 250);
	lanes_add(lanes, 1, other, sizeof(other), 300);
	lanes_take(lanes, 100, SIZE_MAX);
	assert_true(lanes_keep(lanes, SIZE_MAX, SIZE_MAX));
	assert_times(&taken, times, 3);
	assert_int_equal(lanes_behind(lanes), 300);
	lanes_free(lanes);
}

/* What does not fit stays in the ring, and is kept when others are gone. */
static void no_more_is_kept_than_may_be(void **state)
{
	struct record one[] = {record_at(0, 10), record_at(0, 20)},
		      other[] = {record_at(1, 15), record_at(1, 30)};
	const uint64_t times[] = {10, 15, 20, 30};
	struct taken taken = {0};
	struct lanes *lanes = lanes_new(LANES, take, &taken);

	(void)state;
	lanes_add(lanes, 0, one, sizeof(one), 100);
	assert_true(lanes_keep(lanes, SIZE_MAX, sizeof(one)));
	assert_int_equal(lanes_behind(lanes), 100);
	memset(one, 0xff, sizeof(one));
	lanes_add(lanes, 1, other, sizeof(other), 200);
	assert_false(lanes_keep(lanes, SIZE_MAX, sizeof(one) + sizeof(other) - 1));
	assert_int_equal(lanes_behind(lanes), 100);
	lanes_take(lanes, 10, SIZE_MAX);
	/* A block is there as a whole until all of it is taken. */
	assert_false(lanes_keep(lanes, SIZE_MAX, sizeof(one) + sizeof(other) - 1));
	lanes_take(lanes, 20, SIZE_MAX);
	assert_true(lanes_keep(lanes, SIZE_MAX, sizeof(struct record)));
	assert_int_equal(lanes_behind(lanes), 200);
	memset(other, 0xff, sizeof(other));
	lanes_take(lanes, 100, SIZE_MAX);
	assert_times(&taken, times, 4);
	assert_int_equal(lanes_behind(lanes), 200);
	lanes_free(lanes);
}

/* Of what was given back nothing is read any more. */
static void give_back(const struct lanes *lanes, struct record *ring)
{
	memset(ring, 0xff, lanes_behind(lanes) * sizeof(*ring));
}

/* Any number of lanes and loads, taken and kept at any time, the latter sometimes in vain. */
static void nothing_is_lost_or_doubled(void **state)
{
	static struct record ring[ROOM];
	uint64_t clock[LANES] = {1, 1, 1}, least;
	struct taken taken = {0};
	struct lanes *lanes = lanes_new(LANES, take, &taken);
	size_t at = 0, told[LANES] = {0};

	(void)state;
	srand(1);
	while (at < ROOM) {
		uint16_t cpu = (uint16_t)(rand() % LANES);
		size_t count = 1 + (size_t)rand() % 7, first = at;

		for (; at < ROOM && at < first + count; at++) {
			clock[cpu] += (uint64_t)rand() % 5;
			ring[at] = record_at(cpu, clock[cpu]);
			told[cpu]++;
		}
		lanes_add(lanes, cpu, &ring[first], (at - first) * sizeof(*ring), at);
		if (rand() % 8)
			continue;
		least = clock[0];
		for (int i = 1; i < LANES; i++)
			least = clock[i] < least ? clock[i] : least;
		while (lanes_take(lanes, least - 1, 100)) {
			give_back(lanes, ring);
			if (rand() % 3)
				continue;
			lanes_keep(lanes, (size_t)rand() % 500, (size_t)rand() % 2000);
			give_back(lanes, ring);
		}
		if (rand() % 4 == 0)
			continue;
		assert_true(lanes_keep(lanes, SIZE_MAX, SIZE_MAX));
		assert_int_equal(lanes_in_ring(lanes), 0);
		assert_int_equal(lanes_behind(lanes), at);
		give_back(lanes, ring);
	}
	while (lanes_take(lanes, UINT64_MAX, 100))
		;
	assert_int_equal(taken.count, ROOM);
	for (size_t i = 0; i < ROOM; i++) {
		told[taken.cpus[i]]--;
		if (i)
			assert_true(taken.times[i] >= taken.times[i - 1]);
	}
	for (int i = 0; i < LANES; i++)
		assert_int_equal(told[i], 0);
	lanes_free(lanes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_of_time),
		cmocka_unit_test(later_ones_are_kept),
		cmocka_unit_test(place_is_given_back_as_it_is_taken),
		cmocka_unit_test(nonsense_is_passed_over),
		cmocka_unit_test(no_more_is_kept_than_may_be),
		cmocka_unit_test(nothing_is_lost_or_doubled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The set of held addresses: what it finds again, what it forgets and counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "socket/held.h"

#define SECOND 1000000000ull
#define MANY 262144u

static uint64_t hash_of(uint32_t number, uint32_t netns)
{
	struct flow flow = {.local_port = (uint16_t)number, .remote_port = 443};

	memset(flow.local + 10, 0xff, 2);
	memset(flow.remote + 10, 0xff, 2);
	memcpy(flow.remote + 12, &(uint32_t){number >> 16}, 4);
	return held_hash(&flow, netns);
}

/* All of one bucket. */
static uint64_t alike(uint32_t number)
{
	return (hash_of(1, 1) & ~0xffffffull) | (number + 1);
}

static int set_up(void **state)
{
	*state = calloc(HELD_BUCKETS, sizeof(struct held_bucket));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void what_is_added_is_there_once(void **state)
{
	struct held_bucket *held = *state;
	uint64_t hash = hash_of(1, 1);

	assert_false(held_remove(held, hash));
	assert_false(held_add(held, hash, SECOND));
	assert_false(held_add(held, hash, 2 * SECOND));
	assert_false(held_remove(held, hash_of(2, 1)));
	assert_false(held_remove(held, hash_of(1, 2)));
	assert_true(held_remove(held, hash));
	assert_false(held_remove(held, hash));
}

static void what_finds_no_room_goes_across(void **state)
{
	struct held_bucket *held = *state;

	for (uint32_t i = 0; i < 2 * HELD_WAYS; i++)
		assert_false(held_add(held, alike(i), (100 + i) * SECOND));
	for (uint32_t i = 0; i < 2 * HELD_WAYS; i++)
		assert_true(held_remove(held, alike(i)));
	for (uint32_t i = 0; i < 2 * HELD_WAYS; i++)
		assert_false(held_remove(held, alike(i)));
}

/* Of those across. */
static void the_oldest_is_forgotten_where_both_are_full(void **state)
{
	struct held_bucket *held = *state;

	for (uint32_t i = 0; i < 2 * HELD_WAYS; i++)
		assert_false(held_add(held, alike(i), (100 + 3 * i) * SECOND));
	assert_true(held_add(held, alike(2 * HELD_WAYS), 195 * SECOND));
	assert_true(held_remove(held, alike(0)));
	assert_false(held_remove(held, alike(HELD_WAYS)));
	assert_true(held_remove(held, alike(2 * HELD_WAYS)));
}

static void what_waits_in_vain_is_no_loss(void **state)
{
	struct held_bucket *held = *state;

	for (uint32_t i = 0; i < 2 * HELD_WAYS; i++)
		assert_false(held_add(held, alike(i), 1000 * SECOND));
	assert_false(held_add(held, alike(2 * HELD_WAYS), 1135 * SECOND));
	/* Time comes round after 1100 s. */
	assert_false(held_add(held, alike(2 * HELD_WAYS + 1), 1140 * SECOND));
	assert_true(held_remove(held, alike(2 * HELD_WAYS)));
}

/* Of one connection after the other, from even ports. */
static void neighbours_lie_together(void **state)
{
	(void)state;
	for (uint32_t port = 1000; port < 1100; port += 2)
		assert_in_range(held_index(hash_of(port + 2, 1)) - held_index(hash_of(port, 1)), 1,
				2);
}

static void many_at_once_find_room(void **state)
{
	struct held_bucket *held = *state;
	uint32_t forgotten = 0, found = 0;

	for (uint32_t i = 0; i < MANY; i++)
		forgotten += held_add(held, hash_of(i, 4026531840), i * (SECOND / 4096));
	for (uint32_t i = 0; i < MANY; i++)
		found += held_remove(held, hash_of(i, 4026531840));
	assert_int_equal(forgotten, 0);
	assert_in_range(found, MANY - 4, MANY); /* two may look alike */
}

/* 68 services whose clients use 3,855 neighbouring ports each, chosen so that runs lie over one
 * another: where a full bucket had none to turn to, 73 would be forgotten. */
static void runs_of_ports_find_room(void **state)
{
	struct held_bucket *held = *state;
	uint32_t forgotten = 0;

	for (uint32_t service = 0; service < 68; service++) {
		struct flow flow = {.remote_port = (uint16_t)(1 + service * 86)};

		for (uint32_t i = 0; i < 3855; i++) {
			flow.local_port = (uint16_t)(40000 + 2 * i);
			forgotten += held_add(held, held_hash(&flow, 1), SECOND);
		}
	}
	assert_int_equal(forgotten, 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_added_is_there_once),
		CASE(what_finds_no_room_goes_across),
		CASE(the_oldest_is_forgotten_where_both_are_full),
		CASE(what_waits_in_vain_is_no_loss),
		CASE(neighbours_lie_together),
		CASE(many_at_once_find_room),
		CASE(runs_of_ports_find_room),
	};

	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}

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

static void what_is_added_is_there_once(void **state)
{
	struct held_bucket bucket = {0};
	uint64_t hash = hash_of(1, 1);

	(void)state;
	assert_false(held_remove(&bucket, hash));
	assert_false(held_add(&bucket, hash, SECOND));
	assert_false(held_add(&bucket, hash, 2 * SECOND));
	assert_false(held_remove(&bucket, hash_of(2, 1)));
	assert_false(held_remove(&bucket, hash_of(1, 2)));
	assert_true(held_remove(&bucket, hash));
	assert_false(held_remove(&bucket, hash));
}

static void the_oldest_of_a_full_bucket_is_forgotten(void **state)
{
	struct held_bucket bucket = {0};

	(void)state;
	for (uint32_t i = 0; i < HELD_WAYS; i++)
		assert_false(held_add(&bucket, hash_of(i, 1), (100 + 5 * i) * SECOND));
	assert_true(held_add(&bucket, hash_of(HELD_WAYS, 1), 180 * SECOND));
	assert_false(held_remove(&bucket, hash_of(0, 1)));
	for (uint32_t i = 1; i <= HELD_WAYS; i++)
		assert_true(held_remove(&bucket, hash_of(i, 1)));
}

static void what_waits_in_vain_is_no_loss(void **state)
{
	struct held_bucket bucket = {0};

	(void)state;
	for (uint32_t i = 0; i < HELD_WAYS; i++)
		assert_false(held_add(&bucket, hash_of(i, 1), 1000 * SECOND));
	assert_false(held_add(&bucket, hash_of(HELD_WAYS, 1), 1135 * SECOND));
	/* Time comes round after 1100 s. */
	assert_false(held_add(&bucket, hash_of(HELD_WAYS + 1, 1), 1140 * SECOND));
	assert_true(held_remove(&bucket, hash_of(HELD_WAYS, 1)));
}

static void many_at_once_find_room(void **state)
{
	struct held_bucket *held = calloc(HELD_BUCKETS, sizeof(*held));
	uint32_t forgotten = 0, found = 0;

	(void)state;
	assert_non_null(held);
	for (uint32_t i = 0; i < MANY; i++) {
		uint64_t hash = hash_of(i, 4026531840);

		forgotten += held_add(&held[held_index(hash)], hash, i * (SECOND / 4096));
	}
	for (uint32_t i = 0; i < MANY; i++) {
		uint64_t hash = hash_of(i, 4026531840);

		found += held_remove(&held[held_index(hash)], hash);
	}
	free(held);
	assert_int_equal(forgotten, 0);
	assert_in_range(found, MANY - 4, MANY); /* two may look alike */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_there_once),
		cmocka_unit_test(the_oldest_of_a_full_bucket_is_forgotten),
		cmocka_unit_test(what_waits_in_vain_is_no_loss),
		cmocka_unit_test(many_at_once_find_room),
	};

	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}

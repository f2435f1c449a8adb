// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The hash table: what is in it is found, in order, however far its growth has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"

#define ENTRIES                                                                                    \
	20000  /* it begins with 1024 buckets: several doublings, and in the midst of one          \
		*/
#define SAME 3 /* with the same hash */

static struct map_link links[ENTRIES];

/* Entries in the order in which they were added, SAME with each hash. */
static uint64_t hash_of(size_t entry)
{
	return hash_mix(entry / SAME);
}

/* Of the entries from `first` to before `end` each is found, the newest of a hash first, and none
 * else. */
static void check(const struct map *map, size_t first, size_t end, size_t added)
{
	for (size_t group = 0; group <= added / SAME; group++) {
		struct map_link *link = map_first(map, hash_mix(group));

		for (size_t way = SAME; way-- > 0;) {
			size_t entry = group * SAME + way;

			if (entry < first || entry >= end)
				continue;
			assert_ptr_equal(link, &links[entry]);
			link = map_next(link);
		}
		assert_null(link);
	}
	assert_int_equal(map->count, end - first);
}

static void found_while_it_grows(void **state)
{
	struct map map;
	size_t last = 0;

	(void)state;
	assert_int_equal(map_init(&map), 0);
	for (size_t entry = 0; entry < ENTRIES; entry++) {
		map_add(&map, &links[entry], hash_of(entry));
		/* By one bucket at a time, and never behind. */
		assert_true(map_buckets(&map) >= map.count);
		assert_true(!last || map_buckets(&map) <= last + 1);
		last = map_buckets(&map);
		if (entry % 2003 == 0)
			check(&map, 0, entry + 1, entry + 1);
	}
	check(&map, 0, ENTRIES, ENTRIES);
	map_done(&map);
}

static void removed_while_it_grows(void **state)
{
	struct map map;

	(void)state;
	assert_int_equal(map_init(&map), 0);
	for (size_t entry = 0; entry < ENTRIES; entry++) {
		map_add(&map, &links[entry], hash_of(entry));
		if (entry % 3 == 2)
			map_remove(&map, &links[entry / 3]);
		if (entry % 2003 == 2002)
			check(&map, (entry + 1) / 3, entry + 1, entry + 1);
	}
	map_remove(&map, &links[0]); /* no longer there */
	check(&map, ENTRIES / 3, ENTRIES, ENTRIES);
	map_done(&map);
}

/* All of them in one of the buckets, on either side of the split. */
static void every_bucket_is_one_of_its_hashes(void **state)
{
	struct map_link *link;
	struct map map;
	size_t seen = 0;

	(void)state;
	assert_int_equal(map_init(&map), 0);
	for (size_t entry = 0; entry < ENTRIES; entry++)
		map_add(&map, &links[entry], hash_of(entry));
	for (size_t i = 0; i < map_buckets(&map); i++)
		for (link = map.buckets[i]; link; link = link->next) {
			assert_int_equal(map_bucket(&map, link->hash), i);
			seen++;
		}
	assert_int_equal(seen, ENTRIES);
	for (size_t bucket = 0; (link = map_any(&map, &bucket)); seen--)
		map_remove(&map, link);
	assert_int_equal(seen, 0);
	map_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_while_it_grows),
		cmocka_unit_test(removed_while_it_grows),
		cmocka_unit_test(every_bucket_is_one_of_its_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

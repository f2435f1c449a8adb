// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define INITIAL_BUCKETS 1024

int map_init(struct map *map)
{
	map->buckets = calloc(INITIAL_BUCKETS, sizeof(*map->buckets));
	map->mask = INITIAL_BUCKETS - 1;
	map->split = 0;
	map->count = 0;
	return map->buckets ? 0 : -ENOMEM;
}

void map_done(struct map *map)
{
	free(map->buckets);
	map->buckets = NULL;
	map->count = 0;
}

/* A bucket splits into two; order within a hash is kept. */
static void grow(struct map *map)
{
	size_t size = map->mask + 1;
	struct map_link **low, **high, *link;

	if (!map->split) {
		/* The new half is written to bucket by bucket. */
		struct map_link **buckets = realloc(map->buckets, 2 * size * sizeof(*map->buckets));

		if (!buckets)
			return;
		map->buckets = buckets;
	}
	low = &map->buckets[map->split];
	high = &map->buckets[map->split + size];
	for (link = *low; link; link = link->next) {
		struct map_link ***half = link->hash & size ? &high : &low;

		**half = link;
		*half = &link->next;
	}
	*low = NULL;
	*high = NULL;
	if (++map->split < size)
		return;
	map->mask = 2 * size - 1;
	map->split = 0;
}

void map_add(struct map *map, struct map_link *link, uint64_t hash)
{
	struct map_link **bucket;

	if (map->count >= map_buckets(map))
		grow(map);
	bucket = map_bucket(map, hash);
	link->hash = hash;
	link->next = *bucket;
	*bucket = link;
	map->count++;
}

void map_remove(struct map *map, struct map_link *link)
{
	struct map_link **at = map_bucket(map, link->hash);

	while (*at && *at != link)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = link->next;
	map->count--;
}

struct map_link *map_any(const struct map *map, size_t *bucket)
{
	if (!map->count)
		return NULL;
	while (!map->buckets[*bucket])
		++*bucket;
	return map->buckets[*bucket];
}

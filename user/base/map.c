// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define INITIAL_BUCKETS 1024

/* Room for so many; what is there stays. */
static bool resize(struct map *map, size_t size)
{
	struct map_link **buckets = realloc(map->buckets, size * sizeof(*map->buckets));
	map_tag *tags;

	if (!buckets)
		return false;
	map->buckets = buckets;
	tags = realloc(map->tags, size * sizeof(*map->tags));
	if (!tags)
		return false;
	map->tags = tags;
	return true;
}

int map_init(struct map *map)
{
	*map = (struct map){.mask = INITIAL_BUCKETS - 1};
	if (!resize(map, INITIAL_BUCKETS)) {
		map_done(map);
		return -ENOMEM;
	}
	memset(map->buckets, 0, INITIAL_BUCKETS * sizeof(*map->buckets));
	memset(map->tags, 0, INITIAL_BUCKETS * sizeof(*map->tags));
	return 0;
}

void map_done(struct map *map)
{
	free(map->buckets);
	free(map->tags);
	map->buckets = NULL;
	map->tags = NULL;
	map->count = 0;
}

/* A bucket splits into two; order within a hash is kept. */
static void grow(struct map *map)
{
	size_t size = map->mask + 1, low = map->split, high = low + size;
	struct map_link **ends[2], *link;

	/* The new half is written to bucket by bucket. */
	if (!low && !resize(map, 2 * size))
		return;
	ends[0] = &map->buckets[low];
	ends[1] = &map->buckets[high];
	map->tags[low] = map->tags[high] = 0;
	for (link = *ends[0]; link; link = link->next) {
		bool upper = link->hash & size;

		*ends[upper] = link;
		ends[upper] = &link->next;
		map->tags[upper ? high : low] |= map_tag_of(link->hash);
	}
	*ends[0] = NULL;
	*ends[1] = NULL;
	if (++map->split < size)
		return;
	map->mask = 2 * size - 1;
	map->split = 0;
}

void map_add(struct map *map, struct map_link *link, uint64_t hash)
{
	size_t bucket;

	if (map->count >= map_buckets(map))
		grow(map);
	bucket = map_bucket(map, hash);
	link->hash = hash;
	link->next = map->buckets[bucket];
	map->buckets[bucket] = link;
	map->tags[bucket] |= map_tag_of(hash);
	map->count++;
}

void map_remove(struct map *map, struct map_link *link)
{
	size_t bucket = map_bucket(map, link->hash);
	struct map_link **at = &map->buckets[bucket];

	while (*at && *at != link)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = link->next;
	if (!map->buckets[bucket])
		map->tags[bucket] = 0;
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

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define INITIAL_BUCKETS 1024

int map_init(struct map *map)
{
	map->buckets = calloc(INITIAL_BUCKETS, sizeof(*map->buckets));
	map->mask = INITIAL_BUCKETS - 1;
	map->count = 0;
	return map->buckets ? 0 : -ENOMEM;
}

void map_done(struct map *map)
{
	free(map->buckets);
	map->buckets = NULL;
	map->count = 0;
}

static void grow(struct map *map)
{
	size_t mask = map->mask * 2 + 1;
	struct map_link **buckets = calloc(mask + 1, sizeof(*buckets));
	struct map_link **tails;

	if (!buckets)
		return;
	/* Each old bucket splits into two; order within a hash is kept. */
	for (size_t i = 0; i <= map->mask; i++) {
		struct map_link **low = &buckets[i];
		struct map_link **high = &buckets[i + map->mask + 1];

		for (struct map_link *link = map->buckets[i]; link; link = link->next) {
			tails = (link->hash & mask) == i ? low : high;
			*tails = link;
			if (tails == low)
				low = &link->next;
			else
				high = &link->next;
		}
		*low = NULL;
		*high = NULL;
	}
	free(map->buckets);
	map->buckets = buckets;
	map->mask = mask;
}

void map_add(struct map *map, struct map_link *link, uint64_t hash)
{
	struct map_link **bucket;

	if (map->count > map->mask)
		grow(map);
	bucket = &map->buckets[hash & map->mask];
	link->hash = hash;
	link->next = *bucket;
	*bucket = link;
	map->count++;
}

void map_remove(struct map *map, struct map_link *link)
{
	struct map_link **at = &map->buckets[link->hash & map->mask];

	while (*at && *at != link)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = link->next;
	map->count--;
}

struct map_link *map_first(const struct map *map, uint64_t hash)
{
	struct map_link *link = map->buckets[hash & map->mask];

	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct map_link *map_next(const struct map_link *link)
{
	uint64_t hash = link->hash;

	do
		link = link->next;
	while (link && link->hash != hash);
	return (struct map_link *)link;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A hash table of links that live inside the caller's objects: no allocation per entry, duplicates
 * allowed, growth by one bucket at a time (linear hashing: Litwin, 1980), so that no entry has to
 * wait until millions of others have moved. Memory only; knows nothing of keys: the caller compares
 * them.
 */
#ifndef TCPCLOSE_BASE_MAP_H
#define TCPCLOSE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct map_link {
	struct map_link *next;
	uint64_t hash;
};

/* Of millions of links those of a bucket are far away. Most of those that are looked for are not
 * there, and that tags say, which are near: a bit for each link of a bucket, by its hash. That of
 * one that went may stay while there are others. */
typedef uint16_t map_tag;

struct map {
	struct map_link **buckets;
	map_tag *tags; /* of each bucket */
	size_t mask;   /* buckets before this doubling, less one */
	size_t split;  /* so many of them have their second half already */
	size_t count;
};

/* 0 or -ENOMEM. */
int map_init(struct map *map);
void map_done(struct map *map);

/* Adds in front of others of the same hash. Cannot fail: a table that cannot grow gets slower. */
void map_add(struct map *map, struct map_link *link, uint64_t hash);
void map_remove(struct map *map, struct map_link *link);

/* One of those that are left, for who removes them all: from *bucket on, 0 at first, which is
 * moved. NULL when there is none. */
struct map_link *map_any(const struct map *map, size_t *bucket);

/* How many buckets there are. */
static inline size_t map_buckets(const struct map *map)
{
	return map->mask + 1 + map->split;
}

/* The bucket of a hash. */
static inline size_t map_bucket(const struct map *map, uint64_t hash)
{
	size_t at = hash & map->mask;

	return at < map->split ? hash & (map->mask << 1 | 1) : at;
}

static inline map_tag map_tag_of(uint64_t hash)
{
	return (map_tag)(1u << (hash * 0x9e3779b97f4a7c15ull >> 60));
}

/* The first link of a hash, the newest first, or NULL; and the next of the same. */
static inline struct map_link *map_first(const struct map *map, uint64_t hash)
{
	size_t bucket = map_bucket(map, hash);
	struct map_link *link;

	if (!(map->tags[bucket] & map_tag_of(hash)))
		return NULL;
	link = map->buckets[bucket];
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

static inline struct map_link *map_next(const struct map_link *link)
{
	struct map_link *next = link->next;

	while (next && next->hash != link->hash)
		next = next->next;
	return next;
}

/* A well mixed 64-bit hash of a number. */
static inline uint64_t hash_mix(uint64_t value)
{
	/* The finalizer of MurmurHash3: every bit of the input reaches every bit of the output. */
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdull;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ull;
	value ^= value >> 33;
	return value;
}

/* Of two numbers: each bit of either reaches most bits of it. One that is 0 hides the other. */
static inline uint64_t hash_fold(uint64_t one, uint64_t other)
{
	unsigned __int128 product = (unsigned __int128)one * other;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_join(uint64_t hash, uint64_t value)
{
	return hash_mix(hash + 0x9e3779b97f4a7c15ull + value);
}

#endif

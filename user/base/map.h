/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A hash table of links that live inside the caller's objects: no allocation per entry, duplicates
 * allowed, growth by doubling. Memory only; knows nothing of keys: the caller compares them.
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

struct map {
	struct map_link **buckets;
	size_t mask;
	size_t count;
};

/* 0 or -ENOMEM. */
int map_init(struct map *map);
void map_done(struct map *map);

/* Adds in front of others of the same hash. Cannot fail: a table that cannot grow gets slower. */
void map_add(struct map *map, struct map_link *link, uint64_t hash);
void map_remove(struct map *map, struct map_link *link);

/* The first link of a hash, the newest first, or NULL; and the next of the same. */
struct map_link *map_first(const struct map *map, uint64_t hash);
struct map_link *map_next(const struct map_link *link);

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

static inline uint64_t hash_join(uint64_t hash, uint64_t value)
{
	return hash_mix(hash + 0x9e3779b97f4a7c15ull + value);
}

#endif

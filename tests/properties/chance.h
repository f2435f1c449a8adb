/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Numbers that only look random: the same for the same seed, everywhere. */
#ifndef TCPCLOSE_TESTS_CHANCE_H
#define TCPCLOSE_TESTS_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

struct chance {
	uint64_t state;
};

static inline struct chance chance_of(uint64_t seed, uint64_t purpose)
{
	return (struct chance){.state = hash_join(hash_mix(seed), purpose)};
}

static inline uint64_t chance_next(struct chance *chance)
{
	chance->state += 0x9e3779b97f4a7c15ull;
	return hash_mix(chance->state);
}

/* Below `limit`, which is not 0. */
static inline uint64_t chance_below(struct chance *chance, uint64_t limit)
{
	return chance_next(chance) % limit;
}

static inline uint64_t chance_between(struct chance *chance, uint64_t from, uint64_t to)
{
	return from + chance_below(chance, to - from + 1);
}

static inline bool chance_in(struct chance *chance, unsigned int percent)
{
	return chance_below(chance, 100) < percent;
}

#endif

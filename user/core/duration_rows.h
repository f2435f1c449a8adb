/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The histogram of how long TIME_WAITs lasted, as few rows that say something, and what it tells of
 * those that their timer ended. Pure; it knows nothing of how rows are drawn.
 */
#ifndef TCPCLOSE_CORE_DURATION_ROWS_H
#define TCPCLOSE_CORE_DURATION_ROWS_H

#include <stdint.h>

#include "population.h"

#define DURATION_ROWS 12

/* Those that lasted from `from` up to less than `to`, ns. */
struct duration_row {
	uint64_t from;
	uint64_t to; /* UINT64_MAX: all that lasted longer */
	uint64_t count;
};

/* Rows of the same width, a round number of seconds or a part of one, from the shortest to the
 * longest that was seen. How many. */
unsigned int duration_rows_linear(const struct population_durations *durations,
				  struct duration_row rows[DURATION_ROWS]);
/* The same where each row is two, four, ... times as wide as the one before. */
unsigned int duration_rows_log(const struct population_durations *durations,
			       struct duration_row rows[DURATION_ROWS]);

/* The mean of the `count` longest, ns; 0 when none has ended. */
uint64_t duration_mean_of_longest(const struct population_durations *durations, uint64_t count);

#endif

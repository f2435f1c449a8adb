// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/duration_rows.h"

#include <stdbool.h>

#define US 1000ull

/* The part of a histogram that is not empty: [first, end). False if all of it is. */
static bool find_extent(const __u64 *counts, unsigned int size, unsigned int *first,
			unsigned int *end)
{
	for (*end = size; *end && !counts[*end - 1]; --*end)
		;
	for (*first = 0; *first < *end && !counts[*first]; ++*first)
		;
	return *end > 0;
}

/* Rows of `merged` fine ones each; edge() is where a fine one begins. */
static unsigned int merge(const __u64 *counts, unsigned int size, unsigned int merged,
			  uint64_t (*edge)(unsigned int index),
			  struct duration_row rows[DURATION_ROWS])
{
	unsigned int first, end, count = 0;

	if (!find_extent(counts, size, &first, &end))
		return 0;
	for (unsigned int at = first - first % merged; at < end; at += merged) {
		struct duration_row *row = &rows[count++];

		*row = (struct duration_row){.from = edge(at), .to = edge(at + merged)};
		for (unsigned int i = at; i < at + merged && i < size; i++)
			row->count += counts[i];
		if (at + merged >= size)
			row->to = UINT64_MAX;
	}
	return count;
}

/* The fewest fine ones to a row with which the rows are few enough. */
static unsigned int find_merged(const __u64 *counts, unsigned int size, const unsigned int *choices)
{
	unsigned int first, end;

	if (!find_extent(counts, size, &first, &end))
		return *choices;
	/* NOLINTNEXTLINE(clang-analyzer-core.*): with the last choice they are few enough */
	while ((end - 1) / *choices - first / *choices >= DURATION_ROWS)
		choices++;
	return *choices;
}

static uint64_t linear_edge(unsigned int index)
{
	return index * POPULATION_STEP;
}

unsigned int duration_rows_linear(const struct population_durations *durations,
				  struct duration_row rows[DURATION_ROWS])
{
	/* 250 ms, 500 ms, 1 s, 2 s, 5 s, 6 s, 10 s, 12 s */
	static const unsigned int choices[] = {1, 2, 4, 8, 20, 24, 40, 48};

	return merge(durations->linear, POPULATION_STEPS,
		     find_merged(durations->linear, POPULATION_STEPS, choices), linear_edge, rows);
}

static uint64_t power_edge(unsigned int index)
{
	return index ? US << (index - 1) : 0;
}

unsigned int duration_rows_log(const struct population_durations *durations,
			       struct duration_row rows[DURATION_ROWS])
{
	static const unsigned int choices[] = {1, 2, 4};

	return merge(durations->power, POPULATION_POWERS,
		     find_merged(durations->power, POPULATION_POWERS, choices), power_edge, rows);
}

uint64_t duration_mean_of_longest(const struct population_durations *durations, uint64_t count)
{
	double sum = 0, taken = 0;

	for (unsigned int i = POPULATION_STEPS; i-- > 0 && count;) {
		uint64_t here = durations->linear[i] < count ? durations->linear[i] : count;

		sum += (double)here * ((double)i + 0.5);
		taken += (double)here;
		count -= here;
	}
	return taken > 0 ? (uint64_t)(sum / taken * (double)POPULATION_STEP) : 0;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Names of code that a run-time compiler made, from the perf map it writes: lines of start, size
 * and name. Pure; knows neither where the file is nor whom to believe.
 */
#ifndef TCPCLOSE_SYMBOLS_PERF_MAP_H
#define TCPCLOSE_SYMBOLS_PERF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_MAP_NAME 512

struct perf_map_wish {
	uint64_t address;
	char name[PERF_MAP_NAME]; /* filled; empty: no line covers the address */
};

struct perf_map {
	struct perf_map_wish *wishes; /* the caller's */
	size_t count;
	uint64_t lowest; /* of their addresses */
	uint64_t highest;
	bool skipping; /* to the end of a line */
};

/* `middle`: what is scanned begins somewhere in a line. */
void perf_map_init(struct perf_map *map, struct perf_map_wish *wishes, size_t count, bool middle);

/* Scans the next bytes of a map; of a line that is not complete nothing. The number of bytes that
 * are done with: the rest is to come again at the start of the next ones. A line beats an earlier
 * one. */
size_t perf_map_scan(struct perf_map *map, const char *bytes, size_t size);

#endif

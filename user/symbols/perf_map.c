// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/perf_map.h"

#include <string.h>

#define LONGEST_LINE 4096

void perf_map_init(struct perf_map *map, struct perf_map_wish *wishes, size_t count, bool middle)
{
	*map = (struct perf_map){wishes, count, UINT64_MAX, 0, middle};
	for (size_t i = 0; i < count; i++) {
		wishes[i].name[0] = '\0';
		if (wishes[i].address < map->lowest)
			map->lowest = wishes[i].address;
		if (wishes[i].address > map->highest)
			map->highest = wishes[i].address;
	}
}

/* The value of a hexadecimal digit, above 15 for other characters. */
static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

/* Reads up to 16 digits and the blank after them. NULL if there is something else. */
static const char *take_hex(const char *at, const char *end, uint64_t *number)
{
	const char *start;

	if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
		at += 2;
	start = at;
	for (*number = 0; at < end && at - start <= 16; at++) {
		unsigned int digit = digit_of(*at);

		if (digit > 15)
			break;
		*number = *number << 4 | digit;
	}
	return at == start || at - start > 16 || at == end || *at != ' ' ? NULL : at + 1;
}

static void scan_line(struct perf_map *map, const char *line, const char *end)
{
	uint64_t start, size;
	size_t length;

	line = take_hex(line, end, &start);
	if (!line || start > map->highest)
		return;
	line = take_hex(line, end, &size);
	if (!line || line == end || (map->lowest > start && map->lowest - start >= size))
		return;
	length = (size_t)(end - line);
	if (length >= PERF_MAP_NAME)
		length = PERF_MAP_NAME - 1;
	for (size_t i = 0; i < map->count; i++) {
		struct perf_map_wish *wish = &map->wishes[i];

		if (wish->address < start || wish->address - start >= size)
			continue;
		memcpy(wish->name, line, length);
		wish->name[length] = '\0';
	}
}

size_t perf_map_scan(struct perf_map *map, const char *bytes, size_t size)
{
	const char *at = bytes, *end = bytes + size, *stop;

	while (at < end && (stop = memchr(at, '\n', (size_t)(end - at)))) {
		if (!map->skipping)
			scan_line(map, at, stop);
		map->skipping = false;
		at = stop + 1;
	}
	/* One that is too long is nobody's: it is not kept until it ends. */
	if (map->skipping || end - at > LONGEST_LINE) {
		map->skipping = true;
		at = end;
	}
	return (size_t)(at - bytes);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Perf maps, which anybody may write: read at once and in pieces, they name the same. */
#include "fuzz.h"
#include "symbols/perf_map.h"

#define WISHES 4

static void scan(struct perf_map_wish wishes[WISHES], const uint8_t *bytes, size_t length,
		 size_t piece)
{
	char *block = malloc(length + 1);
	struct perf_map map;
	size_t kept = 0;

	FUZZ_CHECK(block);
	for (unsigned int i = 0; i < WISHES; i++)
		wishes[i] = (struct perf_map_wish){.address = i * UINT64_C(0x1000)};
	perf_map_init(&map, wishes, WISHES, length % 2);
	while (length) {
		size_t count = length < piece ? length : piece, done;

		memcpy(block + kept, bytes, count);
		bytes += count;
		length -= count;
		kept += count;
		done = perf_map_scan(&map, block, kept);
		FUZZ_CHECK(done <= kept);
		kept -= done;
		memmove(block, block + done, kept);
	}
	free(block);
	for (unsigned int i = 0; i < WISHES; i++)
		FUZZ_CHECK(strnlen(wishes[i].name, PERF_MAP_NAME) < PERF_MAP_NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct perf_map_wish whole[WISHES], pieces[WISHES];

	scan(whole, bytes, length, SIZE_MAX);
	scan(pieces, bytes, length, 1 + length % 7);
	for (unsigned int i = 0; i < WISHES; i++)
		FUZZ_CHECK(strcmp(whole[i].name, pieces[i].name) == 0);
	return 0;
}

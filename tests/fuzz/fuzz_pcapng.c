// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The reader of captures, given what begins as pcapng. Blocks hold their length twice, which no
 * mutation hits: most inputs are repaired, so that what is inside of blocks is reached. */
#include "fuzz_capture.h"

#define FRAMING 12u

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t length, size_t limit);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t limit, unsigned int seed);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length >= 4 && memcmp(bytes, "\n\r\r\n", 4) == 0)
		fuzz_capture(bytes, length);
	return 0;
}

static uint32_t get(const uint8_t *bytes, int swapped)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return swapped ? __builtin_bswap32(number) : number;
}

static void put(uint8_t *bytes, int swapped, uint32_t number)
{
	number = swapped ? __builtin_bswap32(number) : number;
	memcpy(bytes, &number, sizeof(number));
}

/* Lengths that are impossible become those of what is there. */
static void repair(uint8_t *bytes, size_t length)
{
	int swapped = 0;

	memcpy(bytes, "\n\r\r\n", 4);
	while (length >= FRAMING) {
		uint32_t block;

		if (memcmp(bytes, "\n\r\r\n", 4) == 0)
			swapped = bytes[8] == 0x1a;
		block = get(bytes + 4, swapped) & ~3u;
		if (block < FRAMING || block > length)
			block = (uint32_t)length & ~3u;
		put(bytes + 4, swapped, block);
		put(bytes + block - 4, swapped, block);
		bytes += block;
		length -= block;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t limit, unsigned int seed)
{
	length = LLVMFuzzerMutate(bytes, length, limit);
	if (seed % 8 && length >= 4)
		repair(bytes, length);
	return length;
}

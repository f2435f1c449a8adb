/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * An input as the items of recordings: entries of the Journal Export Format with an empty line
 * between them; one that begins with a line "!TIME" is the option of a packet of that time. What
 * begins with a 2 is of the second recording, if the input does, too: else there is only one.
 */
#ifndef TCPCLOSE_TESTS_FUZZ_ENTRIES_H
#define TCPCLOSE_TESTS_FUZZ_ENTRIES_H

#include "capture/recording.h"
#include "fuzz.h"

static void fuzz_entry(struct recording *recording, const uint8_t *bytes, size_t length)
{
	uint8_t *memory = malloc(length ? length : 1);
	struct capture_item item = {.kind = CAPTURE_JOURNAL};

	FUZZ_CHECK(memory);
	memcpy(memory, bytes, length);
	item.journal = (const char *)memory;
	item.journal_length = length;
	if (length && memory[0] == '!') {
		const uint8_t *line = memchr(memory, '\n', length);
		const uint8_t *record = line ? line + 1 : memory + length;

		item = (struct capture_item){.kind = CAPTURE_PACKET};
		for (const uint8_t *digit = memory + 1; digit < record && *digit != '\n'; digit++)
			item.packet.time = item.packet.time * 10 + (*digit & 15);
		item.packet.record = record;
		item.packet.record_length = (size_t)(memory + length - record);
	}
	recording_take(recording, &item);
	free(memory);
}

static bool fuzz_are_two(const uint8_t *bytes, size_t length)
{
	return length && *bytes == '2';
}

/* All of them, and the ends. */
static void fuzz_entries(struct recording *const recordings[2], const uint8_t *bytes, size_t length)
{
	const uint8_t *end = bytes + length;
	bool two = fuzz_are_two(bytes, length);

	while (bytes < end) {
		const uint8_t *gap = memmem(bytes, (size_t)(end - bytes), "\n\n", 2);
		const uint8_t *next = gap ? gap + 1 : end;
		bool second = two && *bytes == '2';

		fuzz_entry(recordings[second], bytes + second, (size_t)(next - bytes) - second);
		bytes = gap ? gap + 2 : end;
	}
	recording_end(recordings[0]);
	recording_end(recordings[1]);
}

#endif

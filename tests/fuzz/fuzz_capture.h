/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads an input as a capture, twice, the second time in pieces: what is told must be the same, and
 * all of it must lie in the input.
 */
#ifndef TCPCLOSE_TESTS_FUZZ_CAPTURE_H
#define TCPCLOSE_TESTS_FUZZ_CAPTURE_H

#include "capture/capture_file.h"
#include "capture/link.h"
#include "fuzz.h"

struct fuzz_input {
	const uint8_t *bytes;
	size_t left;
	size_t piece;
};

/* Of all that a reader told. */
struct fuzz_told {
	uint64_t hash;
	uint64_t frames;
	size_t bytes;
};

static ssize_t fuzz_read(void *context, void *bytes, size_t room)
{
	struct fuzz_input *input = context;
	size_t count = input->left < input->piece ? input->left : input->piece;

	FUZZ_CHECK(room);
	count = count < room ? count : room;
	memcpy(bytes, input->bytes, count);
	input->bytes += count;
	input->left -= count;
	return (ssize_t)count;
}

/* Also touches every byte, so that the sanitizer sees where they are. */
static void fuzz_tell(struct fuzz_told *told, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		told->hash = (told->hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ull;
}

static void fuzz_tell_packet(struct fuzz_told *told, const struct capture_file *file,
			     const struct packet *packet)
{
	const char *name = capture_file_interface(file, packet->interface);
	enum packet_direction direction;
	struct tcp_segment segment;
	struct parse_frame frame;

	FUZZ_CHECK(packet->original >= packet->captured);
	FUZZ_CHECK(packet->direction <= PACKET_OUT);
	FUZZ_CHECK(packet->record || !packet->record_length);
	fuzz_tell(told, &packet->time, sizeof(packet->time));
	fuzz_tell(told, packet->data, packet->captured);
	fuzz_tell(told, packet->record, packet->record_length);
	fuzz_tell(told, name, strlen(name));
	told->bytes += packet->captured + packet->record_length;
	if (link_frame(packet, &frame, &direction))
		parse_segment(&frame, &segment);
}

static struct fuzz_told fuzz_read_all(const uint8_t *bytes, size_t length, size_t piece)
{
	struct fuzz_input input = {.bytes = bytes, .left = length, .piece = piece};
	const struct capture_source source = {.read = fuzz_read, .context = &input};
	struct capture_file *file = capture_file_open(&source);
	struct fuzz_told told = {0};
	struct capture_item item;
	const char *trouble;

	FUZZ_CHECK(file);
	while ((item = capture_file_next(file)).kind >= CAPTURE_PACKET) {
		FUZZ_CHECK(!*capture_file_trouble(file));
		FUZZ_CHECK(item.packet.number > told.frames);
		told.frames = item.packet.number;
		if (item.kind == CAPTURE_PACKET)
			fuzz_tell_packet(&told, file, &item.packet);
		else
			fuzz_tell(&told, item.journal, item.journal_length);
		told.bytes += item.journal_length;
	}
	FUZZ_CHECK(told.bytes <= length && told.frames <= length);
	trouble = capture_file_trouble(file);
	FUZZ_CHECK((item.kind == CAPTURE_BROKEN) == !!*trouble);
	FUZZ_CHECK(capture_file_next(file).kind == item.kind);
	FUZZ_CHECK(item.kind == CAPTURE_BROKEN || capture_file_position(file) == length);
	fuzz_tell(&told, trouble, strlen(trouble));
	capture_file_close(file);
	return told;
}

static void fuzz_capture(const uint8_t *bytes, size_t length)
{
	struct fuzz_told whole = fuzz_read_all(bytes, length, SIZE_MAX);
	struct fuzz_told pieces = fuzz_read_all(bytes, length, 1 + length % 11);

	FUZZ_CHECK(whole.hash == pieces.hash && whole.frames == pieces.frames);
}

#endif

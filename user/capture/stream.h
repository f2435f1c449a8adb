/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A window on the bytes of a source that moves forwards: whoever reads looks at as many as it needs
 * in one piece and skips them; nothing is copied for it. It must not know the formats of captures,
 * only what they have in common.
 */
#ifndef TCPCLOSE_CAPTURE_STREAM_H
#define TCPCLOSE_CAPTURE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "capture/capture_file.h"

/* No block is longer, whatever its length field says: as Wireshark. */
#define STREAM_BLOCK_LIMIT (16u << 20)

struct stream {
	struct capture_source source;
	uint8_t *bytes;
	size_t room;
	size_t begin; /* of what is not skipped */
	size_t end;
	uint64_t taken; /* from the source */
	int error;      /* a negative errno: its last word, 0: none */
	bool ended;
	/* What the formats say of it. */
	uint64_t frames;   /* so far */
	const char *wrong; /* with the block that is next; NULL: it is cut off */
};

/* Without memory the first look fails. */
void stream_init(struct stream *stream, const struct capture_source *source);
void stream_done(struct stream *stream);

/* False: fewer come than that. */
bool stream_fill(struct stream *stream, size_t length);

/* The next bytes, NULL: fewer come than that. Valid until the next look. */
static inline const uint8_t *stream_look(struct stream *stream, size_t length)
{
	if (stream->end - stream->begin < length && !stream_fill(stream, length))
		return NULL;
	return stream->bytes + stream->begin;
}

/* What was looked at. */
static inline void stream_skip(struct stream *stream, size_t length)
{
	stream->begin += length;
}

static inline size_t stream_left(const struct stream *stream)
{
	return stream->end - stream->begin;
}

/* In the source, of the next byte. */
static inline uint64_t stream_offset(const struct stream *stream)
{
	return stream->taken - stream_left(stream);
}

/* Numbers of files whose byte order is the other one. */
static inline uint16_t read_16(const uint8_t *bytes, bool swapped)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof(number));
	return swapped ? __builtin_bswap16(number) : number;
}

static inline uint32_t read_32(const uint8_t *bytes, bool swapped)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return swapped ? __builtin_bswap32(number) : number;
}

static inline uint64_t read_64(const uint8_t *bytes, bool swapped)
{
	uint64_t number;

	memcpy(&number, bytes, sizeof(number));
	return swapped ? __builtin_bswap64(number) : number;
}

#endif

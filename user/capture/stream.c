// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/stream.h"

#include <errno.h>
#include <stdlib.h>

/* Small enough to stay in the processor's cache between read() and whoever looks. The fuzzers have
 * no more than a block needs, so that a look behind it is seen. */
#ifndef STREAM_ROOM
#define STREAM_ROOM (256u << 10)
#endif

void stream_init(struct stream *stream, const struct capture_source *source)
{
	*stream = (struct stream){.source = *source};
}

void stream_done(struct stream *stream)
{
	free(stream->bytes);
	stream->bytes = NULL;
}

/* Towards length, but never to more than twice of what came: it may claim what is not there. */
static bool stream_grow(struct stream *stream, size_t length)
{
	size_t room = stream->room * 2 < length ? stream->room * 2 : length;
	uint8_t *bytes;

	if (room < STREAM_ROOM)
		room = STREAM_ROOM;
	bytes = realloc(stream->bytes, room);
	if (!bytes)
		return false;
	stream->bytes = bytes;
	stream->room = room;
	return true;
}

static void stream_read(struct stream *stream)
{
	ssize_t count = stream->source.read(stream->source.context, stream->bytes + stream->end,
					    stream->room - stream->end);

	if (count <= 0) {
		stream->ended = true;
		stream->error = (int)count;
		return;
	}
	stream->end += (size_t)count;
	stream->taken += (uint64_t)count;
}

bool stream_fill(struct stream *stream, size_t length)
{
	size_t left = stream_left(stream);

	/* Less than one block. */
	if (stream->begin && left)
		memmove(stream->bytes, stream->bytes + stream->begin, left);
	stream->begin = 0;
	stream->end = left;
	while (stream->end < length && !stream->ended) {
		if (stream->end < stream->room || stream_grow(stream, length)) {
			stream_read(stream);
		} else {
			stream->ended = true;
			stream->error = -ENOMEM;
		}
	}
	return stream->end >= length;
}

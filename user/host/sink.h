/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where output goes: standard output, or a file of its own; how large the screen is, and what
 * became of writing to it. Knows nothing of what is written.
 */
#ifndef TCPCLOSE_HOST_SINK_H
#define TCPCLOSE_HOST_SINK_H

#include <stdbool.h>

#include "base/buffer.h"

/* All 0: standard output. */
struct sink {
	const char *path; /* of the file; NULL: standard output */
	int descriptor;   /* of the file */
	bool reader_gone; /* a pipe that nobody reads any more */
	bool begun;       /* something was written */
	int error;        /* of a write that failed, a negative errno; 0: none did */
};

/* A file that is written anew: what it holds goes with the first write. 0 or a negative errno. */
int sink_open(struct sink *sink, const char *path);
void sink_close(struct sink *sink);

/* Writes all of a buffer, unless it failed before, and empties it. */
void sink_write(struct sink *sink, struct buffer *out);

/* Whether all was written that a reader was there for; says itself what kept it from that. */
bool sink_done(const struct sink *sink);

static inline bool sink_failed(const struct sink *sink)
{
	return sink->reader_gone || sink->error;
}

/* Standard output. */
bool sink_is_terminal(void);
bool sink_is_null(void); /* /dev/null */
/* Of the terminal; 80 by 24 where it does not say. */
void sink_screen(unsigned int *rows, unsigned int *columns);

#endif

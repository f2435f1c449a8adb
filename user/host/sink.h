/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Standard output: where it goes, how large the screen is, and what became of writing to it. Knows
 * nothing of what is written.
 */
#ifndef TCPCLOSE_HOST_SINK_H
#define TCPCLOSE_HOST_SINK_H

#include <stdbool.h>

#include "base/buffer.h"

struct sink {
	bool reader_gone; /* a pipe that nobody reads any more */
	int error;        /* the errno of a write that failed, 0: none did */
};

/* Writes all of a buffer, unless it failed before, and empties it. */
void sink_write(struct sink *sink, struct buffer *out);

/* Whether all was written that a reader was there for; says itself what kept it from that. */
bool sink_done(const struct sink *sink);

static inline bool sink_failed(const struct sink *sink)
{
	return sink->reader_gone || sink->error;
}

bool sink_is_terminal(void);
/* Of the terminal; 80 by 24 where it does not say. */
void sink_screen(unsigned int *rows, unsigned int *columns);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A ladder on its way, for the files that draw it: what stands in a line is made in the cell, where
 * it is measured, and put at its column.
 */
#ifndef TCPCLOSE_OUTPUT_LADDER_PARTS_H
#define TCPCLOSE_OUTPUT_LADDER_PARTS_H

#include "output/output.h"

#define LADDER_DIM "\033[2m"

struct ladder {
	struct output *output;
	struct buffer *out;
	struct buffer cell; /* text on its way to out, without colour: to be measured */
	const struct teardown_report *report;
	const struct connection_view *connection;
	unsigned int left;  /* index of the end in the left column: report->local */
	size_t column;      /* where the next cell goes */
	uint32_t next[2];   /* the change of state of each end that comes next */
	size_t delay_width; /* of two recordings: how long segments were on their way */
	size_t time_width, flags_width, numbers_width, frame_width;
};

static inline const struct connection_end *ladder_end(const struct ladder *ladder,
						      unsigned int index)
{
	return &ladder->connection->ends[index];
}

/* Moves the cell into the output; color NULL: as the rest. */
void ladder_put(struct ladder *ladder, const char *color);
/* At least two columns on, if it is past that one. */
void ladder_move_to(struct ladder *ladder, size_t column);
void ladder_new_line(struct ladder *ladder);

/* Who closes what, over the columns. */
void ladder_put_header(struct ladder *ladder);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Text that is written again and again: on a terminal each is drawn over the one before and never
 * longer than the screen; elsewhere they are blocks, one after the other. It knows lines and
 * colours, and nothing of what they say.
 */
#ifndef TCPCLOSE_OUTPUT_SCREEN_H
#define TCPCLOSE_OUTPUT_SCREEN_H

#include "output/output.h"

#define SCREEN_BOLD "\033[1m"
#define SCREEN_RED "\033[1;31m"
#define SCREEN_YELLOW "\033[33m"

struct screen {
	const struct output_options *options;
	struct buffer text; /* the lines so far */
	size_t line;        /* where the one that is being written begins */
	struct buffer cell; /* a piece on its way there: to be measured */
	size_t width;
};

void screen_init(struct screen *screen, const struct output *output);
/* Writes what was put, without the last empty line, and frees it. */
void screen_show(struct screen *screen, struct output *output);

/* Has room for the most important things only. */
bool screen_is_small(const struct screen *screen);
/* Ends the line, in a colour (NULL: none), and then cut to the width of a terminal. */
void screen_end_line(struct screen *screen, const char *color);
/* The cell as one more piece of the line, a gap before it; on a new line from column indent on if
 * it does not fit. The line that this ends is in a colour. */
void screen_put_cell(struct screen *screen, const char *gap, size_t indent, const char *color);
/* Sentences one after the other, each with its NUL: as many as there is room for. */
void screen_put_advice(struct screen *screen, size_t indent, const char *advice,
		       unsigned int count);

#endif

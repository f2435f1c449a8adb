/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Frames of a call stack in a few words, and how far a stack reaches. Knows nothing of sockets or
 * reports.
 */
#ifndef TCPCLOSE_OUTPUT_FRAMES_H
#define TCPCLOSE_OUTPUT_FRAMES_H

#include "base/buffer.h"
#include "base/stack.h"

const char *stack_end_name(enum stack_end end); /* no-frame-pointers */
const char *stack_end_text(enum stack_end end); /* in plain words; NULL: nothing to say */

/* handle_client server.c:42; of a function that is not known module+0x1234, without a module the
 * address. Long names are cut so that it takes about so many columns, paths at their beginning. */
void frame_add(struct buffer *out, const struct stack_frame *frame, size_t columns);
/* handle_client@server.c:42: without blanks, unless the function has some. */
void frame_add_word(struct buffer *out, const struct stack_frame *frame);

#endif

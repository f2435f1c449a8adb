/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Call stacks as people read them: where a program's own code begins, and a frame in a few words.
 * It knows how runtimes name what wraps a system call, and nothing of sockets or reports.
 */
#ifndef TCPCLOSE_OUTPUT_FRAMES_H
#define TCPCLOSE_OUTPUT_FRAMES_H

#include "base/buffer.h"
#include "base/stack.h"

/* The first frame that does not merely wrap a system call; 0 if all do. */
uint32_t stack_own(const struct stack *stack);
/* NULL: there is no stack, or nothing in it. */
const struct stack_frame *stack_own_frame(const struct stack *stack);

const char *stack_end_name(enum stack_end end); /* no-frame-pointers */
const char *stack_end_text(enum stack_end end); /* in plain words; NULL: nothing to say */

/* handle_client server.c:42; of a function that is not known module+0x1234, without a module the
 * address. Long names are cut so that it takes about so many columns, paths at their beginning. */
void frame_add(struct buffer *out, const struct stack_frame *frame, size_t columns);
/* handle_client@server.c:42: without blanks, unless the function has some. */
void frame_add_word(struct buffer *out, const struct stack_frame *frame);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the tracer and its reading process say to each other: one packet a question, one an answer.
 * Pure. The reading process may be in the hands of a file it read: an answer is believed only as
 * far as symbol_answer_parse() has checked it.
 */
#ifndef TCPCLOSE_SYMBOLS_SYMBOL_MESSAGE_H
#define TCPCLOSE_SYMBOLS_SYMBOL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "symbols/symbolizer.h"

#define SYMBOL_FRAMES 256    /* of a stack, and entries of a chain */
#define SYMBOL_COPY 2048     /* bytes of stack memory */
#define SYMBOL_MESSAGE 65536 /* bytes of a packet */
#define SYMBOL_FUNCTION 512  /* of a name, with its NUL; longer ones are cut */
#define SYMBOL_PATH 4096     /* the same of a path */

/* Writes a question, cut to the bounds above; buffer->failed without memory. */
void symbol_question_pack(struct buffer *buffer, uint64_t id, const struct raw_stack *raw);

/* Takes a question to pieces: raw (without its key) points into bytes, which are aligned as
 * malloc() does. */
bool symbol_question_parse(const void *bytes, size_t size, uint64_t *id, struct raw_stack *raw);

/* Writes an answer. What does not fit: first names, then the frames furthest out. */
void symbol_answer_pack(struct buffer *buffer, uint64_t id, const struct stack *stack);

/* The stack of an answer (aligned as a question), all of it in one allocation that begins at frames
 * (free() it). 0, -EBADMSG if it is not a right answer to the question of that id, or -ENOMEM. */
int symbol_answer_parse(const void *bytes, size_t size, uint64_t id, struct stack *stack);

#endif

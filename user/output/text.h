/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * For formats that people read: columns, lines that wrap, amounts with units. It knows terminals
 * as far as the width of characters, and nothing of reports.
 */
#ifndef TCPCLOSE_OUTPUT_TEXT_H
#define TCPCLOSE_OUTPUT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define TEXT_WIDTH 100

/* Columns taken by what follows the offset start. */
size_t text_width(const struct buffer *buffer, size_t start);
/* Spaces up to width columns from start; at least one when the text is that wide already. */
void text_pad(struct buffer *buffer, size_t start, size_t width);
/* Moves what follows start to the right end of width columns. */
void text_align_right(struct buffer *buffer, size_t start, size_t width);
/* The length at which what follows start is as many columns wide; the buffer's if it is less. */
size_t text_cut(const struct buffer *buffer, size_t start, size_t width);
/* The words of text in lines of at most width columns; lines after the first are indented. The
 * first begins in column. */
void text_add_wrapped(struct buffer *buffer, const char *text, size_t length, size_t column,
		      size_t indent, size_t width);
/* A number between two texts of ours. */
void text_add_count(struct buffer *buffer, const char *before, uint64_t count, const char *after);
/* A path from outside; a longer one without its beginning: …/src/server.c */
void text_add_path(struct buffer *buffer, const char *path, size_t limit);
void text_add_bytes(struct buffer *buffer, uint64_t bytes); /* 9.8 kB */
void text_add_duration(struct buffer *buffer, uint64_t ns); /* 3.87 ms, 4 min 03 s */
/* 10.0.0.9:80, [2001:db8::9]:80 */
void text_add_endpoint(struct buffer *buffer, const uint8_t address[16], unsigned int port);
/* nginx[812]; at most limit bytes of the name are read. */
void text_add_process(struct buffer *buffer, uint32_t pid, const char *comm, size_t limit);

#endif

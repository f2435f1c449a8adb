/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * UTF-8 (RFC 3629) as far as a terminal cares: what is valid, what is visible, how wide it is.
 * Memory only; independent of the locale.
 */
#ifndef TCPCLOSE_BASE_UTF8_H
#define TCPCLOSE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at the start of text and its length in bytes; 0 if the first byte starts none. */
size_t utf8_decode(const char *text, size_t length, uint32_t *character);

/* A control character, or one that changes how others are shown without being seen itself. */
bool utf8_is_hidden(uint32_t character);

/* Columns that a text without hidden characters takes on a terminal. */
size_t utf8_width(const char *text, size_t length);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Strings of a page: the same ones come again and again, so each is written once and then named by
 * its number. Memory is bounded: when it is used up, all are forgotten and written once more.
 */
#ifndef TCPCLOSE_OUTPUT_PAGE_WORDS_H
#define TCPCLOSE_OUTPUT_PAGE_WORDS_H

#include "base/buffer.h"
#include "base/map.h"

#define PAGE_WORDS_BYTES (4u << 20)

struct page_words {
	struct map map;
	uint64_t count; /* numbers given so far */
	size_t bytes;   /* kept */
};

/* 0 or -ENOMEM. */
int page_words_init(struct page_words *words);
void page_words_done(struct page_words *words);

/* The number of a text without hidden characters, from 1. A new one is written to out first, as a
 * line of its own: w"text". */
uint64_t page_words_add(struct page_words *words, struct buffer *out, const char *text,
			size_t length);

/* UTF-8 as a JSON string that is safe within <script>: ASCII without "<". */
void page_add_string(struct buffer *out, const char *text, size_t length);

#endif

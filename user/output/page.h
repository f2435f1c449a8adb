/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The page: one HTML file for people who would rather look than read. C writes it from its parts,
 * with the reports as lines of text in between; page/reader.js reads those and says what they hold.
 * This is what the files of the format share. None of them knows how anything is drawn.
 */
#ifndef TCPCLOSE_OUTPUT_PAGE_H
#define TCPCLOSE_OUTPUT_PAGE_H

#include "output/output.h"
#include "output/page_words.h"

/* A browser has limits: what comes beyond these is only counted. */
#define PAGE_ROWS 1000000
#define PAGE_LADDERS 200000  /* ladders, of whatever close */
#define PAGE_TROUBLES 100000 /* ... and then only of those that went wrong */

struct page {
	struct page_words words;
	struct buffer rows;    /* lines that are read when the page is opened */
	struct buffer details; /* and what is read when a connection is */
	struct buffer line;    /* in the making: the words that it needs are written before it */
	struct buffer text;    /* a string on its way there */
	uint64_t base;         /* all times are told from here */
	bool has_base;
	uint64_t last_time; /* of the row before */
	uint64_t teardowns, teardowns_left_out;
	uint64_t ladders, troubles, ladders_left_out;
	uint64_t waits, waits_left_out;
};

/* A line: a letter, numbers with a comma after each, a word's number for each string. */
void page_line_begin(struct output *output, char letter);
void page_line_end(struct output *output);
/* The same of a line that is read only when a connection is opened: its length. */
uint64_t page_detail_end(struct output *output);

static inline void page_add(struct page *page, uint64_t number)
{
	buffer_add_unsigned(&page->line, number);
	buffer_add_char(&page->line, ',');
}

static inline void page_add_signed(struct page *page, int64_t number)
{
	buffer_add_signed(&page->line, number);
	buffer_add_char(&page->line, ',');
}

/* The number of what is in page->text, 0 if nothing; and of a string from outside, or NULL. */
void page_add_text(struct output *output);
void page_add_word(struct output *output, const char *string, size_t limit);
/* An address and its port; those of both ends. */
void page_add_end(struct output *output, const uint8_t address[16], unsigned int port);
void page_add_flow(struct output *output, const struct flow *flow);
/* The beginning of an id: with an end's address and port enough to know it again. */
void page_add_key(struct page *page, const uint64_t id[2]);
/* Since the page's base, which the first time is that anything asks for. */
int64_t page_since_base(struct output *output, uint64_t time);

void page_teardown(struct output *output, const struct teardown_report *report);
void page_time_wait(struct output *output, const struct time_wait_report *report);
void page_close_wait(struct output *output, const struct close_wait_report *report);

/* What is asked for only when a connection is opened: the line is its parts, each after a
 * semicolon, written apart from its row. Its length, which the row tells. */
uint64_t page_add_detail(struct output *output, const struct teardown_report *report);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The columns of tables, each with the blank after it; - stands for what is not known. Knows no
 * report.
 */
#ifndef TCPCLOSE_OUTPUT_COLUMNS_H
#define TCPCLOSE_OUTPUT_COLUMNS_H

#include "output/output.h"

#define ADDRESS_WIDTH 15 /* 255.255.255.255, to begin with */
#define PID_WIDTH 7
#define COMM_WIDTH 15
#define PORT_WIDTH 5

void column_add(struct buffer *out, const char *text, size_t width);
/* At the right end of the column. */
void column_add_number(struct buffer *out, bool known, uint64_t number, size_t width);
/* ns in some unit, with three places; ~ before what is a lower bound. */
void column_add_time(struct buffer *out, bool known, bool at_least, uint64_t ns, uint64_t unit,
		     size_t width);
/* Two of them: pid (0: not known) and name. */
void column_add_process(struct buffer *out, uint32_t pid, const char *comm);
/* Two of them: address and port. The first is as wide as the widest so far, so that IPv4 alone
 * stays narrow. */
void column_add_endpoint(struct output *output, const uint8_t address[16], unsigned int port);

/* A word of the last column, which begins at start, with a comma between two. NULL: none. */
void column_add_word(struct buffer *out, size_t start, const char *word);
/* The end of the line. */
void column_end_words(struct buffer *out, size_t start);

#endif

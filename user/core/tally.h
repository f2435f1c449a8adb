/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Counts of TIME_WAIT by something: a port, an address, a program. Built anew for each view; the
 * biggest are shown, the rest is one sum. Memory only; it must not know what a key stands for.
 */
#ifndef TCPCLOSE_CORE_TALLY_H
#define TCPCLOSE_CORE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "population.h"

#define TALLY_TOP 10

/* Since the start, but for the first and the last. */
struct tally {
	uint64_t now;                   /* in TIME_WAIT */
	uint64_t entered;               /* those found at the start included */
	uint64_t left;                  /* for whatever reason */
	uint64_t ended[TIME_WAIT_ENDS]; /* by enum time_wait_end */
	uint64_t entered_lately;        /* since the view before */
	uint64_t left_lately;
};

/* Whatever tells one from another; the rest is 0. */
struct tally_key {
	uint8_t address[16];
	uint32_t netns;
	uint16_t port;
	uint8_t role; /* enum socket_role */
	uint8_t pad;
	char comm[RECORD_COMM_LENGTH];
};

struct tally_row {
	struct map_link link;
	struct tally_key key;
	struct tally tally;
};

struct tally_table {
	struct map map;
	struct tally_row *rows;
	size_t count;
	size_t capacity;
	const struct tally_row *top[TALLY_TOP]; /* by tally_table_end(), the biggest first */
	size_t top_count;
	struct tally others; /* the sum of all that are not in top */
};

void tally_add(struct tally *sum, const struct tally *tally);

/* Empties a table (at first all 0) that will take at most `capacity` rows. 0 or -ENOMEM. */
int tally_table_begin(struct tally_table *table, size_t capacity);
void tally_table_add(struct tally_table *table, const struct tally_key *key,
		     const struct tally *tally);
void tally_table_end(struct tally_table *table);
void tally_table_done(struct tally_table *table);

#endif

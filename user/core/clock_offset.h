/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How far the clock of a second recording is ahead of the first's, from the segments that are in
 * both. None arrives before it left: of those that the end at the first sent, the two times differ
 * by the offset and a delay more, of the other end's by the offset and a delay less; the truth lies
 * between. Half of a round trip is what remains unknown. It must not know files.
 */
#ifndef TCPCLOSE_CORE_CLOCK_OFFSET_H
#define TCPCLOSE_CORE_CLOCK_OFFSET_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

enum clock_knowledge {
	CLOCK_UNKNOWN = 0, /* no segment is in both: the clocks are taken to agree */
	CLOCK_BETWEEN,     /* segments of both directions bound it from both sides */
	CLOCK_AT_MOST,     /* one direction: the fastest segment is taken to have needed no time */
	CLOCK_AT_LEAST,    /* the same, the other direction */
	CLOCK_ABOUT,       /* segments of which nothing shows who sent them: delays are in it */
	CLOCK_KNOWLEDGES,
};

struct clock_estimate {
	enum clock_knowledge knowledge;
	int64_t offset;    /* second clock less first, at `time` */
	uint64_t time;     /* on the first */
	int64_t drift;     /* ps that the second gains in a second; 0: no more than the error */
	uint64_t error;    /* of BETWEEN: the truth is this near, if all agree */
	uint64_t segments; /* in both */
	uint64_t agreeing; /* of these: contradict neither the estimate nor one another */
	uint64_t left_out; /* closing segments that were too many to look at */
};

/* The offset at a time of the first clock. */
int64_t clock_estimate_at(const struct clock_estimate *estimate, uint64_t time);
/* What the first clock showed when the second showed this. */
uint64_t clock_estimate_correct(const struct clock_estimate *estimate, uint64_t time);

struct clock_offset;

/* `limit`: segments kept of each recording, some 32 bytes each. NULL without memory. */
struct clock_offset *clock_offset_new(size_t limit);
void clock_offset_free(struct clock_offset *clock_offset);

/* Any record of either recording, in any order: header.source says which (0 is the first), the
 * times are the same kind of time. What is no segment is passed over. */
void clock_offset_feed(struct clock_offset *clock_offset, const struct record *record,
		       size_t length);

/* Once, when all was fed. 0 or -ENOMEM. */
int clock_offset_result(struct clock_offset *clock_offset, struct clock_estimate *estimate);

#endif

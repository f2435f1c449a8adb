/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Two recordings, one story: how far their clocks are apart, and then the records of both in the
 * order of one clock. Each is read twice. It must not know file formats, nor what is made of the
 * records.
 */
#ifndef TCPCLOSE_JOIN_H
#define TCPCLOSE_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock_offset.h"
#include "core/correlator.h"
#include "record.h"

#define JOIN_SOURCES 2

/* One of them; header.source of its records is its index. */
struct record_source {
	/* Valid until the next call; NULL: there are no more. */
	const struct record *(*next)(void *context);
	int (*rewind)(void *context); /* 0 or a negative errno */
	/* Of the records until now: realtime is their clock and this. 0 of a capture. */
	int64_t (*wall_offset)(void *context);
	void *context;
};

struct join;

/* NULL without memory. */
struct join *join_new(const struct record_source sources[JOIN_SOURCES]);
void join_free(struct join *join);

/* Reads both to their ends, then rewinds them. 0 or a negative errno. */
int join_estimate(struct join *join, struct clock_estimate *estimate);

/* The next record of either, valid until the next call, its times on the first one's clock since
 * 1970; NULL: there are no more. RECORD_END comes twice, when each of the two ends. */
const struct record *join_next(struct join *join);

/* What both are analysed with: what was seen at one end comes late at the other, by a delay and the
 * error of the offset. `captures`: at least one of the two is no recording of ours. */
struct correlator_settings join_settings(const struct clock_estimate *estimate, bool captures);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From the core's reports to the bytes that leave: the format, --count, the filter of a replay, the
 * last line on stderr. Live tracing and replay share it; it must not know which of them it serves.
 */
#ifndef TCPCLOSE_TELLER_H
#define TCPCLOSE_TELLER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/correlator.h"
#include "host/sink.h"
#include "options.h"
#include "output/output.h"

struct teller {
	struct output output;
	struct sink sink;
	struct filter filter; /* of a replay; all 0: none */
	uint64_t limit;       /* --count, 0: none */
	uint64_t reports;
	uint64_t unshown;     /* over when --count had been reached: unfinished for the user */
	uint64_t passed_over; /* as in core_stats: the source counts it */
	uint64_t filtered;    /* teardowns that the filter left out */
	bool mute;            /* a recording is all that is made: nothing is written */
	bool stop;            /* nothing more is wanted: the count is reached, or nobody reads */
	/* Before a report is written; may be NULL. */
	void (*before)(void *context, const struct teardown_report *report);
	void *context; /* of before() */
};

/* The beginning of the output is written with the first teller_write(). */
void teller_open(struct teller *teller, const struct options *options, int64_t wall_offset,
		 const struct output_lookup *lookup);
void teller_close(struct teller *teller);

/* Of the core's listener; the context is the teller. */
bool teller_teardown(void *teller, const struct teardown_report *report);
void teller_time_wait(void *teller, const struct time_wait_report *report);

/* One suspect. */
void teller_close_wait(struct teller *teller, const struct close_wait_report *report);

/* What has gathered leaves. */
void teller_write(struct teller *teller);

/* The end of the output. */
void teller_end(struct teller *teller, const struct core_stats *stats, uint64_t duration);

/* The summary on stderr: the last line. False: something could not be written, which was said. */
bool teller_done(struct teller *teller, const struct core_stats *stats);

#endif

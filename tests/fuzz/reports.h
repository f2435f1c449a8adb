/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The core and the outputs behind a source of records: whatever it tells, what comes out is clean
 * text. It must not know where records come from.
 */
#ifndef TCPCLOSE_TESTS_REPORTS_H
#define TCPCLOSE_TESTS_REPORTS_H

#include "core/correlator.h"
#include "core/time_wait_counts.h"
#include "output/output.h"

#define REPORTS_FORMATS 3

struct reports_settings {
	bool wire;
	bool two;            /* sources */
	unsigned int choice; /* any number: the sum of what is to be varied */
	struct output_lookup lookup;
};

struct reports {
	struct correlator *correlator;
	struct output outputs[REPORTS_FORMATS];
	struct output page;              /* no format: it is not written this time */
	struct time_wait_counts *counts; /* NULL: not counted this time */
	bool two;
	uint64_t first; /* time of the first record, and of the latest */
	uint64_t last;
};

void reports_open(struct reports *reports, const struct reports_settings *settings);
void reports_set_offset(struct reports *reports, int64_t wall_offset);
void reports_feed(struct reports *reports, const struct record *record, size_t length);
/* Every source is at its end. */
void reports_close(struct reports *reports);

#endif

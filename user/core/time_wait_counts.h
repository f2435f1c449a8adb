/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TIME_WAIT counted from reports, as the population programs count it in the kernel: for records
 * that were kept, and for segments alone. It must not know what is made of the counts.
 */
#ifndef TCPCLOSE_CORE_TIME_WAIT_COUNTS_H
#define TCPCLOSE_CORE_TIME_WAIT_COUNTS_H

#include "core/report.h"
#include "core/time_wait_summary.h"

struct time_wait_counts;

struct time_wait_counts *time_wait_counts_new(void); /* NULL without memory */
void time_wait_counts_free(struct time_wait_counts *counts);

/* One began, and one ended. Orphans in FIN_WAIT2 are not counted. */
void time_wait_counts_begin(struct time_wait_counts *counts, const struct time_wait_start *start);
void time_wait_counts_end(struct time_wait_counts *counts, const struct time_wait_report *report);

/* All of it, at `time`; valid until the next call. */
struct time_wait_reading time_wait_counts_reading(const struct time_wait_counts *counts,
						  uint64_t time);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How each format writes the summary of `timewait`: a file of its own beside the format's, and the
 * names that they share. Knows nothing of teardowns.
 */
#ifndef TCPCLOSE_OUTPUT_SUMMARY_H
#define TCPCLOSE_OUTPUT_SUMMARY_H

#include "core/time_wait_summary.h"
#include "output/output.h"

void json_time_wait_summary(struct output *output, const struct time_wait_view *view);
void screen_time_wait_summary(struct output *output, const struct time_wait_view *view);
void table_time_wait_summary(struct output *output, const struct time_wait_view *view);

/* Ends that the counters tell of, in the order in which they are shown; TIME_WAIT_ENDS ends them.
 */
extern const enum time_wait_end summary_ends[];
const char *summary_end_name(enum time_wait_end end); /* TIME_WAIT_ENDED is "unknown" */
/* True for those that are always shown, also with a count of 0. */
bool summary_end_promised(enum time_wait_end end);

#endif

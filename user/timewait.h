/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The command `timewait` from start to end: counters -> summary -> output, once an interval. Knows
 * what the options ask for, not how they were written.
 */
#ifndef TCPCLOSE_TIMEWAIT_H
#define TCPCLOSE_TIMEWAIT_H

#include "kernel/features.h"
#include "options.h"
#include "session.h"

/* Shows summaries until it is told to stop; prints its own messages. */
enum exit_status timewait_run(const struct options *options, const struct features *features);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Live tracing from start to end: source -> core -> output, and the one event loop. Knows what
 * the options ask for, not how they were written.
 */
#ifndef TCPCLOSE_SESSION_H
#define TCPCLOSE_SESSION_H

#include "kernel/features.h"
#include "options.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_ATTACHED = 3,
	EXIT_SUSPECTS = 4, /* leaks --once found some */
};

/* Traces until it is told to stop; prints its own messages. */
enum exit_status session_run(const struct options *options, const struct features *features);

#endif

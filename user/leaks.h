/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The command `leaks` from start to end: look -> view -> output, once an interval. Knows what the
 * options ask for, not how they were written.
 */
#ifndef TCPCLOSE_LEAKS_H
#define TCPCLOSE_LEAKS_H

#include "kernel/features.h"
#include "options.h"
#include "session.h"

/* Shows views until it is told to stop; prints its own messages. With --once EXIT_SUSPECTS if there
 * are any. */
enum exit_status leaks_run(const struct options *options, const struct features *features);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The signals that ask for an orderly end, as a descriptor to poll. Knows nothing of what ends.
 */
#ifndef TCPCLOSE_HOST_STOP_SIGNALS_H
#define TCPCLOSE_HOST_STOP_SIGNALS_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP make it readable and end nothing by themselves, and a
 * closed pipe is an error of write(). The descriptor, or a negative errno. */
int stop_signals_open(void);

/* Takes those that came. True if any did. */
bool stop_signals_take(int descriptor);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The signals that ask for an orderly end, as a descriptor to poll. Knows nothing of what ends.
 */
#ifndef TCPCLOSE_HOST_STOP_SIGNALS_H
#define TCPCLOSE_HOST_STOP_SIGNALS_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP make it readable and end nothing by themselves, and a
 * closed pipe is an error of write(). 0 or a negative errno. */
int stop_signals_open(void);
/* Also when they are not open. */
void stop_signals_close(void);

/* To be waited for; -1: they are not open. */
int stop_signals_descriptor(void);

/* Takes those that came: how many there were so far. Whoever waits on the descriptor must have
 * asked before: it is readable no more. */
unsigned int stop_signals_note(void);
/* The same, and whether there was any. */
bool stop_signals_asked(void);

#endif

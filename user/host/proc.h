/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What /proc tells in short: its directories with numbers for names, listed fast; how much there is
 * to look at. Knows nothing of what is in them.
 */
#ifndef TCPCLOSE_HOST_PROC_H
#define TCPCLOSE_HOST_PROC_H

#include <stdint.h>

/* Calls back for each name in an open directory that is a number: processes of /proc, descriptors
 * of a process. 0 or a negative errno. */
int proc_each_number(int directory, void (*each)(void *context, int directory, const char *number),
		     void *context);

/* How many files are open on the whole machine, one that several have as one. 0: not known. */
uint64_t proc_open_files(void);

#endif

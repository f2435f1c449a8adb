/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fast listing of /proc: its directories with numbers for names. Knows nothing of what is in them.
 */
#ifndef TCPCLOSE_HOST_PROC_H
#define TCPCLOSE_HOST_PROC_H

/* Calls back for each name in an open directory that is a number: processes of /proc, descriptors
 * of a process. 0 or a negative errno. */
int proc_each_number(int directory, void (*each)(void *context, int directory, const char *number),
		     void *context);

#endif

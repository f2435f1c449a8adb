/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The numbers of classic tracepoints, which only tracefs tells. Where nobody mounted it, a mount of
 * our own that no path leads to is used and gone when the answer is known.
 */
#ifndef TCPCLOSE_KERNEL_TRACEFS_H
#define TCPCLOSE_KERNEL_TRACEFS_H

/* The id of a tracepoint ("syscalls", "sys_exit_accept4") as perf_event_open() takes it, above 0,
 * or a negative errno: -ENOENT when the kernel has no such event. */
int tracefs_event_id(const char *category, const char *name);

#endif

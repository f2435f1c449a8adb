/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whose turn it is: on a machine without idle time a reader that waits as long as everybody loses
 * what a buffer has no room for, though it needs less time than its share.
 */
#ifndef TCPCLOSE_HOST_PRIORITY_H
#define TCPCLOSE_HOST_PRIORITY_H

/* This thread's nice value becomes -5, if it may (CAP_SYS_NICE) and nobody chose another than 0. */
void priority_raise(void);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The clocks: records carry boot-clock ns, people read wall-clock time. Only the session asks;
 * everything else is given time as an argument.
 */
#ifndef TCPCLOSE_HOST_CLOCK_H
#define TCPCLOSE_HOST_CLOCK_H

#include <stdint.h>

/* CLOCK_BOOTTIME now: the clock of the records. */
uint64_t clock_boot(void);

/* What this thread has used of a processor, ns: the cost of something, however busy others are. */
uint64_t clock_thread(void);

/* What to add to a boot-clock time to get wall-clock ns since 1970. Moves when the wall clock is
 * set or slewed, never with suspend. */
int64_t clock_wall_offset(void);

/* How often in a second the kernel's coarse time moves on: its jiffies (CONFIG_HZ). */
uint32_t clock_hz(void);

/* Until a boot-clock time, as poll() takes it: ms rounded up, -1 for UINT64_MAX. */
int clock_timeout(uint64_t deadline);

#endif

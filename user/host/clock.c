// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/clock.h"

#include <time.h>

#define BRACKETS 16

static int64_t clock_read(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

uint64_t clock_boot(void)
{
	return (uint64_t)clock_read(CLOCK_BOOTTIME);
}

uint64_t clock_thread(void)
{
	return (uint64_t)clock_read(CLOCK_THREAD_CPUTIME_ID);
}

uint32_t clock_hz(void)
{
	struct timespec tick = {.tv_nsec = 4000000};

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (uint32_t)((1000000000 + tick.tv_nsec / 2) / tick.tv_nsec);
}

/* The two clocks cannot be read at one instant: of several brackets boot, wall, boot the tightest
 * has the smallest error, at most half its width. */
int64_t clock_wall_offset(void)
{
	int64_t offset = 0, tightest = INT64_MAX;

	for (int i = 0; i < BRACKETS; i++) {
		int64_t before = clock_read(CLOCK_BOOTTIME);
		int64_t wall = clock_read(CLOCK_REALTIME);
		int64_t width = clock_read(CLOCK_BOOTTIME) - before;

		if (width < tightest) {
			tightest = width;
			offset = wall - before - width / 2;
		}
	}
	return offset;
}

int clock_timeout(uint64_t deadline)
{
	uint64_t now = clock_boot(), ms;

	if (deadline == UINT64_MAX)
		return -1;
	if (deadline <= now)
		return 0;
	ms = (deadline - now + 999999) / 1000000;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

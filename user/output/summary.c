// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/summary.h"

#include "output/facts.h"

const enum time_wait_end summary_ends[] = {
	TIME_WAIT_BY_TIMER,  TIME_WAIT_BY_CONNECT, TIME_WAIT_BY_SYN, TIME_WAIT_BY_RESET,
	TIME_WAIT_DESTROYED, TIME_WAIT_NEVER,      TIME_WAIT_ENDED,  TIME_WAIT_ENDS,
};

const char *summary_end_name(enum time_wait_end end)
{
	return end == TIME_WAIT_ENDED ? "unknown" : time_wait_end_name(end);
}

bool summary_end_promised(enum time_wait_end end)
{
	return end != TIME_WAIT_ENDED;
}

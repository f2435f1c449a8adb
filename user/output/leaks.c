// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/leaks.h"

const char *trend_name(enum close_wait_trend trend)
{
	static const char *const names[TRENDS] = {
		[TREND_UNKNOWN] = "unknown",
		[TREND_STEADY] = "steady",
		[TREND_GROWING] = "growing",
		[TREND_DRAINING] = "draining",
	};

	return names[trend < TRENDS ? trend : TREND_UNKNOWN];
}

const char *created_text(unsigned int how)
{
	switch (how) {
	case OWNER_ACCEPT:
		return "accepted";
	case OWNER_CONNECT:
		return "connected";
	default:
		return "created";
	}
}

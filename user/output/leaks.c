// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/leaks.h"

#include "output/text.h"

const char *trend_name(enum trend_direction trend)
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

void leaks_add_holder(struct buffer *out, const struct close_wait_holder *holder)
{
	text_add_process(out, holder->pid, holder->comm, sizeof(holder->comm));
	if (holder->fd >= 0)
		text_add_count(out, " fd ", (uint32_t)holder->fd, "");
}

void leaks_add_age(struct buffer *out, const char *before, uint64_t age, bool at_least)
{
	buffer_add_string(out, before);
	if (at_least)
		buffer_add_literal(out, "at least ");
	text_add_duration(out, age);
}

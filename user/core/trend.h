/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whether a population grows: comings and goings over the last seconds, minutes and hour. A leak is
 * what comes time after time and stays; what came at once is a burst. Pure; it knows nothing of
 * what comes and goes.
 */
#ifndef TCPCLOSE_CORE_TREND_H
#define TCPCLOSE_CORE_TREND_H

#include <stdint.h>

#define TREND_WINDOWS 3
#define TREND_SLOTS 16

enum trend_direction {
	TREND_UNKNOWN = 0, /* watched for too short a time */
	TREND_STEADY,
	TREND_GROWING,  /* they come one after the other and stay */
	TREND_DRAINING, /* more leave than come */
	TRENDS,
};

struct trend_slot {
	uint32_t came;
	uint32_t left;
};

struct trend {
	uint64_t start;
	uint64_t slot[TREND_WINDOWS]; /* number of the newest slot since time 0 */
	struct trend_slot slots[TREND_WINDOWS][TREND_SLOTS];
};

struct trend_judgement {
	enum trend_direction direction;
	int64_t per_min; /* in thousandths */
};

/* Watched since `start`, which may be yet to come. */
void trend_init(struct trend *trend, uint64_t start);
/* Times never go back. */
void trend_add(struct trend *trend, uint64_t now, uint32_t came, uint32_t left);
/* By the shortest window in which enough has happened, else by the longest. */
struct trend_judgement trend_judge(const struct trend *trend, uint64_t now);

#endif

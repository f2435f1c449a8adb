// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/trend.h"

#include <string.h>

#define SECOND 1000000000ull
#define MINUTE (60 * SECOND)
/* Fewer comings and goings in a window say nothing. */
#define ENOUGH 4
/* They must come in so many slots: what came at once is a burst. */
#define SEVERAL 3

static const uint64_t widths[TREND_WINDOWS] = {SECOND, 15 * SECOND, 4 * MINUTE};

void trend_init(struct trend *trend, uint64_t start)
{
	memset(trend, 0, sizeof(*trend));
	trend->start = start;
	for (int window = 0; window < TREND_WINDOWS; window++)
		trend->slot[window] = start / widths[window];
}

static void move_to(struct trend *trend, int window, uint64_t slot)
{
	uint64_t passed = slot - trend->slot[window];

	if (slot <= trend->slot[window])
		return;
	for (uint64_t i = 1; i <= passed && i <= TREND_SLOTS; i++)
		trend->slots[window][(slot - passed + i) % TREND_SLOTS] = (struct trend_slot){0};
	if (passed > TREND_SLOTS)
		memset(trend->slots[window], 0, sizeof(trend->slots[window]));
	trend->slot[window] = slot;
}

void trend_add(struct trend *trend, uint64_t now, uint32_t came, uint32_t left)
{
	for (int window = 0; window < TREND_WINDOWS; window++) {
		struct trend_slot *slot;

		move_to(trend, window, now / widths[window]);
		slot = &trend->slots[window][trend->slot[window] % TREND_SLOTS];
		slot->came += came;
		slot->left += left;
	}
}

struct sum {
	uint64_t came;
	uint64_t left;
	int64_t lately;     /* came less left, in the last quarter of the window */
	unsigned int slots; /* in which any came */
	uint64_t time;      /* that they cover */
};

static struct sum sum_of(const struct trend *trend, int window, uint64_t now)
{
	uint64_t newest = now / widths[window];
	uint64_t oldest = newest >= TREND_SLOTS ? newest - TREND_SLOTS + 1 : 0;
	uint64_t from = oldest * widths[window];
	struct sum sum = {0};

	if (from < trend->start)
		from = trend->start;
	sum.time = now > from ? now - from : 0;
	for (uint64_t slot = oldest; slot <= trend->slot[window]; slot++) {
		const struct trend_slot *at = &trend->slots[window][slot % TREND_SLOTS];

		if (slot + TREND_SLOTS <= trend->slot[window])
			continue;
		sum.came += at->came;
		sum.left += at->left;
		if (slot + TREND_SLOTS / 4 > newest)
			sum.lately += (int64_t)at->came - (int64_t)at->left;
		sum.slots += at->came > 0;
	}
	return sum;
}

static enum trend_direction direction_of(const struct trend *trend, const struct sum *sum,
					 uint64_t now)
{
	if (sum->left > sum->came || sum->lately < 0)
		return TREND_DRAINING;
	if (now < trend->start + SEVERAL * widths[0])
		return TREND_UNKNOWN;
	if (sum->came >= ENOUGH && sum->slots >= SEVERAL && sum->left * 2 <= sum->came)
		return TREND_GROWING;
	return TREND_STEADY;
}

struct trend_judgement trend_judge(const struct trend *trend, uint64_t now)
{
	struct trend_judgement judgement = {0};
	struct sum sum = {0};

	for (int window = 0; window < TREND_WINDOWS; window++) {
		sum = sum_of(trend, window, now);
		if (sum.came + sum.left >= ENOUGH)
			break;
	}
	judgement.direction = direction_of(trend, &sum, now);
	if (sum.time) {
		double net = (double)sum.came - (double)sum.left;

		judgement.per_min = (int64_t)(net * (double)(1000 * MINUTE) / (double)sum.time);
	}
	return judgement;
}

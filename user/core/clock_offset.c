// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/clock_offset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/clock_samples.h"

#define S 1000000000ll
#define PS_PER_S 1000000000000ll

/* A clock that gains more than this was set, it does not drift: the kernel disciplines its own by
 * no more (MAXFREQ, include/linux/timex.h: 500 ppm; another's drifts the other way). */
#define DRIFT_MOST 1000000000ll
/* Fewer exchanges, or less time between them, show no drift. */
#define DRIFT_EXCHANGES 4
#define DRIFT_SPAN (10 * S)

struct clock_offset {
	struct clock_samples samples;
};

/* One side of what the offset can be, by one segment. */
struct bound {
	uint64_t time;
	int64_t offset;
	bool upper; /* it is at most that; else at least */
};

/* Two segments of a connection, one after the other, in opposite directions: between the two the
 * offset lies, most likely in the middle. */
struct exchange {
	uint64_t time;
	int64_t offset;
};

struct clock_offset *clock_offset_new(size_t limit)
{
	struct clock_offset *clock_offset = calloc(1, sizeof(*clock_offset));

	if (clock_offset)
		clock_samples_init(&clock_offset->samples, limit);
	return clock_offset;
}

void clock_offset_free(struct clock_offset *clock_offset)
{
	if (!clock_offset)
		return;
	clock_samples_done(&clock_offset->samples);
	free(clock_offset);
}

void clock_offset_feed(struct clock_offset *clock_offset, const struct record *record,
		       size_t length)
{
	const void *body = record;

	if (length < sizeof(struct segment_record) || record->kind != RECORD_SEGMENT)
		return;
	clock_samples_add(&clock_offset->samples, body);
}

static int64_t drifted(int64_t drift, uint64_t time, uint64_t since)
{
	return (int64_t)((__int128)(int64_t)(time - since) * drift / PS_PER_S);
}

int64_t clock_estimate_at(const struct clock_estimate *estimate, uint64_t time)
{
	return estimate->offset + drifted(estimate->drift, time, estimate->time);
}

uint64_t clock_estimate_correct(const struct clock_estimate *estimate, uint64_t time)
{
	uint64_t first = time - (uint64_t)estimate->offset;

	/* The time at which the drift is taken is off by the drift of the offset: once more is
	 * exact enough, since it is below a thousandth. */
	first = time - (uint64_t)clock_estimate_at(estimate, first);
	return time - (uint64_t)clock_estimate_at(estimate, first);
}

/* Who is near the first recording: the end that sends in direction 0 (SIDE_FIRST) or the other one.
 * Of an exchange, the segment that left there has the greater difference, by two delays. */
static enum clock_side side_of(const struct clock_pair *pairs, size_t count)
{
	int64_t by_time = 0, by_hook = 0, by_ttl = 0, votes;

	for (size_t i = 0; i < count; i++) {
		const struct clock_pair *pair = &pairs[i];
		int sign = pair->direction ? -1 : 1;

		if (pair->hook_side != SIDE_UNKNOWN)
			by_hook += pair->hook_side == SIDE_FIRST ? sign : -sign;
		if (pair->ttl_side != SIDE_UNKNOWN)
			by_ttl += pair->ttl_side == SIDE_FIRST ? sign : -sign;
		if (!i || pair->direction == pairs[i - 1].direction ||
		    pair->delta == pairs[i - 1].delta)
			continue;
		by_time += pair->delta > pairs[i - 1].delta ? sign : -sign;
	}
	votes = by_time ? by_time : by_hook ? by_hook : by_ttl;
	return votes > 0 ? SIDE_FIRST : votes < 0 ? SIDE_SECOND : SIDE_UNKNOWN;
}

static int order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_numbers(const void *one, const void *other)
{
	return order(*(const int64_t *)one, *(const int64_t *)other);
}

static int compare_bounds(const void *one, const void *other)
{
	const struct bound *a = one, *b = other;
	int found = order(a->offset, b->offset);

	/* The lower first: the offset may be just what both say. */
	return found ? found : a->upper - b->upper;
}

static int compare_exchanges(const void *one, const void *other)
{
	const struct exchange *a = one, *b = other;

	return (a->time > b->time) - (a->time < b->time);
}

struct evidence {
	struct bound *bounds;
	size_t bound_count;
	struct exchange *exchanges;
	size_t exchange_count;
	int64_t *unsided; /* differences of segments of which it is not known who sent them */
	size_t unsided_count;
	uint64_t time; /* the middle of all */
};

static void add_connection(struct evidence *evidence, const struct clock_pair *pairs, size_t count)
{
	enum clock_side side = side_of(pairs, count);

	for (size_t i = 0; i < count; i++) {
		const struct clock_pair *pair = &pairs[i];

		if (side == SIDE_UNKNOWN) {
			evidence->unsided[evidence->unsided_count++] = pair->delta;
			continue;
		}
		evidence->bounds[evidence->bound_count++] = (struct bound){
			.time = pair->time,
			.offset = pair->delta,
			.upper = (side == SIDE_FIRST) == !pair->direction,
		};
		if (!i || pair->direction == pairs[i - 1].direction)
			continue;
		evidence->exchanges[evidence->exchange_count++] = (struct exchange){
			.time = pair->time / 2 + pairs[i - 1].time / 2,
			.offset = pair->delta / 2 + pairs[i - 1].delta / 2,
		};
	}
}

static void evidence_done(struct evidence *evidence)
{
	free(evidence->bounds);
	free(evidence->exchanges);
	free(evidence->unsided);
}

static int evidence_init(struct evidence *evidence, const struct clock_pair *pairs, size_t count)
{
	uint64_t earliest = UINT64_MAX, latest = 0;

	*evidence = (struct evidence){
		.bounds = malloc((count + 1) * sizeof(*evidence->bounds)),
		.exchanges = malloc((count + 1) * sizeof(*evidence->exchanges)),
		.unsided = malloc((count + 1) * sizeof(*evidence->unsided)),
	};
	if (!evidence->bounds || !evidence->exchanges || !evidence->unsided)
		return -ENOMEM;
	for (size_t at = 0, length; at < count; at += length) {
		for (length = 1; at + length < count; length++)
			if (pairs[at + length].connection != pairs[at].connection)
				break;
		add_connection(evidence, &pairs[at], length);
	}
	for (size_t i = 0; i < count; i++) {
		earliest = pairs[i].time < earliest ? pairs[i].time : earliest;
		latest = pairs[i].time > latest ? pairs[i].time : latest;
	}
	evidence->time = count ? earliest + (latest - earliest) / 2 : 0;
	return 0;
}

/* The drift that most exchanges agree on, whatever a few say: the median of the slopes between each
 * of the first half and its counterpart in the second (Theil and Sen). 0: there is none to see. */
static int64_t drift_of(struct evidence *evidence)
{
	size_t half = evidence->exchange_count / 2, count = 0;
	struct exchange *exchanges = evidence->exchanges;
	int64_t *slopes, drift = 0;

	if (evidence->exchange_count < DRIFT_EXCHANGES)
		return 0;
	qsort(exchanges, evidence->exchange_count, sizeof(*exchanges), compare_exchanges);
	slopes = malloc(half * sizeof(*slopes));
	for (size_t i = 0; slopes && i < half; i++) {
		const struct exchange *from = &exchanges[i];
		const struct exchange *to = &exchanges[evidence->exchange_count - half + i];
		int64_t apart = (int64_t)(to->time - from->time);
		__int128 slope;

		if (apart < DRIFT_SPAN)
			continue;
		slope = ((__int128)to->offset - from->offset) * PS_PER_S / apart;
		/* Whatever is beyond is as good as the end of the scale. */
		slopes[count++] = slope > INT64_MAX   ? INT64_MAX
				  : slope < INT64_MIN ? INT64_MIN
						      : (int64_t)slope;
	}
	if (count >= DRIFT_EXCHANGES / 2) {
		qsort(slopes, count, sizeof(*slopes), compare_numbers);
		drift = slopes[count / 2];
	}
	free(slopes);
	return drift < -DRIFT_MOST || drift > DRIFT_MOST ? 0 : drift;
}

/* Where most bounds agree, as Marzullo has it for clocks that may lie. */
struct agreement {
	size_t agreeing;
	int64_t least, most;
	bool has_least, has_most;
};

static uint64_t width(const struct agreement *agreement)
{
	if (!agreement->has_least || !agreement->has_most)
		return 0;
	return (uint64_t)agreement->most - (uint64_t)agreement->least;
}

/* Of bounds in order: between the i-th and the next all lower ones until there and all upper ones
 * from there on are right. */
static struct agreement agree(const struct bound *bounds, size_t count)
{
	struct agreement best = {0};
	size_t right = 0;

	for (size_t i = 0; i < count; i++)
		right += bounds[i].upper;
	for (size_t next = 0; next <= count; next++) {
		struct agreement here = {.agreeing = right};

		if (next && !bounds[next - 1].upper) {
			here.has_least = true;
			here.least = bounds[next - 1].offset;
		}
		if (next < count && bounds[next].upper) {
			here.has_most = true;
			here.most = bounds[next].offset;
		}
		if (here.agreeing > best.agreeing ||
		    (here.agreeing == best.agreeing && width(&here) > width(&best)))
			best = here;
		if (next < count)
			right = bounds[next].upper ? right - 1 : right + 1;
	}
	return best;
}

static struct agreement agree_with_drift(const struct evidence *evidence, int64_t drift)
{
	struct bound *bounds = evidence->bounds;
	struct agreement found;

	for (size_t i = 0; i < evidence->bound_count; i++)
		bounds[i].offset -= drifted(drift, bounds[i].time, evidence->time);
	qsort(bounds, evidence->bound_count, sizeof(*bounds), compare_bounds);
	found = agree(bounds, evidence->bound_count);
	for (size_t i = 0; i < evidence->bound_count; i++)
		bounds[i].offset += drifted(drift, bounds[i].time, evidence->time);
	return found;
}

/* A drift is believed if it makes more agree, or leaves more than twice the room. Until then it is
 * less than the error: bounds that are as far apart as a round trip takes (r) leave r - d between
 * them with a drift of d in all, and the middle is wrong by d / 2. */
static bool drift_explains(const struct agreement *with, const struct agreement *without)
{
	if (with->agreeing != without->agreeing)
		return with->agreeing > without->agreeing;
	return width(with) / 2 > width(without);
}

static void settle(struct clock_estimate *estimate, const struct agreement *agreement,
		   size_t unsided)
{
	estimate->agreeing = agreement->agreeing + unsided;
	if (agreement->has_least && agreement->has_most) {
		estimate->knowledge = CLOCK_BETWEEN;
		estimate->error = (width(agreement) + 1) / 2;
		estimate->offset = agreement->least + (int64_t)(width(agreement) / 2);
	} else if (agreement->has_most) {
		estimate->knowledge = CLOCK_AT_MOST;
		estimate->offset = agreement->most;
	} else {
		estimate->knowledge = CLOCK_AT_LEAST;
		estimate->offset = agreement->least;
	}
}

static void estimate_from(struct clock_estimate *estimate, struct evidence *evidence)
{
	struct agreement without, with;
	int64_t drift;

	estimate->time = evidence->time;
	if (!evidence->bound_count) {
		qsort(evidence->unsided, evidence->unsided_count, sizeof(*evidence->unsided),
		      compare_numbers);
		estimate->knowledge = CLOCK_ABOUT;
		estimate->offset = evidence->unsided[evidence->unsided_count / 2];
		estimate->agreeing = estimate->segments;
		return;
	}
	without = agree_with_drift(evidence, 0);
	settle(estimate, &without, evidence->unsided_count);
	drift = drift_of(evidence);
	if (!drift)
		return;
	with = agree_with_drift(evidence, drift);
	if (!drift_explains(&with, &without))
		return;
	settle(estimate, &with, evidence->unsided_count);
	estimate->drift = drift;
}

int clock_offset_result(struct clock_offset *clock_offset, struct clock_estimate *estimate)
{
	struct evidence evidence;
	struct clock_pair *pairs;
	size_t count;
	int error = clock_samples_match(&clock_offset->samples, &pairs, &count);

	*estimate = (struct clock_estimate){
		.segments = count,
		.left_out = clock_offset->samples.left_out,
	};
	if (error)
		return error;
	error = evidence_init(&evidence, pairs, count);
	free(pairs);
	if (!error && count)
		estimate_from(estimate, &evidence);
	evidence_done(&evidence);
	return error;
}

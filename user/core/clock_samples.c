// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/clock_samples.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "core/flow.h"

#define FIRST_CAPACITY 1024
/* Copies of one segment in a recording; who sends more does so to be confusing. */
#define COPIES 16
/* What is seen again so soon, and has no identification that says otherwise, is no copy sent again
 * but the same one at another interface. */
#define SAME_COPY_WITHIN 1000000ull
/* Of times beyond (the year 2116) no difference is taken. */
#define LATEST (1ull << 62)

#define KIND_FLAGS (SEGMENT_FIN | SEGMENT_SYN | SEGMENT_RST | SEGMENT_ACK)
#define HOOK_SHIFT 5

void clock_samples_init(struct clock_samples *samples, size_t limit)
{
	*samples = (struct clock_samples){.limit = limit};
}

void clock_samples_done(struct clock_samples *samples)
{
	for (unsigned int i = 0; i < CLOCK_SOURCES; i++)
		free(samples->sources[i].items);
	*samples = (struct clock_samples){0};
}

static uint64_t numbers_of(const struct clock_sample *sample)
{
	return hash_mix((uint64_t)sample->seq << 32 | sample->ack);
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* By what is the same in both recordings; the identification is not, where one has none. */
static int compare_numbers(const struct clock_sample *a, const struct clock_sample *b)
{
	int found = order((uint64_t)a->seq << 32 | a->ack, (uint64_t)b->seq << 32 | b->ack);

	if (!found)
		found = order((uint64_t)a->payload << 8 | (a->kind & KIND_FLAGS),
			      (uint64_t)b->payload << 8 | (b->kind & KIND_FLAGS));
	return found;
}

static int compare_samples(const void *one, const void *other)
{
	const struct clock_sample *a = one, *b = other;
	int found = compare_numbers(a, b);

	return found ? found : order(a->time, b->time);
}

static bool same_copy(const struct clock_sample *a, const struct clock_sample *b)
{
	if (a->ip_id || b->ip_id)
		return a->ip_id == b->ip_id;
	return b->time - a->time < SAME_COPY_WITHIN;
}

/* Of samples with the same numbers the first sighting of each copy. Returns how many they are,
 * COPIES at most. */
static size_t copies_of(struct clock_sample *items, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count && kept < COPIES; i++) {
		bool known = false;

		for (size_t at = 0; at < kept && !known; at++)
			known = same_copy(&items[at], &items[i]);
		if (!known)
			items[kept++] = items[i];
	}
	return kept;
}

static size_t run_of(const struct clock_sample *items, size_t count)
{
	size_t length = 1;

	while (length < count && !compare_numbers(&items[0], &items[length]))
		length++;
	return length;
}

/* Repeated numbers are not worth the room of others. */
static void drop_repeated(struct clock_sample *items, size_t *count)
{
	size_t kept = 0, at = 0;

	qsort(items, *count, sizeof(*items), compare_samples);
	while (at < *count) {
		size_t run = run_of(&items[at], *count - at);
		size_t copies = copies_of(&items[at], run);

		memmove(&items[kept], &items[at], copies * sizeof(*items));
		kept += copies;
		at += run;
	}
	*count = kept;
}

/* Every other number, of both recordings. */
static void drop_half(struct clock_samples *samples)
{
	samples->mask = samples->mask << 1 | 1;
	for (unsigned int i = 0; i < CLOCK_SOURCES; i++) {
		struct clock_sample *items = samples->sources[i].items;
		size_t kept = 0;

		for (size_t at = 0; at < samples->sources[i].count; at++)
			if (!(numbers_of(&items[at]) & samples->mask))
				items[kept++] = items[at];
		samples->sources[i].count = kept;
	}
}

static size_t count_all(const struct clock_samples *samples)
{
	return samples->sources[0].count + samples->sources[1].count;
}

static bool make_room(struct clock_samples *samples, unsigned int source)
{
	size_t *count = &samples->sources[source].count, before = count_all(samples);
	size_t capacity = samples->sources[source].capacity;
	struct clock_sample *items = samples->sources[source].items, *grown;

	if (*count >= samples->limit) {
		drop_repeated(items, count);
		while (*count > samples->limit / 2)
			drop_half(samples);
		samples->left_out += before - count_all(samples);
	}
	if (*count < capacity)
		return true;
	capacity = capacity ? capacity * 2 : FIRST_CAPACITY;
	grown = realloc(items, capacity * sizeof(*grown));
	if (!grown)
		return false;
	samples->sources[source].items = grown;
	samples->sources[source].capacity = capacity;
	return true;
}

void clock_samples_add(struct clock_samples *samples, const struct segment_record *record)
{
	const struct record *header = &record->header;
	struct clock_sample sample = {
		.time = header->time,
		.seq = record->seq,
		.ack = record->flags & SEGMENT_ACK ? record->ack : 0,
		.payload = record->payload,
		.ip_id = record->ip_id,
		.kind = (uint8_t)((record->flags & KIND_FLAGS) | record->hook << HOOK_SHIFT),
		.ttl = record->ttl,
	};
	struct flow canonical;
	bool turned = flow_canonical(&header->flow, &canonical);

	/* A RST without a number of its own is like any other. */
	if (header->source >= CLOCK_SOURCES || header->time > LATEST ||
	    (!sample.seq && !sample.ack))
		return;
	sample.flow = (flow_hash(&canonical) & ~1ull) | turned;
	if (numbers_of(&sample) & samples->mask || !make_room(samples, header->source) ||
	    numbers_of(&sample) & samples->mask) {
		samples->left_out++;
		return;
	}
	samples->sources[header->source].items[samples->sources[header->source].count++] = sample;
}

static enum clock_side side_by_hook(const struct clock_sample *first,
				    const struct clock_sample *second)
{
	unsigned int a = first->kind >> HOOK_SHIFT, b = second->kind >> HOOK_SHIFT;
	bool a_enters = a == HOOK_TC_INGRESS || a == HOOK_XDP;
	bool b_enters = b == HOOK_TC_INGRESS || b == HOOK_XDP;

	if (a == HOOK_TC_EGRESS && b_enters)
		return SIDE_FIRST;
	return b == HOOK_TC_EGRESS && a_enters ? SIDE_SECOND : SIDE_UNKNOWN;
}

static struct clock_pair pair_of(const struct clock_sample *first,
				 const struct clock_sample *second)
{
	return (struct clock_pair){
		.connection = first->flow >> 1,
		.direction = first->flow & 1,
		.time = first->time,
		.delta = (int64_t)(second->time - first->time),
		.hook_side = (uint8_t)side_by_hook(first, second),
		.ttl_side = first->ttl > second->ttl   ? SIDE_FIRST
			    : first->ttl < second->ttl ? SIDE_SECOND
						       : SIDE_UNKNOWN,
	};
}

/* Copies in the order in which they were sent. If one was lost between, the next stands for it in
 * the second recording: that is like a longer way and proves less, but nothing false. */
static size_t match_copies(const struct clock_sample *first, size_t first_count,
			   const struct clock_sample *second, size_t second_count,
			   struct clock_pair *pairs)
{
	bool taken[COPIES] = {false};
	size_t count = 0;

	for (size_t i = 0; i < first_count; i++)
		for (size_t at = 0; at < second_count; at++) {
			bool differ = first[i].ip_id && second[at].ip_id &&
				      first[i].ip_id != second[at].ip_id;

			if (taken[at] || differ)
				continue;
			taken[at] = true;
			pairs[count++] = pair_of(&first[i], &second[at]);
			break;
		}
	return count;
}

static int compare_pairs(const void *one, const void *other)
{
	const struct clock_pair *a = one, *b = other;
	int found = order(a->connection, b->connection);

	return found ? found : order(a->time, b->time);
}

int clock_samples_match(struct clock_samples *samples, struct clock_pair **pairs, size_t *count)
{
	struct clock_sample *first = samples->sources[0].items;
	struct clock_sample *second = samples->sources[1].items;
	size_t first_left = samples->sources[0].count, second_left = samples->sources[1].count;

	*count = 0;
	*pairs = malloc((first_left + 1) * sizeof(**pairs));
	if (!*pairs)
		return -ENOMEM;
	for (unsigned int i = 0; i < CLOCK_SOURCES; i++)
		if (samples->sources[i].count)
			qsort(samples->sources[i].items, samples->sources[i].count, sizeof(*first),
			      compare_samples);
	while (first_left && second_left) {
		int found = compare_numbers(first, second);
		size_t first_run = found <= 0 ? run_of(first, first_left) : 0;
		size_t second_run = found >= 0 ? run_of(second, second_left) : 0;

		if (!found)
			*count += match_copies(first, copies_of(first, first_run), second,
					       copies_of(second, second_run), *pairs + *count);
		first += first_run;
		first_left -= first_run;
		second += second_run;
		second_left -= second_run;
	}
	qsort(*pairs, *count, sizeof(**pairs), compare_pairs);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/time_wait_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "core/flow.h"

#define US 1000ull

/* One that waits, and the group that it counts for. */
struct member {
	struct map_link link;
	struct flow flow;
	uint32_t netns;
	uint32_t group;
};

struct group_link {
	struct map_link link;
	uint32_t group;
};

struct time_wait_counts {
	struct map members;
	struct map by_key;
	struct population_entry *groups; /* the first is for those that found no room */
	struct group_link *links;
	uint32_t group_count;
	struct population_durations durations;
	uint64_t crowded_out;
	uint64_t missed;
	bool inferred; /* some of it is */
};

struct time_wait_counts *time_wait_counts_new(void)
{
	struct time_wait_counts *counts = calloc(1, sizeof(*counts));

	if (!counts)
		return NULL;
	counts->groups = calloc(POPULATION_GROUPS, sizeof(*counts->groups));
	counts->links = calloc(POPULATION_GROUPS, sizeof(*counts->links));
	if (!counts->groups || !counts->links || map_init(&counts->members) ||
	    map_init(&counts->by_key)) {
		time_wait_counts_free(counts);
		return NULL;
	}
	counts->group_count = 1;
	return counts;
}

static uint64_t member_hash(const struct flow *flow, uint32_t netns)
{
	return flow_hash(flow) + hash_mix(netns);
}

static struct member *find_member(const struct time_wait_counts *counts, const struct flow *flow,
				  uint32_t netns)
{
	struct map_link *at = map_first(&counts->members, member_hash(flow, netns));

	for (; at; at = map_next(at)) {
		struct member *member = container_of(at, struct member, link);

		if (member->netns == netns && flow_equal(&member->flow, flow))
			return member;
	}
	return NULL;
}

static void remove_member(struct time_wait_counts *counts, struct member *member)
{
	map_remove(&counts->members, &member->link);
	free(member);
}

void time_wait_counts_free(struct time_wait_counts *counts)
{
	struct map_link *link;
	size_t bucket = 0;

	if (!counts)
		return;
	while ((link = map_any(&counts->members, &bucket)))
		remove_member(counts, container_of(link, struct member, link));
	map_done(&counts->members);
	map_done(&counts->by_key);
	free(counts->groups);
	free(counts->links);
	free(counts);
}

static uint64_t key_hash(const struct population_group_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = 0;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		hash = hash_join(hash, words[i]);
	return hash;
}

static uint32_t group_of(struct time_wait_counts *counts, const struct population_group_key *key)
{
	uint64_t hash = key_hash(key);
	struct map_link *at = map_first(&counts->by_key, hash);
	uint32_t group;

	for (; at; at = map_next(at)) {
		group = container_of(at, struct group_link, link)->group;
		if (!memcmp(&counts->groups[group].key, key, sizeof(*key)))
			return group;
	}
	if (counts->group_count == POPULATION_GROUPS) {
		counts->crowded_out++;
		return 0;
	}
	group = counts->group_count++;
	counts->groups[group].key = *key;
	counts->links[group].group = group;
	map_add(&counts->by_key, &counts->links[group].link, hash);
	return group;
}

/* See population.h. */
static uint32_t group_of_start(struct time_wait_counts *counts, const struct time_wait_start *start)
{
	struct population_group_key key = {.netns = start->netns, .role = start->role};

	memcpy(key.local, start->flow.local, sizeof(key.local));
	memcpy(key.remote, start->flow.remote, sizeof(key.remote));
	memcpy(key.comm, start->comm, sizeof(key.comm));
	key.port = start->role == ROLE_CLIENT ? start->flow.remote_port : start->flow.local_port;
	return group_of(counts, &key);
}

void time_wait_counts_begin(struct time_wait_counts *counts, const struct time_wait_start *start)
{
	struct member *member = find_member(counts, &start->flow, start->netns);

	if (member)
		return; /* it was found at the start, and is told of once more */
	member = malloc(sizeof(*member));
	if (!member) {
		counts->missed++;
		return;
	}
	member->flow = start->flow;
	member->netns = start->netns;
	member->group = group_of_start(counts, start);
	map_add(&counts->members, &member->link, member_hash(&member->flow, member->netns));
	counts->groups[member->group].counts.entered++;
	counts->inferred |= start->inferred;
}

static void count_duration(struct population_durations *durations, uint64_t duration)
{
	uint64_t step = duration / POPULATION_STEP;
	unsigned int power = 0;

	while (power < POPULATION_POWERS - 1 && duration / US >> power)
		power++;
	durations->linear[step < POPULATION_STEPS ? step : POPULATION_STEPS - 1]++;
	durations->power[power]++;
}

void time_wait_counts_end(struct time_wait_counts *counts, const struct time_wait_report *report)
{
	struct member *member;

	if (report->substate != TCP_STATE_TIME_WAIT || report->ended_by == TIME_WAIT_STOPPED)
		return;
	if (report->ended_by == TIME_WAIT_NEVER) {
		const struct time_wait_start start = {.flow = report->flow, .netns = report->netns};

		counts->groups[group_of_start(counts, &start)].counts.ended[TIME_WAIT_NEVER]++;
		return;
	}
	member = find_member(counts, &report->flow, report->netns);
	if (!member)
		return;
	counts->groups[member->group].counts.ended[report->ended_by]++;
	if (report->end_seen)
		count_duration(&counts->durations, report->duration);
	remove_member(counts, member);
}

struct time_wait_reading time_wait_counts_reading(const struct time_wait_counts *counts,
						  uint64_t time)
{
	return (struct time_wait_reading){
		.time = time,
		.groups = counts->groups,
		.group_count = counts->group_count,
		.durations = &counts->durations,
		.crowded_out = counts->crowded_out,
		.missed = counts->missed,
		.inferred = counts->inferred,
	};
}

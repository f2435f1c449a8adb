// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/destinations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
/* The shortest time that gives a rate. */
#define RATE_LEAST (50 * MS)
#define TURN_TIME (2000 * MS)

int destinations_init(struct destinations *destinations)
{
	*destinations = (struct destinations){0};
	return map_init(&destinations->map);
}

void destinations_done(struct destinations *destinations)
{
	for (struct destination *next, *at = destinations->first; at; at = next) {
		next = at->next;
		free(at);
	}
	map_done(&destinations->map);
	*destinations = (struct destinations){0};
}

void destinations_begin(struct destinations *destinations, uint64_t time)
{
	struct destination_mark *mark = &destinations->marks[destinations->newest];
	bool opens = true;

	if (!destinations->mark_count) {
		destinations->started = time;
		*mark = (struct destination_mark){time, time};
		destinations->mark_count = 1;
		opens = false;
	} else if (time - mark->begin <= DESTINATION_MARK_LIMIT) {
		mark->end = time;
		opens = false;
	}
	if (opens) {
		uint64_t begin = mark->end;

		destinations->newest = (destinations->newest + 1) % DESTINATION_MARKS;
		destinations->marks[destinations->newest] = (struct destination_mark){begin, time};
		if (destinations->mark_count < DESTINATION_MARKS)
			destinations->mark_count++;
	}
	for (struct destination *at = destinations->first; at; at = at->next) {
		at->in_time_wait = at->comm_count = 0;
		at->comm[0] = '\0';
		if (opens)
			at->entered[destinations->newest] = at->early[destinations->newest] = 0;
	}
}

static uint64_t hash_of(const struct population_group_key *key)
{
	uint64_t words[4], hash = hash_join(key->netns, key->port);

	memcpy(words, key->local, sizeof(key->local));
	memcpy(words + 2, key->remote, sizeof(key->remote));
	for (unsigned int i = 0; i < 4; i++)
		hash = hash_join(hash, words[i]);
	return hash;
}

struct destination *destinations_take(struct destinations *destinations,
				      const struct population_group_key *key)
{
	uint64_t hash = hash_of(key);
	struct destination *found;

	for (struct map_link *link = map_first(&destinations->map, hash); link;
	     link = map_next(link)) {
		found = container_of(link, struct destination, link);
		if (found->netns == key->netns && found->port == key->port &&
		    !memcmp(found->local, key->local, sizeof(key->local)) &&
		    !memcmp(found->remote, key->remote, sizeof(key->remote))) {
			found->users++;
			return found;
		}
	}
	found = calloc(1, sizeof(*found));
	if (!found)
		return NULL;
	found->netns = key->netns;
	found->port = key->port;
	memcpy(found->local, key->local, sizeof(key->local));
	memcpy(found->remote, key->remote, sizeof(key->remote));
	found->users = 1;
	found->next = destinations->first;
	destinations->first = found;
	destinations->count++;
	map_add(&destinations->map, &found->link, hash);
	return found;
}

void destinations_sweep(struct destinations *destinations)
{
	struct destination **at = &destinations->first;

	while (*at) {
		struct destination *destination = *at;

		if (destination->users) {
			at = &destination->next;
			continue;
		}
		*at = destination->next;
		destinations->count--;
		map_remove(&destinations->map, &destination->link);
		free(destination);
	}
}

static void add_to_mark(uint32_t *mark, uint64_t count)
{
	*mark = count < UINT32_MAX - *mark ? *mark + (uint32_t)count : UINT32_MAX;
}

void destinations_add(const struct destinations *destinations, struct destination *destination,
		      const char comm[RECORD_COMM_LENGTH], uint64_t now, uint64_t entered,
		      uint64_t early)
{
	unsigned int newest = destinations->newest;

	destination->in_time_wait += now;
	destination->entered_sum += entered;
	add_to_mark(&destination->entered[newest], entered);
	add_to_mark(&destination->early[newest], early);
	if (destinations->marks[newest].end == destinations->started)
		destination->found += now;
	/* One that is known tells more than those that were found. */
	if (comm[0] && now > destination->comm_count) {
		destination->comm_count = now;
		memcpy(destination->comm, comm, RECORD_COMM_LENGTH);
	}
}

static uint64_t last_time(const struct destinations *destinations)
{
	return destinations->marks[destinations->newest].end;
}

void destinations_end(struct destinations *destinations)
{
	for (struct destination *at = destinations->first; at; at = at->next) {
		if (!at->usable || at->in_time_wait * 2 < at->usable) {
			at->half_at = 0;
		} else if (!at->half_at) {
			at->half_at = last_time(destinations);
			at->half_entered = at->entered_sum;
		}
	}
}

/* The mark that is `age` marks old. */
static unsigned int mark_index(const struct destinations *destinations, unsigned int age)
{
	return (destinations->newest + DESTINATION_MARKS - age) % DESTINATION_MARKS;
}

/* Past half of the ports, a rate that is another than before by more than chance counts alone. */
static void turn_rates(const struct destination *destination, uint64_t now, uint64_t begin,
		       uint64_t *rate, uint64_t *net_rate)
{
	double entered = (double)(destination->entered_sum - destination->half_entered);
	uint64_t whole = (now - destination->half_at) / MS;
	double ms = (double)whole, expected = (double)*rate / 1e6 * ms, off = entered - expected;

	if (destination->half_at <= begin || now - destination->half_at < RATE_LEAST)
		return;
	if (off * off <= 16 * expected + 4)
		return;
	*net_rate = *rate ? (uint64_t)((double)*net_rate / (double)*rate * entered * 1e6 / ms) : 0;
	*rate = (uint64_t)(entered * 1e6 / ms);
}

/* Per 1000 s, over the last DESTINATION_RATE_TIME or what there is of it. */
static void find_rates(const struct destinations *destinations,
		       const struct destination *destination, uint64_t *rate, uint64_t *net_rate)
{
	uint64_t now = last_time(destinations);
	uint64_t begin = now, entered = 0, early = 0, ms;

	for (unsigned int age = 0; age < destinations->mark_count; age++) {
		unsigned int i = mark_index(destinations, age);

		if (age && now - destinations->marks[i].begin > DESTINATION_RATE_TIME)
			break;
		begin = destinations->marks[i].begin;
		entered += destination->entered[i];
		early += destination->early[i];
	}
	ms = (now - begin) / MS;
	*rate = ms ? entered * 1000000 / ms : 0;
	*net_rate = ms && entered > early ? (entered - early) * 1000000 / ms : 0;
	turn_rates(destination, now, begin, rate, net_rate);
}

bool destinations_unsure(const struct destinations *destinations)
{
	uint64_t now = last_time(destinations);

	for (const struct destination *at = destinations->first; at; at = at->next)
		if (at->half_at && now - at->half_at < RATE_LEAST)
			return true;
	return false;
}

bool destination_turns(const struct destinations *destinations,
		       const struct destination *destination, uint64_t within)
{
	uint64_t rate, net_rate;

	if (destination->half_at)
		return last_time(destinations) - destination->half_at < TURN_TIME;
	find_rates(destinations, destination, &rate, &net_rate);
	return destination->usable &&
	       (destination->in_time_wait + rate * (within / MS) / 1000000) * 2 >=
		       destination->usable;
}

size_t destinations_top(const struct destinations *destinations, uint64_t wait,
			struct destination *top[], size_t size)
{
	uint64_t need[32] = {0}, rate, net_rate;
	size_t count = 0;

	if (size > sizeof(need) / sizeof(need[0]))
		size = sizeof(need) / sizeof(need[0]);
	for (struct destination *at = destinations->first; at; at = at->next) {
		uint64_t needed;
		size_t to;

		find_rates(destinations, at, &rate, &net_rate);
		needed = at->in_time_wait + rate * (wait / MS) / 1000000;
		if (!needed || (count == size && needed <= need[count - 1]))
			continue;
		if (count < size)
			count++;
		for (to = count - 1; to > 0 && needed > need[to - 1]; to--) {
			need[to] = need[to - 1];
			top[to] = top[to - 1];
		}
		need[to] = needed;
		top[to] = at;
	}
	return count;
}

/* Those that entered evenly between begin and end: what is left of them after `now`. */
static bool find_leaving(struct port_leaving *leaving, uint64_t begin, uint64_t end, uint64_t now,
			 double count)
{
	if (end <= now || count <= 0)
		return false;
	leaving->from = begin > now ? begin - now : 0;
	leaving->to = end - now;
	leaving->count = begin >= now ? count : count * (double)(end - now) / (double)(end - begin);
	return true;
}

/* Found ones are taken as spread evenly over the time that they can have waited. */
struct port_demand destination_demand(const struct destinations *destinations,
				      const struct destination *destination, uint64_t wait,
				      struct port_leaving leaving[DESTINATION_LEAVING])
{
	uint64_t now = last_time(destinations);
	struct port_demand demand = {
		.netns = destination->netns,
		.remote_port = destination->port,
		.in_time_wait = destination->in_time_wait,
		.wait = wait,
		.leaving = leaving,
	};

	memcpy(demand.local, destination->local, sizeof(demand.local));
	memcpy(demand.remote, destination->remote, sizeof(demand.remote));
	memcpy(demand.comm, destination->comm, sizeof(demand.comm));
	find_rates(destinations, destination, &demand.rate, &demand.net_rate);
	demand.leaving_count +=
		find_leaving(&leaving[0], destinations->started, destinations->started + wait, now,
			     (double)destination->found);
	for (unsigned int age = destinations->mark_count; age-- > 0;) {
		unsigned int i = mark_index(destinations, age);
		const struct destination_mark *mark = &destinations->marks[i];

		demand.leaving_count += find_leaving(
			&leaving[demand.leaving_count], mark->begin + wait, mark->end + wait, now,
			(double)destination->entered[i] - (double)destination->early[i]);
	}
	return demand;
}

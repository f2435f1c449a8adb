// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/missing.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/census.h"
#include "kernel/namespaces.h"

#define NAMESPACES 4096
#define BATCH 4096
/* To look at one: a system call. */
#define LOOK_NS 10000
#define ORPHAN 5
#define TIME_WAIT 6

struct place {
	uint32_t netns;
	int64_t held;
	bool suspect; /* the kernel has fewer, or the namespace cannot be reached */
	bool reached;
	struct census *census; /* of a suspect that was reached, NULL: cannot be asked */
};

struct search {
	const struct missing_search *request;
	struct place *places;
	size_t count;
	size_t unreached; /* of those that hold any */
	struct missing_result *result;
};

static int64_t held_of(const struct search *search, uint32_t netns)
{
	int64_t count = 0;

	return bpf_map_lookup_elem(search->request->held, &netns, &count) ? 0 : count;
}

static void list_places(struct search *search)
{
	uint32_t *last = NULL;

	while (search->count < NAMESPACES) {
		struct place *place = &search->places[search->count];

		if (bpf_map_get_next_key(search->request->held, last, &place->netns))
			return;
		place->held = held_of(search, place->netns);
		place->suspect = place->held > 0;
		search->unreached += place->suspect;
		last = &place->netns;
		search->count++;
	}
}

static bool takes_too_long(const struct search *search)
{
	uint64_t held = 0;

	for (size_t i = 0; i < search->count; i++)
		held += search->places[i].held > 0 ? (uint64_t)search->places[i].held : 0;
	return held * LOOK_NS > search->request->most;
}

static struct place *find_place(const struct search *search, uint32_t netns)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->places[i].netns == netns)
			return &search->places[i];
	return NULL;
}

/* The programs count one in after the kernel has it, and out before it goes by its timer: so they
 * never have more, but for those whose addresses a new socket is just taking over. */
static int visit(void *context, uint32_t netns, int descriptor)
{
	struct search *search = context;
	struct place *place = find_place(search, netns);
	int count;

	if (!place || place->held <= 0)
		return 0;
	count = census_count(descriptor);
	place->suspect = count >= 0 && place->held > count && held_of(search, netns) > count;
	if (place->suspect && search->request->sock_diag && census_open(&place->census, descriptor))
		place->census = NULL;
	place->reached = true;
	return !--search->unreached;
}

/* The programs know its place in the kernel's table, or not, if it was found at the start. */
static bool may_be_missing(const struct search *search, const struct place *place,
			   const struct population_key *key, const struct population_value *value)
{
	struct census_answer answer;

	if (value->state < ORPHAN || value->start > search->request->since)
		return false;
	/* If programs were skipped, as many may be behind as are too many. */
	if (value->hash && search->request->catch_up)
		return true;
	if (!place->suspect)
		return false;
	if (value->hash || !place->reached)
		return true;
	return place->census && census_find(place->census, &key->flow, &answer) == 0 &&
	       answer.holder == CENSUS_NOBODY;
}

static int look_at(struct search *search, const struct population_key *key,
		   const struct population_value *value)
{
	const struct place *place = find_place(search, key->netns);
	int result;

	if (search->request->catch_up && value->state < TIME_WAIT) {
		result = search->request->catch_up(search->request->context, key);
		if (result)
			return result < 0 ? result : 0;
	}
	if (!place || !may_be_missing(search, place, key, value))
		return 0;
	result = search->request->remove(search->request->context, key, value,
					 search->request->since);
	if (result > 0)
		search->result->removed++;
	return result < 0 ? result : 0;
}

static int look_at_each(struct search *search)
{
	struct population_key *keys = calloc(BATCH, sizeof(*keys));
	struct population_value *values = calloc(BATCH, sizeof(*values));
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	int error = keys && values ? 0 : -ENOMEM;
	uint32_t position, count = 0;
	void *from = NULL;

	while (!error) {
		count = BATCH;
		error = bpf_map_lookup_batch(search->request->waiting, from, &position, keys,
					     values, &count, &options);
		if (error && error != -ENOENT)
			break;
		for (uint32_t i = 0; i < count && (!error || error == -ENOENT); i++) {
			int result = look_at(search, &keys[i], &values[i]);

			error = result < 0 ? result : error;
		}
		from = &position;
	}
	free(keys);
	free(values);
	return error == -ENOENT ? 0 : error;
}

int missing_find(const struct missing_search *request, struct missing_result *result)
{
	struct search search = {.request = request, .result = result};
	int error;

	*result = (struct missing_result){};
	search.places = calloc(NAMESPACES, sizeof(*search.places));
	if (!search.places)
		return -ENOMEM;
	list_places(&search);
	if (takes_too_long(&search)) {
		result->deferred = true;
		free(search.places);
		return 0;
	}
	result->looked = request->catch_up;
	error = search.unreached ? namespaces_walk(visit, &search) : 0;
	for (size_t i = 0; i < search.count; i++)
		result->looked |= search.places[i].suspect;
	if (!error && result->looked)
		error = look_at_each(&search);
	for (size_t i = 0; i < search.count; i++)
		census_close(search.places[i].census);
	free(search.places);
	return error;
}

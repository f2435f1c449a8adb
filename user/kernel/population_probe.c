// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/population_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "host/clock.h"
#include "kernel/counters.h"
#include "kernel/missing.h"
#include "kernel/optional_programs.h"
#include "kernel/port_settings.h"
#include "kernel/reason.h"
#include "population.skel.h"

/* Groups beyond which idle ones are let go of, and how many at a time. */
#define GROUPS_MANY (POPULATION_GROUPS / 4 * 3)
#define LET_GO 2048
/* So much longer than a look at each waiting socket takes is none before it, and after it than it
 * took. */
#define REST 49

struct listener {
	struct map_link link;
	uint32_t netns;
	uint16_t port;
};

struct population_probe {
	struct population *skeleton;
	struct population_group_key *keys;
	struct population_group *counts;
	struct population_entry *entries;
	struct population_durations *durations; /* of each CPU */
	int cpus;
	struct port_settings_cache *port_settings;
	struct map listeners;
	bool sock_diag;
	uint64_t looked_at; /* when the last look at each ended; at first, of the start */
	uint64_t look_took;
	uint64_t skipped; /* how often a program was, at the last look */
};

/* Sockets that a map of a fixed size has room for: 17 MB. */
#define WAITING_FIXED (1 << 17)

static int configure(struct population *skeleton, const struct plan *plan)
{
	int error = 0;

	optional_programs_choose(skeleton->obj, plan);
	bpf_program__set_autoattach(skeleton->progs.population_add, false);
	bpf_program__set_autoattach(skeleton->progs.population_remove, false);
	bpf_program__set_autoattach(skeleton->progs.population_catch_up, false);
	if (!plan->map_grows)
		error = bpf_map__set_map_flags(skeleton->maps.waiting, 0);
	if (!error && !plan->map_grows)
		error = bpf_map__set_max_entries(skeleton->maps.waiting, WAITING_FIXED);
	return error;
}

static int make_room(struct population_probe *probe)
{
	probe->cpus = libbpf_num_possible_cpus();
	if (probe->cpus < 0)
		return probe->cpus;
	probe->keys = calloc(POPULATION_GROUPS, sizeof(*probe->keys));
	probe->counts = calloc(POPULATION_GROUPS, sizeof(*probe->counts));
	probe->entries = calloc(POPULATION_GROUPS, sizeof(*probe->entries));
	probe->durations = calloc((size_t)probe->cpus, sizeof(*probe->durations));
	probe->port_settings = port_settings_cache_new();
	if (!probe->keys || !probe->counts || !probe->entries || !probe->durations ||
	    !probe->port_settings)
		return -ENOMEM;
	return map_init(&probe->listeners);
}

/* Where those without a group of their own are counted: when there is no room it is too late. */
static int add_group_of_all(struct population_probe *probe)
{
	const struct population_group_key key = {};
	const struct population_group nothing = {};

	return bpf_map_update_elem(bpf_map__fd(probe->skeleton->maps.groups), &key, &nothing,
				   BPF_NOEXIST);
}

int population_probe_open(struct population_probe **result, const struct plan *plan,
			  const struct settings *settings, struct buffer *why)
{
	struct population_probe *probe = calloc(1, sizeof(*probe));
	int error;

	if (!probe)
		return -ENOMEM;
	probe->sock_diag = plan->snapshot;
	error = make_room(probe);
	if (error) {
		reason_add(why, "no room for the numbers of the population programs", error);
		goto out;
	}
	probe->skeleton = population__open();
	if (!probe->skeleton) {
		error = -errno;
		reason_add(why, "the population programs cannot be read", error);
		goto out;
	}
	memcpy((void *)&probe->skeleton->rodata->settings, settings, sizeof(*settings));
	error = configure(probe->skeleton, plan);
	if (!error)
		error = population__load(probe->skeleton);
	if (!error)
		error = add_group_of_all(probe);
	if (error)
		reason_add(why, "the kernel refused the population programs", error);
out:
	if (error) {
		population_probe_close(probe);
		return error;
	}
	*result = probe;
	return 0;
}

static void forget_listeners(struct map *listeners)
{
	struct map_link *link;
	size_t bucket = 0;

	while ((link = map_any(listeners, &bucket))) {
		map_remove(listeners, link);
		free(container_of(link, struct listener, link));
	}
	map_done(listeners);
}

void population_probe_close(struct population_probe *probe)
{
	if (!probe)
		return;
	population__destroy(probe->skeleton);
	forget_listeners(&probe->listeners);
	port_settings_cache_free(probe->port_settings);
	free(probe->keys);
	free(probe->counts);
	free(probe->entries);
	free(probe->durations);
	free(probe);
}

int population_probe_attach(struct population_probe *probe, const struct plan *plan,
			    struct buffer *why)
{
	int error = population__attach(probe->skeleton);

	(void)plan; /* what it leaves out is not loaded */
	probe->looked_at = clock_boot();
	if (error)
		reason_add(why, "the population programs cannot be attached", error);
	return error;
}

/* Runs a program that does what probe's `order` says: 1 if there was something to do. */
static int run(struct population_probe *probe, const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	return error ? error : (int)probe->skeleton->bss->order.done;
}

static bool listens(const struct population_probe *probe, uint32_t netns, uint16_t port)
{
	struct map_link *at = map_first(&probe->listeners, hash_mix((uint64_t)netns << 16 | port));

	for (; at; at = map_next(at)) {
		const struct listener *listener = container_of(at, struct listener, link);

		if (listener->netns == netns && listener->port == port)
			return true;
	}
	return false;
}

int population_probe_note_listener(struct population_probe *probe, uint32_t netns, uint16_t port)
{
	struct listener *listener;

	if (listens(probe, netns, port))
		return 0;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	listener->netns = netns;
	listener->port = port;
	map_add(&probe->listeners, &listener->link, hash_mix((uint64_t)netns << 16 | port));
	return 0;
}

static bool is_chosen(const struct port_settings *settings, uint16_t port)
{
	return port >= settings->first_port && port <= settings->last_port;
}

/* The end whose port the kernel chose is the one that connected; where both may be of its choice,
 * the one on whose port nobody listens. */
static uint8_t role_by_ports(struct population_probe *probe, const struct record *header)
{
	const struct port_settings *settings =
		port_settings_find(probe->port_settings, header->netns, header->time);
	bool local, remote;

	if (!settings)
		return ROLE_UNKNOWN;
	local = is_chosen(settings, header->flow.local_port);
	remote = is_chosen(settings, header->flow.remote_port);
	if (local && remote)
		local = !listens(probe, header->netns, header->flow.local_port);
	else if (!local && !remote)
		return ROLE_UNKNOWN;
	return local ? ROLE_CLIENT : ROLE_SERVER;
}

int population_probe_add(struct population_probe *probe, const struct time_wait_record *found)
{
	struct population_order *order = &probe->skeleton->bss->order;
	uint64_t end = found->header.time + found->timeout_ms * 1000000ull;
	int result;

	memset(order, 0, sizeof(*order));
	order->key.flow = found->header.flow;
	order->key.netns = found->header.netns;
	order->value.state = found->substate;
	order->value.role = role_by_ports(probe, &found->header);
	order->value.start = found->header.time;
	order->until = end;
	if (end < found->header.time + TIME_WAIT_LENGTH)
		order->value.start = end > TIME_WAIT_LENGTH ? end - TIME_WAIT_LENGTH : 0;
	result = run(probe, probe->skeleton->progs.population_add);
	return result < 0 ? result : 0;
}

static int read_groups(struct population_probe *probe, size_t *total)
{
	int map = bpf_map__fd(probe->skeleton->maps.groups), error;
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t position, count;
	void *from = NULL;

	*total = 0;
	do {
		count = POPULATION_GROUPS - (uint32_t)*total;
		if (!count)
			return 0;
		error = bpf_map_lookup_batch(map, from, &position, probe->keys + *total,
					     probe->counts + *total, &count, &options);
		if (error && error != -ENOENT)
			return error;
		*total += count;
		from = &position;
	} while (!error);
	return 0;
}

static int read_durations(struct population_probe *probe, struct population_durations *sum)
{
	const uint32_t only = 0;
	uint64_t *to = (uint64_t *)sum;
	int error = bpf_map_lookup_elem(bpf_map__fd(probe->skeleton->maps.durations), &only,
					probe->durations);

	if (error)
		return error;
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < probe->cpus; cpu++) {
		const uint64_t *from = (const uint64_t *)&probe->durations[cpu];

		for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
			to[i] += from[i];
	}
	return 0;
}

static bool is_idle(const struct population_group *counts)
{
	uint64_t waiting = counts->entered;

	for (int end = 0; end < TIME_WAIT_ENDS; end++)
		if (end != TIME_WAIT_NEVER)
			waiting -= counts->ended[end];
	return !waiting;
}

/* What is counted between the reading and here is in what comes back (Linux 5.14). */
static bool let_go(const struct population_probe *probe, size_t group)
{
	int map = bpf_map__fd(probe->skeleton->maps.groups);
	int error = bpf_map_lookup_and_delete_elem(map, &probe->keys[group], &probe->counts[group]);

	return !error || bpf_map_delete_elem(map, &probe->keys[group]) == 0;
}

static void let_idle_go(struct population_probe *probe, size_t count)
{
	static const struct population_group_key all;
	unsigned int gone = 0;

	if (count < GROUPS_MANY)
		return;
	for (size_t i = 0; i < count && gone < LET_GO; i++)
		if (is_idle(&probe->counts[i]) && memcmp(&probe->keys[i], &all, sizeof(all)) != 0)
			gone += let_go(probe, i);
}

int population_probe_read(struct population_probe *probe, struct population_reading *reading)
{
	const struct population *skeleton = probe->skeleton;
	const volatile __u64 *missed = &skeleton->bss->missed;
	const volatile __u64 *crowded_out = &skeleton->bss->crowded_out;
	int error = read_groups(probe, &reading->group_count);

	if (!error)
		error = read_durations(probe, &reading->durations);
	if (error)
		return error;
	let_idle_go(probe, reading->group_count);
	for (size_t i = 0; i < reading->group_count; i++)
		probe->entries[i] = (struct population_entry){probe->keys[i], probe->counts[i]};
	reading->groups = probe->entries;
	reading->crowded_out = *crowded_out;
	reading->missed = *missed;
	return 0;
}

static uint64_t all_skipped(const struct population_probe *probe)
{
	return counters_skipped(probe->skeleton->progs.population_state) +
	       counters_skipped(probe->skeleton->progs.population_segment) +
	       counters_skipped(probe->skeleton->progs.population_timer) +
	       counters_skipped(probe->skeleton->progs.population_timer_function);
}

/* Why one ended that is there no more. Not known if its time was over, or if the program may have
 * been skipped that would have told. */
static enum time_wait_end end_of(const struct population_probe *probe,
				 const struct population_value *value, uint64_t now)
{
	if (value->reset)
		return TIME_WAIT_BY_RESET;
	if (now - value->start >= TIME_WAIT_LENGTH || all_skipped(probe) != probe->skipped)
		return TIME_WAIT_ENDED;
	return TIME_WAIT_DESTROYED;
}

static int remove_missing(void *context, const struct population_key *key,
			  const struct population_value *value, uint64_t since)
{
	struct population_probe *probe = context;
	struct population_order *order = &probe->skeleton->bss->order;

	order->key = *key;
	order->value.start = since;
	order->end = end_of(probe, value, since);
	return run(probe, probe->skeleton->progs.population_remove);
}

static int catch_up(void *context, const struct population_key *key)
{
	struct population_probe *probe = context;

	probe->skeleton->bss->order.key = *key;
	return run(probe, probe->skeleton->progs.population_catch_up);
}

int population_probe_reconcile(struct population_probe *probe, bool last, uint64_t *gone)
{
	uint64_t now_skipped = all_skipped(probe);
	struct missing_search search = {
		.waiting = bpf_map__fd(probe->skeleton->maps.waiting),
		.held = bpf_map__fd(probe->skeleton->maps.held),
		.sock_diag = probe->sock_diag,
		.since = clock_boot(),
		.most = UINT64_MAX,
		.remove = remove_missing,
		.catch_up = now_skipped == probe->skipped ? NULL : catch_up,
		.context = probe,
	};
	struct missing_result result;
	int error;

	*gone = 0;
	if (!last) {
		search.most = (search.since - probe->looked_at) / REST;
		if (probe->look_took > search.most)
			return 0;
	}
	error = missing_find(&search, &result);
	*gone = result.removed;
	if (!result.deferred)
		probe->skipped = now_skipped;
	if (result.looked) {
		probe->looked_at = clock_boot();
		probe->look_took = probe->looked_at - search.since;
	}
	return error;
}

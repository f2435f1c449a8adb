// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/close_wait_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "close_wait.skel.h"
#include "kernel/accept_links.h"
#include "kernel/counters.h"
#include "kernel/optional_programs.h"
#include "kernel/reason.h"
#include "kernel/task_files_probe.h"

/* Entries that maps of a fixed size have: 18 MB and 6 MB. */
#define ORIGINS_FIXED (1 << 17)
#define STACKS_FIXED 2048
#define BATCH 4096

struct close_wait_probe {
	struct close_wait *skeleton;
	struct accept_links accept_links;
	bool accept; /* its programs are loaded */
	uint32_t stacks_limit;
	uint64_t stacks_kept; /* at most so many are in the map, less what was taken since */
	uint64_t stacks_seen; /* of the programs' count of those taken */
};

static int fix_size(struct bpf_map *map, uint32_t entries)
{
	int error = bpf_map__set_map_flags(map, 0);

	return error ? error : bpf_map__set_max_entries(map, entries);
}

static int configure(struct close_wait *skeleton, const struct plan *plan)
{
	const struct settings *settings = &skeleton->rodata->settings;
	int error = 0;

	optional_programs_choose(skeleton->obj, plan);
	accept_links_prepare(skeleton->progs.close_wait_accept4, skeleton->progs.close_wait_accept);
	if (!settings->find_by_place)
		error = bpf_map__set_max_entries(skeleton->maps.places, 1);
	if (!error && !plan->map_grows)
		error = fix_size(skeleton->maps.origins, ORIGINS_FIXED);
	if (!error && !plan->map_grows)
		error = fix_size(skeleton->maps.stacks, STACKS_FIXED);
	return error;
}

int close_wait_probe_open(struct close_wait_probe **result, const struct plan *plan,
			  const struct settings *settings, struct buffer *why)
{
	struct close_wait_probe *probe = calloc(1, sizeof(*probe));
	int error;

	if (!probe)
		return -ENOMEM;
	probe->accept = plan->accept;
	probe->skeleton = close_wait__open();
	if (!probe->skeleton) {
		error = -errno;
		reason_add(why, "the close_wait programs cannot be read", error);
		goto out;
	}
	memcpy((void *)&probe->skeleton->rodata->settings, settings, sizeof(*settings));
	error = configure(probe->skeleton, plan);
	if (!error)
		error = close_wait__load(probe->skeleton);
	if (error)
		reason_add(why, "the kernel refused the close_wait programs", error);
	else
		probe->stacks_limit = bpf_map__max_entries(probe->skeleton->maps.stacks);
out:
	if (error) {
		close_wait_probe_close(probe);
		return error;
	}
	*result = probe;
	return 0;
}

void close_wait_probe_close(struct close_wait_probe *probe)
{
	if (!probe)
		return;
	accept_links_detach(&probe->accept_links);
	close_wait__destroy(probe->skeleton);
	free(probe);
}

int close_wait_probe_attach(struct close_wait_probe *probe, struct buffer *why)
{
	int error = close_wait__attach(probe->skeleton);

	if (error)
		reason_add(why, "the close_wait programs cannot be attached", error);
	else if (probe->accept)
		accept_links_attach(&probe->accept_links, probe->skeleton->progs.close_wait_accept4,
				    probe->skeleton->progs.close_wait_accept, why);
	return error;
}

int close_wait_probe_list(struct close_wait_probe *probe)
{
	return task_files_list(probe->skeleton->progs.task_files,
			       &probe->skeleton->links.task_files);
}

static bool find_key(const struct close_wait_probe *probe, const struct close_wait_found *found,
		     uint64_t *key)
{
	struct close_wait_place place = {.flow = found->flow, .netns = found->netns};

	if (!probe->skeleton->rodata->settings.find_by_place) {
		*key = found->socket;
		return *key;
	}
	return bpf_map_lookup_elem(bpf_map__fd(probe->skeleton->maps.places), &place, key) == 0;
}

bool close_wait_probe_origin(const struct close_wait_probe *probe,
			     const struct close_wait_found *found, struct close_wait_origin *origin)
{
	uint64_t key;

	return find_key(probe, found, &key) &&
	       bpf_map_lookup_elem(bpf_map__fd(probe->skeleton->maps.origins), &key, origin) == 0;
}

bool close_wait_probe_stack(const struct close_wait_probe *probe, uint64_t key,
			    struct close_wait_stack *stack)
{
	return key &&
	       bpf_map_lookup_elem(bpf_map__fd(probe->skeleton->maps.stacks), &key, stack) == 0;
}

struct close_wait_losses close_wait_probe_losses(const struct close_wait_probe *probe)
{
	const struct close_wait *skeleton = probe->skeleton;
	const volatile __u64 *origins = &skeleton->bss->origins_lost;
	const volatile __u64 *stacks = &skeleton->bss->stacks_lost;
	const volatile __u64 *seen = &skeleton->bss->connects_seen;
	const volatile __u64 *taken = &skeleton->bss->connects_taken;
	uint64_t connects = *seen, without = *taken;

	without = connects > without ? connects - without : 0;
	return (struct close_wait_losses){
		.origins = *origins + without + counters_skipped(skeleton->progs.close_wait_state) +
			   counters_skipped(skeleton->progs.close_wait_graft) +
			   counters_skipped(skeleton->progs.close_wait_accept) +
			   counters_skipped(skeleton->progs.close_wait_accept4),
		.stacks = *stacks,
	};
}

/* Keys of stacks: those that sockets have, or all. */
struct keys {
	uint64_t *list;
	size_t count;
	size_t capacity;
};

static int keys_add(struct keys *keys, uint64_t key)
{
	if (keys->count == keys->capacity) {
		size_t capacity = keys->capacity ? keys->capacity * 2 : BATCH;
		uint64_t *list = realloc(keys->list, capacity * sizeof(*list));

		if (!list)
			return -ENOMEM;
		keys->list = list;
		keys->capacity = capacity;
	}
	keys->list[keys->count++] = key;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Reads all of a map, some thousand entries at a time. */
static int read_all(int map, size_t value_size, struct keys *keys,
		    int (*take)(struct keys *keys, uint64_t key, const void *value))
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint64_t *batch = calloc(BATCH, sizeof(*batch));
	char *values = calloc(BATCH, value_size);
	int error = batch && values ? 0 : -ENOMEM;
	uint32_t position, count;
	void *from = NULL;

	while (!error) {
		count = BATCH;
		error = bpf_map_lookup_batch(map, from, &position, batch, values, &count, &options);
		if (error && error != -ENOENT)
			break;
		for (uint32_t i = 0; i < count; i++)
			if (take(keys, batch[i], values + i * value_size)) {
				error = -ENOMEM;
				break;
			}
		from = &position;
	}
	free(batch);
	free(values);
	return error == -ENOENT ? 0 : error;
}

static int take_used(struct keys *keys, uint64_t key, const void *value)
{
	const struct close_wait_origin *origin = value;
	int error = 0;

	(void)key;
	if (origin->created.stack)
		error = keys_add(keys, origin->created.stack);
	if (!error && origin->read.stack)
		error = keys_add(keys, origin->read.stack);
	return error;
}

static int list_stacks(int map, struct keys *keys)
{
	uint64_t key, *last = NULL;
	int error = 0;

	while (!error && bpf_map_get_next_key(map, last, &key) == 0) {
		error = keys_add(keys, key);
		last = &key;
	}
	return error;
}

/* One that a socket is given between the reading and here is missing later, never another one in
 * its place: the same key is the same stack. */
static int sweep(struct close_wait_probe *probe)
{
	int map = bpf_map__fd(probe->skeleton->maps.stacks), error;
	struct keys used = {}, all = {};

	error = list_stacks(map, &all);
	if (!error)
		error = read_all(bpf_map__fd(probe->skeleton->maps.origins),
				 sizeof(struct close_wait_origin), &used, take_used);
	if (used.count)
		qsort(used.list, used.count, sizeof(*used.list), compare);
	probe->stacks_kept = all.count;
	for (size_t i = 0; i < all.count && !error; i++) {
		if (used.count &&
		    bsearch(&all.list[i], used.list, used.count, sizeof(*used.list), compare))
			continue;
		probe->stacks_kept -= bpf_map_delete_elem(map, &all.list[i]) == 0;
	}
	free(used.list);
	free(all.list);
	return error;
}

int close_wait_probe_sweep(struct close_wait_probe *probe)
{
	const volatile __u64 *taken = &probe->skeleton->bss->stacks_taken;
	uint64_t seen = *taken;

	if (probe->stacks_kept + seen - probe->stacks_seen <= probe->stacks_limit / 4 * 3)
		return 0;
	probe->stacks_seen = seen;
	return sweep(probe);
}

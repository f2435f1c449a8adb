// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/socket_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/clock.h"
#include "kernel/accept_links.h"
#include "kernel/counters.h"
#include "kernel/optional_programs.h"
#include "kernel/reason.h"
#include "kernel/stages.h"
#include "kernel/task_files_probe.h"
#include "socket/held.h"

#include "socket.skel.h"

/* Programs at the entry of functions, in the order in which they are attached: an end is taken for
 * an early one unless something tells that it is not. */
enum entry {
	ENTRY_EXPIRE,
	ENTRY_ABORT,
	ENTRY_KILL,
	ENTRY_RESTART,
	ENTRY_BEGIN,
	ENTRIES,
};

struct socket_probe {
	struct socket *skeleton;
	struct accept_links accept_links;
	struct bpf_link *entry_links[ENTRIES];
	struct held_table *held; /* NULL when all that is expected is noted in it */
	counters *lost;          /* by enum record_kind */
};

static struct bpf_program *entry_program(const struct socket *skeleton, enum entry entry)
{
	struct bpf_program *const programs[ENTRIES] = {
		[ENTRY_EXPIRE] = skeleton->progs.mini_socket_expires,
		[ENTRY_ABORT] = skeleton->progs.socket_aborted,
		[ENTRY_KILL] = skeleton->progs.mini_socket_ends,
		[ENTRY_RESTART] = skeleton->progs.mini_socket_restarts,
		[ENTRY_BEGIN] = skeleton->progs.mini_socket_starts,
	};

	return programs[entry];
}

static void choose_programs(const struct socket *skeleton, const struct plan *plan)
{
	optional_programs_choose(skeleton->obj, plan);
	accept_links_prepare(skeleton->progs.accept4_exit, skeleton->progs.accept_exit);
	for (enum entry entry = 0; entry < ENTRIES; entry++)
		bpf_program__set_autoattach(entry_program(skeleton, entry), false);
	bpf_program__set_autoattach(skeleton->progs.stages_send, false);
}

/* Sockets that a map of a fixed size has room for: 18 MB. */
#define FACTS_FIXED (1 << 17)

static int size_maps(struct socket *skeleton, const struct plan *plan,
		     const struct settings *settings, size_t ring_size)
{
	int error = bpf_map__set_max_entries(skeleton->maps.ring, (unsigned int)ring_size);
	int stages = stages_wanted();

	if (!error)
		error = stages < 0 ? stages
				   : bpf_map__set_max_entries(skeleton->maps.stages,
							      (unsigned int)stages);
	if (!error && !settings->follow_flows)
		error = bpf_map__set_max_entries(skeleton->maps.wanted_flows, 1);
	if (!error && !plan->map_grows)
		error = bpf_map__set_map_flags(skeleton->maps.facts, 0);
	if (!error && !plan->map_grows)
		error = bpf_map__set_max_entries(skeleton->maps.facts, FACTS_FIXED);
	return error;
}

/* Before the others, which come with the programs. */
static int create_map(struct bpf_map *map)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map));
	int descriptor =
		bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map),
			       bpf_map__value_size(map), bpf_map__max_entries(map), &options);
	int error;

	if (descriptor < 0)
		return descriptor;
	error = bpf_map__reuse_fd(map, descriptor);
	close(descriptor);
	return error;
}

static int create_shared_maps(const struct socket *skeleton)
{
	int error = create_map(skeleton->maps.ring);

	if (!error)
		error = create_map(skeleton->maps.stages);
	if (!error)
		error = create_map(skeleton->maps.lost);
	if (!error)
		error = create_map(skeleton->maps.wanted_flows);
	return error;
}

static int map_tables(struct socket_probe *probe)
{
	void *held = mmap(NULL, sizeof(*probe->held), PROT_READ | PROT_WRITE, MAP_SHARED,
			  bpf_map__fd(probe->skeleton->maps.held), 0);

	if (held == MAP_FAILED)
		return -errno;
	probe->held = held;
	probe->lost = counters_open(bpf_map__fd(probe->skeleton->maps.lost), RECORD_KINDS);
	return probe->lost ? 0 : -errno;
}

int socket_probe_open(struct socket_probe **result, const struct plan *plan,
		      const struct settings *settings, size_t ring_size, struct buffer *why)
{
	struct socket_probe *probe = calloc(1, sizeof(*probe));
	int error;

	if (!probe)
		return -ENOMEM;
	probe->skeleton = socket__open();
	if (!probe->skeleton) {
		error = -errno;
		reason_add(why, "the socket programs cannot be read", error);
		goto out;
	}
	memcpy((void *)&probe->skeleton->rodata->settings, settings, sizeof(*settings));
	choose_programs(probe->skeleton, plan);
	error = size_maps(probe->skeleton, plan, settings, ring_size);
	if (!error)
		error = create_shared_maps(probe->skeleton);
	if (error)
		reason_add(why, "the kernel refused the maps for records", error);
out:
	if (error) {
		socket_probe_close(probe);
		return error;
	}
	*result = probe;
	return 0;
}

int socket_probe_load(struct socket_probe *probe, struct buffer *why)
{
	int error = socket__load(probe->skeleton);

	if (error) {
		reason_add(why, "the kernel refused the socket programs", error);
		return error;
	}
	error = map_tables(probe);
	if (error)
		reason_add(why, "the tables of the socket programs cannot be mapped", error);
	return error;
}

int socket_probe_list(struct socket_probe *probe)
{
	return task_files_list(probe->skeleton->progs.task_files,
			       &probe->skeleton->links.task_files);
}

void socket_probe_detach(struct socket_probe *probe)
{
	for (int entry = ENTRIES - 1; entry >= 0; entry--) {
		bpf_link__destroy(probe->entry_links[entry]);
		probe->entry_links[entry] = NULL;
	}
	accept_links_detach(&probe->accept_links);
	/* The second copy first: alone it would take what the first was never asked for. */
	bpf_link__destroy(probe->skeleton->links.socket_state_second);
	probe->skeleton->links.socket_state_second = NULL;
	socket__detach(probe->skeleton);
}

void socket_probe_close(struct socket_probe *probe)
{
	if (!probe)
		return;
	counters_close(probe->lost, RECORD_KINDS);
	socket_probe_expected_all(probe);
	if (probe->skeleton) {
		socket_probe_detach(probe);
		socket__destroy(probe->skeleton);
	}
	free(probe);
}

/* The kernel let one be attached when it was asked what it can do. */
static int attach_entries(struct socket_probe *probe, struct buffer *why)
{
	for (enum entry entry = 0; entry < ENTRIES; entry++) {
		const struct bpf_program *program = entry_program(probe->skeleton, entry);

		if (!bpf_program__autoload(program))
			continue;
		probe->entry_links[entry] = bpf_program__attach(program);
		if (probe->entry_links[entry])
			continue;
		reason_add(why, bpf_program__section_name(program), errno);
		return -errno;
	}
	return 0;
}

int socket_probe_attach(struct socket_probe *probe, const struct plan *plan, struct buffer *why)
{
	int error = socket__attach(probe->skeleton);

	if (error) {
		reason_add(why, "the socket programs cannot be attached", error);
		return error;
	}
	error = attach_entries(probe, why);
	if (!error && plan->accept)
		accept_links_attach(&probe->accept_links, probe->skeleton->progs.accept4_exit,
				    probe->skeleton->progs.accept_exit, why);
	return error;
}

struct shared_maps socket_probe_maps(const struct socket_probe *probe)
{
	return (struct shared_maps){
		.ring = bpf_map__fd(probe->skeleton->maps.ring),
		.stages = bpf_map__fd(probe->skeleton->maps.stages),
		.lost = bpf_map__fd(probe->skeleton->maps.lost),
		.wanted_flows = bpf_map__fd(probe->skeleton->maps.wanted_flows),
	};
}

struct ring_source socket_probe_ring(const struct socket_probe *probe)
{
	return (struct ring_source){
		.ring = bpf_map__fd(probe->skeleton->maps.ring),
		.stages = bpf_map__fd(probe->skeleton->maps.stages),
		.sender = bpf_program__fd(probe->skeleton->progs.stages_send),
	};
}

void socket_probe_forget_namespace(const struct socket_probe *probe, uint32_t netns)
{
	bpf_map_delete_elem(bpf_map__fd(probe->skeleton->maps.known_namespaces), &netns);
}

/* See bpf/socket/state.bpf.c. A change that the second copy is just about to take is counted at one
 * time and not at the other. */
static uint64_t changes_skipped(const struct socket_probe *probe)
{
	const volatile __u64 *taken = &probe->skeleton->bss->taken_by_second;
	uint64_t least = UINT64_MAX;

	for (int reading = 0; reading < 2; reading++) {
		uint64_t first = counters_skipped(probe->skeleton->progs.socket_state),
			 second = *taken;
		uint64_t neither = first > second ? first - second : 0;

		if (neither < least)
			least = neither;
	}
	return least;
}

/* Of TIME_WAIT: what no program was run for, for each of those that were loaded. */
static uint64_t mini_sockets_skipped(const struct socket_probe *probe)
{
	uint64_t sum = counters_skipped(probe->skeleton->progs.timer_expired);

	for (enum entry entry = 0; entry < ENTRIES; entry++)
		sum += counters_skipped(entry_program(probe->skeleton, entry));
	return sum;
}

void socket_probe_expect_taking(struct socket_probe *probe, const struct flow *flow, uint32_t netns)
{
	if (probe->held && probe->skeleton->rodata->settings.hold_at_begin &&
	    held_add(probe->held->buckets, held_hash(flow, netns), clock_boot()))
		__sync_fetch_and_add(&probe->skeleton->bss->held_forgotten, 1);
}

void socket_probe_expected_all(struct socket_probe *probe)
{
	if (probe->held)
		munmap(probe->held, sizeof(*probe->held));
	probe->held = NULL;
}

void socket_probe_lost(const struct socket_probe *probe, struct loss *loss)
{
	for (uint32_t kind = 0; kind < RECORD_KINDS; kind++)
		loss->records[LOSS_NO_ROOM][kind] = probe->lost[kind];
	loss->records[LOSS_SKIPPED][RECORD_STATE] = changes_skipped(probe);
	loss->records[LOSS_SKIPPED][RECORD_RESET] =
		counters_skipped(probe->skeleton->progs.reset_sent) +
		counters_skipped(probe->skeleton->progs.reset_received);
	loss->records[LOSS_SKIPPED][RECORD_TIME_WAIT] = mini_sockets_skipped(probe);
	loss->records[LOSS_FORGOTTEN][RECORD_TIME_WAIT] =
		*(const volatile __u64 *)&probe->skeleton->bss->held_forgotten;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who is in TIME_WAIT and what is counted of it: the maps of the population programs, and the only
 * ways to begin and to end a wait. Nothing is sent to user space, which reads.
 */
#ifndef TCPCLOSE_POPULATION_MAPS_BPF_H
#define TCPCLOSE_POPULATION_MAPS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "filter.bpf.h"
#include "kernel.bpf.h"
#include "population.h"

/* Key: addresses and namespace; value: who closed first, in which state it is, since when. Writers
 * and deleters: the programs, for user space too (orders). Reader: also user space. Bound:
 * max_entries, which user space lowers where the map cannot grow; what finds no room is counted in
 * `missed`. */
struct waiting_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct population_key);
	__type(value, struct population_value);
};

/* Key: program, destination or service; value: counters. Writers: the programs. Reader: user space.
 * Never deleted. Bound: POPULATION_GROUPS; what comes later is counted under the key of zeros. */
struct groups_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, POPULATION_GROUPS);
	__type(key, struct population_group_key);
	__type(value, struct population_group);
};

/* Key: 0; value: counters, of each CPU, by addition that an interrupt cannot disturb. Writers: the
 * programs. Reader: user space. */
struct durations_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct population_durations);
};

/* Key: inode of a network namespace; value: how many of its mini-sockets are in `waiting`, orphans
 * included, as the kernel counts them too. Writers: the programs. Reader and deleter: user space.
 * Bound: max_entries; of namespaces that find no room it is not noticed what vanishes. */
struct held_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __s64);
};

extern struct waiting_map waiting SEC(".maps");
extern struct groups_map groups SEC(".maps");
extern struct durations_map durations SEC(".maps");
extern struct held_map held SEC(".maps");

/* Since the start. Reader: user space. */
extern __u64 missed;      /* that entered or left and could not be counted */
extern __u64 crowded_out; /* counted under the key of zeros */

/* Index: side_of() some addresses. Whether any of them were ever in `waiting`: of the two ends of
 * the connections to a service one waits, as a rule, and for new sockets of the other nobody has to
 * look into a map that is scattered over 16 MB. Writers: the programs. */
extern __u8 sides_that_wait[POPULATION_SIDES];

static __always_inline __u32 side_of(const struct population_key *key)
{
	__u32 local = key->flow.local_port, remote = key->flow.remote_port;
	__u32 side = local < remote ? local << 1 | 1 : remote << 1;

	return ((key->netns * 0x9e3779b1 ^ side) * 0x9e3779b1 >> 16) % POPULATION_SIDES;
}

static __always_inline struct population_value *wait_find(const struct population_key *key)
{
	return sides_that_wait[side_of(key)] ? bpf_map_lookup_elem(&waiting, key) : NULL;
}

static __always_inline void group_key(struct population_group_key *group,
				      const struct population_key *key,
				      const struct population_value *value)
{
	__builtin_memcpy(group->local, key->flow.local, sizeof(group->local));
	__builtin_memcpy(group->remote, key->flow.remote, sizeof(group->remote));
	group->netns = key->netns;
	group->port = value->role == ROLE_CLIENT ? key->flow.remote_port : key->flow.local_port;
	group->role = value->role;
	group->pad = 0;
	__builtin_memcpy(group->comm, value->comm, sizeof(group->comm));
}

static __always_inline struct population_group *group_at(const struct population_group_key *key)
{
	const struct population_group nothing = {};
	struct population_group *group = bpf_map_lookup_elem(&groups, key);

	if (group)
		return group;
	bpf_map_update_elem(&groups, key, &nothing, BPF_NOEXIST);
	return bpf_map_lookup_elem(&groups, key);
}

/* The counters of a wait. Those of a group that found no room at its beginning may find them at its
 * end, never the reverse: groups stay. */
static __always_inline struct population_group *group_of(const struct population_key *key,
							 const struct population_value *value)
{
	struct population_group_key group = {};
	struct population_group *found;

	group_key(&group, key, value);
	found = group_at(&group);
	if (found)
		return found;
	__sync_fetch_and_add(&crowded_out, 1);
	__builtin_memset(&group, 0, sizeof(group));
	return group_at(&group);
}

static __always_inline void count_entered(const struct population_key *key,
					  const struct population_value *value)
{
	struct population_group *group = group_of(key, value);

	if (group)
		__sync_fetch_and_add(&group->entered, 1);
	else
		__sync_fetch_and_add(&missed, 1);
}

static __always_inline void count_ended(const struct population_key *key,
					const struct population_value *value, __u32 end)
{
	struct population_group *group = group_of(key, value);

	if (!group || end >= TIME_WAIT_ENDS) {
		__sync_fetch_and_add(&missed, 1);
		return;
	}
	asm volatile("" : "+r"(end)); /* the verifier is to see the test before the use */
	__sync_fetch_and_add(&group->ended[end], 1);
}

/* The least i with microseconds < 2^i. */
static __always_inline __u32 power_of(__u64 microseconds)
{
	__u32 power = 0;

	for (__u32 step = 32; step; step /= 2) {
		if (microseconds >> step) {
			microseconds >>= step;
			power += step;
		}
	}
	return power + (__u32)microseconds;
}

static __always_inline void count_duration(__u64 duration)
{
	__u32 only = 0, step = duration / POPULATION_STEP, power = power_of(duration / 1000);
	struct population_durations *here = bpf_map_lookup_elem(&durations, &only);

	if (!here)
		return;
	if (step >= POPULATION_STEPS)
		step = POPULATION_STEPS - 1;
	if (power >= POPULATION_POWERS)
		power = POPULATION_POWERS - 1;
	__sync_fetch_and_add(&here->linear[step], 1);
	__sync_fetch_and_add(&here->power[power], 1);
}

static __always_inline void hold(__u32 netns, __s64 more)
{
	__s64 *count = bpf_map_lookup_elem(&held, &netns);

	if (count) {
		__sync_fetch_and_add(count, more);
	} else if (bpf_map_update_elem(&held, &netns, &more, BPF_NOEXIST)) {
		count = bpf_map_lookup_elem(&held, &netns); /* another CPU was faster */
		if (count)
			__sync_fetch_and_add(count, more);
	}
}

/* 0, or a negative errno: -EEXIST, and what the map says when it is full. */
static __always_inline long wait_add(const struct population_key *key,
				     const struct population_value *value)
{
	__u8 *waits = &sides_that_wait[side_of(key)];

	if (!*waits)
		*waits = 1;
	return bpf_map_update_elem(&waiting, key, value, BPF_NOEXIST);
}

/* Forgets a mini-socket or a socket that was in this state. True for the one caller that did. */
static __always_inline bool wait_forget(const struct population_key *key, __u8 state)
{
	if (bpf_map_delete_elem(&waiting, key))
		return false;
	if (state != STATE_FIN_WAIT1)
		hold(key->netns, -1);
	return true;
}

#define DURATION_UNKNOWN (~0ull)

/* It is over, whatever state it was in: counted if it was in TIME_WAIT. Takes the place in the
 * map with it. */
static __always_inline void wait_end(const struct population_key *key,
				     const struct population_value *found, __u32 end,
				     __u64 duration)
{
	struct population_value value = *found;

	if (!wait_forget(key, value.state) || value.state != STATE_TIME_WAIT)
		return;
	count_ended(key, &value, end);
	if (duration != DURATION_UNKNOWN)
		count_duration(duration);
}

/* The same of one that was in TIME_WAIT, though its beginning was not heard of. */
static __always_inline void wait_end_unheard(const struct population_key *key,
					     const struct population_value *found, __u32 end)
{
	struct population_value value = *found;

	if (!wait_forget(key, value.state))
		return;
	count_entered(key, &value);
	count_ended(key, &value, end);
}

static __always_inline __u64 lasted(const struct population_value *value, __u64 until)
{
	if (!value->start)
		return DURATION_UNKNOWN;
	return until > value->start ? until - value->start : 0;
}

#endif

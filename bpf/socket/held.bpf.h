/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The set of held addresses as the programs use it. Two CPUs that write to one bucket at the same
 * moment may leave one of both behind: no lock is worth that.
 */
#ifndef TCPCLOSE_SOCKET_HELD_BPF_H
#define TCPCLOSE_SOCKET_HELD_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "socket/held.h"

/* Key: 0; value: all buckets, by held_index() of addresses and namespace. Writers: the programs
 * that hear of a beginning (state) or of an early end (time_wait); user space at start, by mmap().
 * Readers and deleters: the new socket's change of state, the timer. Bound: its size; the oldest of
 * a full bucket goes first, and then it is not noticed that its addresses are used again, but
 * counted. No global: those are copied into the kernel at the start, though all of it is 0. */
struct held_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct held_table);
};

/* How many went too early. Reader: user space. */
extern __u64 held_forgotten;

/* Global, so that the verifier goes through all ways of a bucket once for each. */
int held_note_hash(__u64 hash, __u64 time);
int held_take_hash(__u64 hash);

static __always_inline void held_note(const struct flow *flow, __u32 netns, __u64 time)
{
	held_note_hash(held_hash(flow, netns), time);
}

static __always_inline bool held_take(const struct flow *flow, __u32 netns)
{
	return held_take_hash(held_hash(flow, netns));
}

#endif

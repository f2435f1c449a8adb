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

/* Index: held_index() of addresses and namespace. Writers: the programs that hear of a beginning
 * (state) or of an early end (time_wait); user space at start. Readers and deleters: the new
 * socket's change of state, the timer. Bound: its size; the oldest of a bucket goes first, and then
 * it is not noticed that its addresses are used again, but counted. */
extern struct held_bucket held[HELD_BUCKETS];

/* How many went too early. Reader: user space. */
extern __u64 held_forgotten;

static __always_inline void held_note(const struct flow *flow, __u32 netns, __u64 time)
{
	__u64 hash = held_hash(flow, netns);

	if (held_add(&held[held_index(hash)], hash, time))
		__sync_fetch_and_add(&held_forgotten, 1);
}

static __always_inline bool held_take(const struct flow *flow, __u32 netns)
{
	__u64 hash = held_hash(flow, netns);

	return held_remove(&held[held_index(hash)], hash);
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Linked before its users, as facts.bpf.c. */
#include "held.bpf.h"

struct held_map held SEC(".maps");
__u64 held_forgotten = 0;

static __always_inline struct held_table *table(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&held, &only);
}

__noinline int held_note_hash(__u64 hash, __u64 time)
{
	struct held_table *held_ones = table();

	if (held_ones && held_add(held_ones->buckets, hash, time))
		__sync_fetch_and_add(&held_forgotten, 1);
	return 0;
}

__noinline int held_take_hash(__u64 hash)
{
	struct held_table *held_ones = table();

	return held_ones && held_remove(held_ones->buckets, hash);
}

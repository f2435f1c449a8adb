/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which addresses a mini-socket holds, or held until just now, so that the new socket that takes
 * them is noticed. A set of fingerprints: pure functions, the same in the kernel and in user space,
 * which adds those that it found at start.
 */
#ifndef TCPCLOSE_SOCKET_HELD_H
#define TCPCLOSE_SOCKET_HELD_H

#include "record.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* 3.8 MB, of the 4 that a kernel before 5.17 gives to global data. With 262144 of them, as many as
 * may wait in one namespace of a large machine (tcp_max_tw_buckets), no bucket overflows. */
#define HELD_BUCKETS 60000
#define HELD_WAYS 16

/* Time counts in steps of 4.3 s and comes round after 18 minutes. Who ends without a word (by a
 * RST, with its namespace) stays behind: after 129 s, twice a TIME_WAIT, that is taken for granted.
 */
#define HELD_TICK 32
#define HELD_VAIN 30

/* A fingerprint and below it, in 8 bits, when it came; 0: free. With 24 bits one new socket in a
 * million is mistaken for one that takes addresses; who is told of it looks for the exact ones. */
struct held_bucket {
	__u32 entries[HELD_WAYS];
};

_Static_assert(sizeof(struct held_bucket) == 64, "one cache line");

static __always_inline __u64 held_mix(__u64 hash, __u32 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* An address as words; the compiler must not take them for something else than its bytes. */
typedef __u32 held_word __attribute__((may_alias));

static __always_inline __u64 held_hash(const struct flow *flow, __u32 netns)
{
	const held_word *local = (const held_word *)flow->local;
	const held_word *remote = (const held_word *)flow->remote;
	__u64 hash = held_mix(netns, (__u32)flow->local_port << 16 | flow->remote_port);

	for (int i = 0; i < 4; i++)
		hash = held_mix(held_mix(hash, local[i]), remote[i]);
	return hash * 0x9e3779b97f4a7c15ull;
}

static __always_inline __u32 held_index(__u64 hash)
{
	return (hash >> 32) * HELD_BUCKETS >> 32;
}

static __always_inline __u32 held_fingerprint(__u64 hash)
{
	__u32 fingerprint = hash & 0xffffff;

	return fingerprint ? fingerprint : 1;
}

/* Whether it had to make one forget that may still be of use: the oldest. */
static __always_inline _Bool held_add(struct held_bucket *bucket, __u64 hash, __u64 time)
{
	__u32 fingerprint = held_fingerprint(hash), now = time >> HELD_TICK & 0xff;
	__u32 place = 0, oldest = 0;

#pragma GCC unroll 16
	for (__u32 way = 0; way < HELD_WAYS; way++) {
		__u32 entry = bucket->entries[way];
		__u32 age = entry ? (now - entry) & 0xff : 0x100;

		if (entry >> 8 == fingerprint) {
			bucket->entries[way] = fingerprint << 8 | now;
			return 0;
		}
		if (age >= oldest) {
			oldest = age;
			place = way;
		}
	}
	bucket->entries[place & (HELD_WAYS - 1)] = fingerprint << 8 | now;
	return oldest < HELD_VAIN;
}

/* Whether it was there; it no longer is. */
static __always_inline _Bool held_remove(struct held_bucket *bucket, __u64 hash)
{
	__u32 fingerprint = held_fingerprint(hash);

#pragma GCC unroll 16
	for (__u32 way = 0; way < HELD_WAYS; way++) {
		if (bucket->entries[way] >> 8 != fingerprint)
			continue;
		bucket->entries[way] = 0;
		return 1;
	}
	return 0;
}

#endif

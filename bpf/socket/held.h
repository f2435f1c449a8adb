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

/* 3.8 MB, of the 4 that a kernel before 5.17 gives to a value. With 262144 of them, as many as
 * may wait in one namespace of a large machine (tcp_max_tw_buckets), nothing is forgotten. */
#define HELD_BUCKETS 60000
#define HELD_WAYS 15

/* Time counts in steps of 4.3 s and comes round after 18 minutes. Who ends without a word (by a
 * RST, with its namespace) stays behind: after 129 s, twice a TIME_WAIT, that is taken for granted.
 */
#define HELD_TICK 32
#define HELD_VAIN 30

/* A fingerprint and below it, in 8 bits, when it came; 0: free. With 24 bits one new socket in a
 * million is mistaken for one that takes addresses; who is told of it looks for the exact ones. */
struct held_bucket {
	__u32 entries[HELD_WAYS];
	/* Whether one ever found no room here and went across (held_across()). */
	__u32 spilled;
};

_Static_assert(sizeof(struct held_bucket) == 64, "one cache line");

struct held_table {
	struct held_bucket buckets[HELD_BUCKETS];
};

static __always_inline __u64 held_mix(__u64 hash, __u32 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* An address as words; the compiler must not take them for something else than its bytes. */
typedef __u32 held_word __attribute__((may_alias));

/* How much more a hash is in the next bucket. */
#define HELD_STEP (((1ull << 32) / HELD_BUCKETS + 1) << 32)

/* Its upper half is the place: both ends of a connection fall together, and connections of the same
 * two hosts to the same port lie side by side, as their other ports do, which the kernel gives away
 * in turn. So memory that one has brought near the processor serves the next. */
static __always_inline __u64 held_hash(const struct flow *flow, __u32 netns)
{
	_Bool swapped = flow->local_port > flow->remote_port;
	const held_word *server = (const held_word *)(swapped ? flow->remote : flow->local);
	const held_word *client = (const held_word *)(swapped ? flow->local : flow->remote);
	__u32 service = swapped ? flow->remote_port : flow->local_port;
	__u32 other = swapped ? flow->local_port : flow->remote_port;
	__u64 hash = held_mix(netns, service);

	for (int i = 0; i < 4; i++)
		hash = held_mix(held_mix(hash, server[i]), client[i]);
	hash *= 0x9e3779b97f4a7c15ull;
	/* connect() takes even ports first (__inet_hash_connect()). */
	return (hash & ~0xffffffffull) + (other >> 1) * HELD_STEP +
	       ((__u32)(held_mix(hash + swapped, other) * 0x9e3779b97f4a7c15ull >> 32));
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

/* Where those go for which there is no room. Far away: buckets side by side fill together. */
static __always_inline __u32 held_across(__u32 index)
{
	return index < HELD_BUCKETS / 2 ? index + HELD_BUCKETS / 2 : index - HELD_BUCKETS / 2;
}

/* Whether there was room, or only what waits in vain went; else nothing was done, unless `anyway`:
 * then it takes the place of the oldest. */
static __always_inline _Bool held_put(struct held_bucket *bucket, __u32 fingerprint, __u32 now,
				      _Bool anyway)
{
	__u32 place = 0, oldest = 0;

#pragma GCC unroll 16
	for (__u32 way = 0; way < HELD_WAYS; way++) {
		__u32 entry = bucket->entries[way];
		__u32 age = entry ? (now - entry) & 0xff : 0x100;

		if (entry >> 8 == fingerprint) {
			bucket->entries[way] = fingerprint << 8 | now;
			return 1;
		}
		if (age >= oldest) {
			oldest = age;
			place = way;
		}
	}
	/* The mask is for the verifier, which loses sight of `place`. */
	if (oldest >= HELD_VAIN || anyway)
		bucket->entries[place & 0xf] = fingerprint << 8 | now;
	return oldest >= HELD_VAIN;
}

/* Whether it had to make one forget that may still be of use. */
static __always_inline _Bool held_add(struct held_bucket *held, __u64 hash, __u64 time)
{
	__u32 index = held_index(hash), fingerprint = held_fingerprint(hash);
	__u32 now = time >> HELD_TICK & 0xff;

	if (held_put(&held[index], fingerprint, now, 0))
		return 0;
	held[index].spilled = 1;
	return !held_put(&held[held_across(index)], fingerprint, now, 1);
}

static __always_inline _Bool held_clear(struct held_bucket *bucket, __u32 fingerprint)
{
#pragma GCC unroll 16
	for (__u32 way = 0; way < HELD_WAYS; way++) {
		if (bucket->entries[way] >> 8 != fingerprint)
			continue;
		bucket->entries[way] = 0;
		return 1;
	}
	return 0;
}

/* Whether it was there; it no longer is. */
static __always_inline _Bool held_remove(struct held_bucket *held, __u64 hash)
{
	__u32 index = held_index(hash), fingerprint = held_fingerprint(hash);

	return held_clear(&held[index], fingerprint) ||
	       (held[index].spilled && held_clear(&held[held_across(index)], fingerprint));
}

#endif

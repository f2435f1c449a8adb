/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which segment acknowledges a FIN? Nothing follows a FIN, so an acknowledgement of it is exactly
 * the number after it. Each FIN seen is remembered until a segment of the other direction says
 * that number; that segment, wherever else it is seen, and no later one is sent. A FIN seen again
 * after its acknowledgement is a retransmission and waits for the next one.
 */
#ifndef TCPCLOSE_PACKET_FIN_ACKS_BPF_H
#define TCPCLOSE_PACKET_FIN_ACKS_BPF_H

#include "place.bpf.h"
#include "tables.bpf.h"

enum fin_entry_state {
	FIN_ACKED = 1,
	FIN_ACKED_BY_DATA = 2, /* what the first acknowledgement was, besides its seq */
	FIN_ACKED_BY_FIN = 4,
	FIN_STATE_BITS = 3,
};

/* In jiffies, cut to what the state has room for. A FIN is sent again at least every 120 s
 * (TCP_RTO_MAX), so one that waits longer waits in vain: 32 s at HZ 1000, 131 s at HZ 250. */
#define FIN_TIME_MASK 0x1fffffff
#define FIN_VAIN 32768

static __always_inline __u32 fin_now(void)
{
	return (__u32)bpf_jiffies64() & FIN_TIME_MASK;
}

static __always_inline __u32 fin_age(const struct fin_entry *entry, __u32 now)
{
	return (now - (entry->state >> FIN_STATE_BITS)) & FIN_TIME_MASK;
}

static __always_inline struct fin_bucket *fin_bucket_of(__u32 end)
{
	/* The upper bits of the product depend on all of the number's. */
	return &fin_acks[end * 0x9e3779b1 >> 18];
}

_Static_assert(FIN_BUCKETS == 1 << (32 - 18), "the shift above");

/* Whether a segment with this ack field may acknowledge a FIN: all that the others are asked. */
static __always_inline bool fin_acks_may_have(__u32 end)
{
	const struct fin_bucket *bucket = fin_bucket_of(end);

	return bucket->ends[0] == end || bucket->ends[1] == end || bucket->ends[2] == end ||
	       bucket->ends[3] == end;
}

static __always_inline __u32 fin_mix(__u32 hash, const __u8 *address)
{
	const __u32 *words = (const __u32 *)address;

	for (int i = 0; i < 4; i++) {
		hash = (hash ^ words[i]) * 0x9e3779b1;
		hash ^= hash >> 15;
	}
	return hash;
}

/* Of the flow from one end to the other; never 0. */
static __always_inline __u32 fin_signature(const __u8 *from, __u16 from_port, const __u8 *to,
					   __u16 to_port)
{
	__u32 hash = fin_mix(fin_mix((__u32)from_port << 16 | to_port, from), to);

	return hash ? hash : 1;
}

static __always_inline void fin_entry_arm(struct fin_entry *entry, __u32 signature, __u32 now)
{
	entry->signature = signature;
	entry->state = now << FIN_STATE_BITS;
	for (int i = 0; i < FIN_PLACES; i++)
		entry->places[i] = 0;
}

/* What is lost when this entry makes room for another, the oldest first: nothing, sightings of an
 * acknowledgement, an acknowledgement. */
static __always_inline __u32 fin_entry_worth(const struct fin_entry *entry, __u32 now)
{
	__u32 age = fin_age(entry, now);

	if (!entry->signature)
		return 0;
	if (entry->state & FIN_ACKED || age > FIN_VAIN)
		return 1 + FIN_TIME_MASK - age;
	return 2u * FIN_TIME_MASK + 2 - age;
}

/* A FIN was seen; `end` in network order. Two CPUs that take the same entry at the same moment
 * leave one of both FINs behind: no lock is worth that. */
static __always_inline void fin_acks_arm(const struct flow *flow, __u32 end)
{
	__u32 signature =
		fin_signature(flow->remote, flow->remote_port, flow->local, flow->local_port);
	struct fin_bucket *bucket = fin_bucket_of(end);
	__u32 now = fin_now(), least = ~0u, victim = 0;

	for (__u32 way = 0; way < FIN_WAYS; way++) {
		struct fin_entry *entry = &bucket->entries[way];
		__u32 worth = fin_entry_worth(entry, now);

		if (bucket->ends[way] == end && entry->signature == signature) {
			fin_entry_arm(entry, signature, now);
			return;
		}
		if (worth < least) {
			least = worth;
			victim = way;
		}
	}
	if (least > 1 + FIN_TIME_MASK)
		count_packet(PACKET_FIN_FORGOTTEN);
	victim &= FIN_WAYS - 1;
	fin_entry_arm(&bucket->entries[victim], signature, now);
	bucket->ends[victim] = end;
}

/* Is this the entry's first acknowledgement, or the same segment at a place that has not shown it
 * yet? Then that is noted. The payload's length and PSH are not part of what is the same: one hook
 * sees an aggregate where another sees its first segment. The places are, so that a peer who goes
 * on repeating the same bare ACK is not sent again and again. */
static __always_inline bool fin_entry_take(struct fin_entry *entry,
					   const struct tcp_segment *segment, const void *context,
					   __u32 hook)
{
	__u32 kind = FIN_ACKED | (segment->payload ? FIN_ACKED_BY_DATA : 0) |
		     (segment->flags & SEGMENT_FIN ? FIN_ACKED_BY_FIN : 0);
	struct place place;
	__u16 hash;

	if (!(entry->state & FIN_ACKED)) {
		entry->seq = segment->seq;
		entry->state = fin_now() << FIN_STATE_BITS | kind;
	} else if (entry->seq != segment->seq ||
		   (entry->state & ((1 << FIN_STATE_BITS) - 1)) != kind) {
		return false;
	}
	place_find(&place, context, hook);
	hash = place_hash(&place);
	for (int i = 0; i < FIN_PLACES; i++) {
		if (entry->places[i] == hash)
			return false;
		if (!entry->places[i]) {
			entry->places[i] = hash;
			return true;
		}
	}
	return false;
}

/* Whether the segment is to be sent for the FIN that it acknowledges. */
static __always_inline bool fin_acks_take(const struct tcp_segment *segment, const void *context,
					  __u32 hook)
{
	const struct flow *flow = &segment->flow;
	__u32 signature =
		fin_signature(flow->local, flow->local_port, flow->remote, flow->remote_port);
	__u32 end = PARSE_BE32(segment->ack);
	struct fin_bucket *bucket = fin_bucket_of(end);

	for (int way = 0; way < FIN_WAYS; way++) {
		struct fin_entry *entry = &bucket->entries[way];

		if (bucket->ends[way] == end && entry->signature == signature)
			return fin_entry_take(entry, segment, context, hook);
	}
	return false;
}

#endif

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
#include "stranger.bpf.h"
#include "tables.bpf.h"

enum fin_state {
	FIN_ACKED = 1,
	FIN_ACKED_BY_DATA = 2, /* what the first acknowledgement was, besides its seq */
	FIN_ACKED_BY_FIN = 4,
	FIN_OF_STRANGER = 8, /* of no socket here, as far as that was asked */
	FIN_STATE_BITS = 4,
};

#define FIN_ACKED_HOW (FIN_ACKED | FIN_ACKED_BY_DATA | FIN_ACKED_BY_FIN)

/* In jiffies, cut to what the state has room for. A FIN is sent again at least every 120 s
 * (TCP_RTO_MAX), so one that waits longer waits in vain: 32 s at HZ 1000, 131 s at HZ 250. */
#define FIN_TIME_MASK 0x0fffffff
#define FIN_VAIN 32768
#define FIN_SPILL_STEP 1024
#define FIN_SPILL_TIMES 255

static __always_inline __u32 fin_now(void)
{
	return (__u32)bpf_jiffies64() & FIN_TIME_MASK;
}

static __always_inline __u32 fin_age(__u32 state, __u32 now)
{
	return (now - (state >> FIN_STATE_BITS)) & FIN_TIME_MASK;
}

/* By the ports: all segments of a connection look at one cache line, and connections of two hosts
 * at lines side by side, as the kernel gives their ports away in turn: even ones first
 * (__inet_hash_connect()). */
static __always_inline __u32 fin_index(__u16 port, __u16 other)
{
	return ((__u32)port + other) / 2 % FIN_BUCKETS;
}

/* Where a FIN goes that finds its bucket full of others that wait: forged ones of its own
 * connection may do that, and each of them goes elsewhere. */
static __always_inline __u32 fin_across(__u32 end)
{
	return (end * 0x9e3779b1 >> 16) % FIN_BUCKETS;
}

static __always_inline bool fin_bucket_has(const struct fin_bucket *bucket, __u32 end)
{
	return bucket->ends[0] == end || bucket->ends[1] == end || bucket->ends[2] == end ||
	       bucket->ends[3] == end;
}

static __always_inline bool fin_may_have(__u32 index, __u32 end)
{
	return fin_bucket_has(&fin_acks[index], end) ||
	       (fin_spilled[index] && fin_bucket_has(&fin_acks[fin_across(end)], end));
}

/* Whether this segment may acknowledge a FIN: all that most are asked. */
static __always_inline bool fin_acks_may_have(const struct wire_tcp *tcp)
{
	__u32 index = fin_index(PARSE_BE16(tcp->source), PARSE_BE16(tcp->target));

	return tcp->flags & SEGMENT_ACK && fin_may_have(index, tcp->ack);
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

/* What is lost when an entry makes room for another, the least first: nothing, sightings of an
 * acknowledgement, either of these but where the other end's FIN may go at this moment, an
 * acknowledgement that concerns nobody here, an acknowledgement. */
enum fin_worth_kind {
	FIN_WORTH_NOTHING = 0,
	FIN_WORTH_DONE = 1,
	FIN_WORTH_OTHER_END = 2,
	FIN_WORTH_STRANGER = 3,
	FIN_WORTH_WAITING = 4,
};

#define FIN_WORTH(kind) ((kind) * (FIN_TIME_MASK + 1u))

/* Each end of a connection has a half of the bucket for its FINs, and what the other has left over:
 * both may close at the same moment, on two CPUs. The first is that of who has the lower port. */
static __always_inline bool fin_is_own_half(__u32 way, bool lower)
{
	return way < FIN_WAYS / 2 == lower;
}

/* Of the same kind the oldest is worth the least. */
static __always_inline __u32 fin_worth(const struct fin_bucket *bucket, __u32 way, bool lower,
				       __u32 now)
{
	__u32 state = bucket->states[way], age = fin_age(state, now), kind = FIN_WORTH_WAITING;

	if (!bucket->signatures[way])
		kind = FIN_WORTH_NOTHING;
	else if (state & FIN_ACKED || age > FIN_VAIN)
		kind = FIN_WORTH_DONE;
	else if (state & FIN_OF_STRANGER)
		kind = FIN_WORTH_STRANGER;
	if (kind < FIN_WORTH_OTHER_END && !fin_is_own_half(way, lower))
		kind = FIN_WORTH_OTHER_END;
	return FIN_WORTH(kind) + (FIN_TIME_MASK - age);
}

/* Where a FIN belongs: a way of the bucket, and what is said of it. */
enum fin_room {
	FIN_ROOM_WAY = FIN_WAYS - 1,
	FIN_ROOM_SAME = 1 << 4,           /* the same FIN stands there */
	FIN_ROOM_WORTH_STRANGER = 1 << 5, /* one of a stranger has to go, or more */
	FIN_ROOM_WORTH_WAITING = 1 << 6,  /* one that waits has to go */
	FIN_ROOM_SHARED = 1 << 7,         /* others wait in the bucket */
};

/* An enum fin_room. Global, so that the verifier checks it once. */
__weak __noinline int fin_acks_room(__u32 index, __u32 end, __u32 signature, bool lower)
{
	const struct fin_bucket *bucket = &fin_acks[index % FIN_BUCKETS];
	__u32 now = fin_now(), least = ~0u, most = 0, room = 0;

	for (__u32 way = 0; way < FIN_WAYS; way++) {
		__u32 worth = fin_worth(bucket, way, lower, now);

		if (bucket->ends[way] == end && bucket->signatures[way] == signature)
			return FIN_ROOM_SAME | way;
		if (worth < least) {
			least = worth;
			room = way;
		}
		if (worth > most)
			most = worth;
	}
	if (least >= FIN_WORTH(FIN_WORTH_STRANGER))
		room |= FIN_ROOM_WORTH_STRANGER;
	if (least >= FIN_WORTH(FIN_WORTH_WAITING))
		room |= FIN_ROOM_WORTH_WAITING;
	if (most >= FIN_WORTH(FIN_WORTH_STRANGER))
		room |= FIN_ROOM_SHARED;
	return room;
}

/* In steps that come round; never 0. (fin_now() would come round at another moment.) */
static __always_inline __u8 fin_spill_now(void)
{
	return 1 + bpf_jiffies64() / FIN_SPILL_STEP % FIN_SPILL_TIMES;
}

/* Once the last one that went across waits in vain nobody has to look there. */
static __always_inline void fin_spill_forget(__u32 index)
{
	__u32 then = fin_spilled[index];

	if (then && (fin_spill_now() + FIN_SPILL_TIMES - then) % FIN_SPILL_TIMES >
			    FIN_VAIN / FIN_SPILL_STEP)
		fin_spilled[index] = 0;
}

/* A FIN was seen; `end` in network order. Where others wait already it is asked whose it is: one of
 * no socket here takes the place of another such and of no one else. Two CPUs that take the same
 * way at the same moment leave one of both FINs behind: no lock is worth that. */
static __always_inline void fin_acks_arm(const struct tcp_segment *segment, __u32 end,
					 const void *context, __u32 hook)
{
	const struct flow *flow = &segment->flow;
	__u32 signature =
		fin_signature(flow->remote, flow->remote_port, flow->local, flow->local_port);
	__u32 index = fin_index(flow->local_port, flow->remote_port), stranger = 0, way;
	bool lower = flow->local_port < flow->remote_port;
	__u32 room = fin_acks_room(index, end, signature, lower);
	struct fin_bucket *bucket;

	fin_spill_forget(index);
	if (room & FIN_ROOM_SAME)
		stranger = fin_acks[index].states[room & FIN_ROOM_WAY] & FIN_OF_STRANGER;
	else if (room & FIN_ROOM_SHARED && is_stranger(segment, context, hook))
		stranger = FIN_OF_STRANGER;
	if (room & FIN_ROOM_WORTH_WAITING && stranger) {
		count_packet(PACKET_PASSED_OVER);
		return;
	}
	if (room & FIN_ROOM_WORTH_WAITING) {
		fin_spilled[index] = fin_spill_now();
		index = fin_across(end);
		room = fin_acks_room(index, end, signature, lower);
	}
	if (room & FIN_ROOM_WORTH_WAITING)
		count_packet(PACKET_FIN_FORGOTTEN);
	else if (room & FIN_ROOM_WORTH_STRANGER)
		count_packet(PACKET_PASSED_OVER);
	bucket = &fin_acks[index];
	way = room & FIN_ROOM_WAY;
	bucket->signatures[way] = signature;
	bucket->states[way] = fin_now() << FIN_STATE_BITS | stranger;
	for (int i = 0; i < FIN_PLACES; i++)
		bucket->places[way][i] = 0;
	bucket->ends[way] = end;
}

/* Is this the FIN's first acknowledgement, or the same segment at a place that has not shown it
 * yet? Then that is noted. The payload's length and PSH are not part of what is the same: one hook
 * sees an aggregate where another sees its first segment. The places are, so that a peer who goes
 * on repeating the same bare ACK is not sent again and again. */
static __always_inline bool fin_take(struct fin_bucket *bucket, __u32 way,
				     const struct tcp_segment *segment, const struct place *place)
{
	__u32 kind = FIN_ACKED | (segment->payload ? FIN_ACKED_BY_DATA : 0) |
		     (segment->flags & SEGMENT_FIN ? FIN_ACKED_BY_FIN : 0);
	__u16 hash, *seen = bucket->places[way];

	if (!(bucket->states[way] & FIN_ACKED)) {
		bucket->seqs[way] = segment->seq;
		bucket->states[way] = fin_now() << FIN_STATE_BITS | kind;
	} else if (bucket->seqs[way] != segment->seq ||
		   (bucket->states[way] & FIN_ACKED_HOW) != kind) {
		return false;
	}
	hash = place_hash(place);
	for (int i = 0; i < FIN_PLACES; i++) {
		if (seen[i] == hash)
			return false;
		if (!seen[i]) {
			seen[i] = hash;
			return true;
		}
	}
	return false;
}

/* The way of this FIN in a bucket, -1: it is not there. */
static __always_inline int fin_way(const struct fin_bucket *bucket, __u32 end, __u32 signature)
{
	for (int way = 0; way < FIN_WAYS; way++)
		if (bucket->ends[way] == end && bucket->signatures[way] == signature)
			return way;
	return -1;
}

/* Whether the segment is to be sent for the FIN that it acknowledges. */
static __always_inline bool fin_acks_take(const struct tcp_segment *segment,
					  const struct place *place)
{
	const struct flow *flow = &segment->flow;
	__u32 end = PARSE_BE32(segment->ack),
	      index = fin_index(flow->local_port, flow->remote_port);
	__u32 signature;
	int way;

	if (!fin_may_have(index, end))
		return false;
	signature = fin_signature(flow->local, flow->local_port, flow->remote, flow->remote_port);
	way = fin_way(&fin_acks[index], end, signature);
	if (way < 0 && fin_spilled[index]) {
		index = fin_across(end);
		way = fin_way(&fin_acks[index], end, signature);
	}
	return way >= 0 &&
	       fin_take(&fin_acks[index % FIN_BUCKETS], way & FIN_ROOM_WAY, segment, place);
}

#endif

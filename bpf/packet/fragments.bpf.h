/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A fragmented datagram: the first fragment has TCP's header, the last one tells the length. They
 * are joined in either order, and only then is there a segment: a datagram whose last fragment
 * never passes is never whole for its receiver either, so nothing is guessed and nothing is sent.
 */
#ifndef TCPCLOSE_PACKET_FRAGMENTS_BPF_H
#define TCPCLOSE_PACKET_FRAGMENTS_BPF_H

#include "place.bpf.h"
#include "tables.bpf.h"

/* In jiffies: 7.5 s at HZ 1000, 30 s at HZ 250, the stack's own patience (ip_frag_time). Identities
 * come round again. */
#define FRAGMENT_PATIENCE 7500

static __always_inline void fragment_key_fill(struct fragment_key *key,
					      const struct tcp_segment *segment,
					      const struct place *place)
{
	__builtin_memcpy(key->source, segment->flow.local, sizeof(key->source));
	__builtin_memcpy(key->target, segment->flow.remote, sizeof(key->target));
	key->id = segment->fragment_id;
	key->netns = place->netns;
	key->interface = place->interface;
	key->hook = place->hook;
}

static __always_inline bool fragment_complete(struct tcp_segment *segment, __u32 datagram)
{
	if (datagram < segment->before_payload)
		return false;
	segment->payload = datagram - segment->before_payload;
	segment->frame = 0;
	return true;
}

/* True when the other half had been seen: the segment is then whole. */
static __always_inline bool fragment_join(struct tcp_segment *segment, const struct place *place)
{
	struct fragment_value *half, mine = {.segment = *segment, .jiffies = bpf_jiffies64()};
	struct fragment_key key;
	bool last = segment->datagram, whole;
	__u32 datagram = segment->datagram;

	fragment_key_fill(&key, segment, place);
	half = bpf_map_lookup_elem(&fragments, &key);
	if (!half || mine.jiffies - half->jiffies > FRAGMENT_PATIENCE ||
	    last == !!half->segment.datagram) {
		bpf_map_update_elem(&fragments, &key, &mine, BPF_ANY);
		return false;
	}
	if (last)
		*segment = half->segment;
	else
		datagram = half->segment.datagram;
	whole = fragment_complete(segment, datagram);
	bpf_map_delete_elem(&fragments, &key);
	return whole;
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/fragment_halves.h"

#include <string.h>

#include "base/map.h"

/* The stack's own patience (ip_frag_time); identities come round again. */
#define PATIENCE 30000000000ull

static struct fragment_half *place_of(struct fragment_halves *halves,
				      const struct tcp_segment *segment, uint32_t interface)
{
	uint64_t words[4], hash = (uint64_t)segment->fragment_id << 32 | interface;

	memcpy(words, segment->flow.local, sizeof(segment->flow.local));
	memcpy(words + 2, segment->flow.remote, sizeof(segment->flow.remote));
	for (int i = 0; i < 4; i++)
		hash = hash_join(hash, words[i]);
	return &halves->places[hash % FRAGMENT_PLACES];
}

static bool same(const struct fragment_half *half, const struct tcp_segment *segment,
		 uint32_t interface, uint64_t time)
{
	const struct flow *one = &half->segment.flow, *other = &segment->flow;
	uint64_t age = time > half->time ? time - half->time : half->time - time;

	return half->time && age <= PATIENCE && half->interface == interface &&
	       half->segment.fragment_id == segment->fragment_id &&
	       !memcmp(one->local, other->local, sizeof(one->local)) &&
	       !memcmp(one->remote, other->remote, sizeof(one->remote));
}

bool fragment_halves_join(struct fragment_halves *halves, struct tcp_segment *segment,
			  uint32_t interface, uint64_t time)
{
	struct fragment_half *half = place_of(halves, segment, interface);
	uint32_t datagram = segment->datagram;

	if (!same(half, segment, interface, time) || !datagram == !half->segment.datagram) {
		*half = (struct fragment_half){*segment, time, interface};
		return false;
	}
	if (datagram)
		*segment = half->segment;
	else
		datagram = half->segment.datagram;
	half->time = 0;
	segment->frame = 0;
	if (datagram < segment->before_payload)
		return false;
	segment->payload = datagram - segment->before_payload;
	return true;
}

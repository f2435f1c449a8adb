/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What of a segment is told: every FIN, every RST, the first acknowledgement of each FIN, and
 * nothing else. The same for all hooks.
 */
#ifndef TCPCLOSE_PACKET_CLOSING_BPF_H
#define TCPCLOSE_PACKET_CLOSING_BPF_H

#include "bytes.bpf.h"
#include "emit.bpf.h"
#include "filter.bpf.h"
#include "fin_acks.bpf.h"
#include "fragments.bpf.h"

/* The quick question: may this be of interest at all? */
static __always_inline bool closing_may_be(const struct wire_tcp *tcp)
{
	return tcp->flags & (SEGMENT_FIN | SEGMENT_RST) || fin_acks_may_have(tcp);
}

/* With a tail when a recording is made. */
static __always_inline struct emission closing_reserve(const struct tcp_segment *segment,
						       const void *context, __u32 hook)
{
	struct segment_with_tail *whole;
	struct emission emission;

	if (!settings.capture_bytes)
		return emit_reserve(RECORD_SEGMENT, sizeof(struct segment_record));
	emission = emit_reserve(RECORD_SEGMENT, sizeof(*whole));
	whole = emission.record;
	if (whole)
		bytes_copy(&whole->tail, segment, context, hook);
	return emission;
}

static __always_inline void closing_send(const struct tcp_segment *segment, const void *context,
					 const struct place *place, __u8 notes)
{
	struct segment_record *record;
	struct emission emission;

	if (emit_room_is_short() && is_stranger(segment, context, place->hook)) {
		count_packet(PACKET_PASSED_OVER);
		return;
	}
	emission = closing_reserve(segment, context, place->hook);
	record = emission.record;
	if (!record)
		return;
	record->header.netns = place->netns;
	record->header.flow = segment->flow;
	record->interface = place->interface;
	record->seq = segment->seq;
	record->ack = segment->ack;
	record->payload = segment->payload;
	record->window = segment->window;
	record->ip_id = segment->ip_id;
	record->flags = segment->flags;
	record->ttl = segment->ttl;
	record->hook = place->hook;
	record->notes = notes;
	emit_submit(&emission);
}

/* A RST closes by itself, whatever else its flags say. The acknowledgement of a FIN that was let
 * through needs no filter: its flow is the FIN's, and filters take both directions alike. */
static __always_inline void closing_whole(const struct tcp_segment *segment, const void *context,
					  const struct place *place)
{
	__u8 notes = 0;

	if (segment->flags & SEGMENT_ACK && fin_acks_take(segment, place))
		notes = SEGMENT_ACKS_FIN;
	if (segment->flags & SEGMENT_FIN) {
		__u32 end = segment->seq + segment->payload + 1;

		if (!segment_flow_passes(&segment->flow))
			return;
		if (segment->flags & SEGMENT_SYN)
			end++;
		fin_acks_arm(segment, PARSE_BE32(end), context, place->hook);
	} else if (!notes) {
		return;
	}
	closing_send(segment, context, place, notes);
}

static __always_inline void closing_reset(const struct tcp_segment *segment, const void *context,
					  const struct place *place, __u8 notes)
{
	if (segment_flow_passes(&segment->flow))
		closing_send(segment, context, place, notes);
}

/* What parse_segment() found, at a hook. */
static __always_inline void closing_take(struct tcp_segment *segment, enum parse_answer answer,
					 const void *context, __u32 hook)
{
	struct place place;

	if (answer == PARSE_OTHER || answer == PARSE_SHORT)
		return;
	place_find(&place, context, hook);
	if (answer == PARSE_SEGMENT && segment->flags & SEGMENT_RST) {
		closing_reset(segment, context, &place, 0);
		return;
	}
	/* A RST needs no length to be understood, so it is not kept waiting. */
	if (answer == PARSE_FIRST_FRAGMENT && segment->flags & SEGMENT_RST) {
		closing_reset(segment, context, &place, SEGMENT_LENGTH_UNKNOWN);
		return;
	}
	if (answer != PARSE_SEGMENT && !fragment_join(segment, &place))
		return;
	closing_whole(segment, context, &place);
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/segment.h"

/* The same segment may cross several interfaces; a copy seen later than this is another one. */
#define SIGHTING_WITHIN 2000000000ull

static bool seen_here(const struct segment *segment, const struct segment_record *record)
{
	for (unsigned int i = 0; i < segment->sighting_count && i < SEGMENT_SIGHTINGS; i++) {
		const struct sighting *sighting = &segment->sightings[i];

		if (sighting->hook == record->hook && sighting->interface == record->interface &&
		    sighting->netns == record->header.netns &&
		    sighting->source == record->header.source)
			return true;
	}
	return false;
}

/* An aggregate at one hook may be its first segment at another (GRO), with the same number. */
static bool same_payload(const struct segment *segment, const struct segment_record *record)
{
	return segment->payload == record->payload ||
	       (segment->payload && record->payload && !(record->flags & SEGMENT_FIN) &&
		record->notes & segment->notes & SEGMENT_ACKS_FIN);
}

static bool same_segment(const struct segment *segment, const struct segment_record *record,
			 unsigned int sender)
{
	const uint8_t kind = SEGMENT_FIN | SEGMENT_SYN | SEGMENT_RST | SEGMENT_ACK;

	return segment->sender == sender && segment->seq == record->seq &&
	       segment->ack == record->ack && same_payload(segment, record) &&
	       !((segment->flags ^ record->flags) & kind) && segment->ip_id == record->ip_id &&
	       record->header.time <= segment->time + SIGHTING_WITHIN;
}

static bool seen_by(const struct segment *segment, unsigned int source)
{
	for (unsigned int i = 0; i < segment->sighting_count; i++)
		if (segment->sightings[i].source == source)
			return true;
	return false;
}

bool sighting_is_arrival(const struct sighting *sighting, const struct socket_facts *socket)
{
	return sighting->source == socket->source && sighting->netns == socket->netns &&
	       sighting->hook != HOOK_TC_EGRESS;
}

bool segment_arrived(const struct segment *segment, const struct socket_facts *socket)
{
	for (unsigned int i = 0; i < segment->sighting_count; i++)
		if (sighting_is_arrival(&segment->sightings[i], socket))
			return true;
	return false;
}

static uint64_t frame_of(const struct segment_record *record)
{
	const struct segment_with_tail *with_tail = (const void *)record;

	return record->header.length < sizeof(*with_tail) ? 0 : with_tail->tail.frame;
}

static void add_sighting(struct segment *segment, const struct segment_record *record)
{
	struct sighting sighting = {
		.time = record->header.time,
		.netns = record->header.netns,
		.interface = record->interface,
		.hook = record->hook,
		.source = record->header.source,
		.frame = (uint32_t)frame_of(record),
	};
	unsigned int at = segment->sighting_count;

	if (at >= SEGMENT_SIGHTINGS) {
		if (seen_by(segment, sighting.source))
			return;
		segment->sighting_count = (uint16_t)--at; /* one of another recording's many */
	}
	for (; at > 0 && segment->sightings[at - 1].time > sighting.time; at--)
		segment->sightings[at] = segment->sightings[at - 1];
	segment->sightings[at] = sighting;
	segment->sighting_count++;
	if (sighting.time < segment->time)
		segment->time = sighting.time;
}

const struct segment *segment_seen_again(struct connection *connection,
					 const struct segment_record *record, unsigned int sender)
{
	for (uint32_t i = connection->view.segment_count; i-- > 0;) {
		struct segment *segment = &connection->view.segments[i];

		/* Seen at this place before: this is a copy sent again, or one sent before that. */
		if (!same_segment(segment, record, sender) || seen_here(segment, record))
			continue;
		add_sighting(segment, record);
		return connection_move_segment(connection, segment);
	}
	return NULL;
}

static void note_numbers(struct connection *connection, const struct segment *segment)
{
	struct end_state *from = &connection->ends[segment->sender];
	struct end_state *to = &connection->ends[!segment->sender];

	if (segment->flags & SEGMENT_FIN && !(segment->notes & SEGMENT_LENGTH_UNKNOWN)) {
		from->fin.known = true;
		from->fin.end = segment->seq + segment->payload + 1;
	}
	if (segment->seq || !(segment->flags & SEGMENT_RST)) {
		from->has_position = true;
		from->position = segment->seq + segment->payload;
	}
	if (segment->flags & SEGMENT_ACK && !to->has_position) {
		to->has_position = true;
		to->position = segment->ack;
	}
}

const struct segment *segment_begin(struct connection *connection,
				    const struct segment_record *record, unsigned int sender,
				    uint32_t limit)
{
	struct segment segment = {
		.time = record->header.time,
		.frame = frame_of(record),
		.seq = record->seq,
		.ack = record->flags & SEGMENT_ACK ? record->ack : 0,
		.payload = record->payload,
		.window = record->window,
		.ip_id = record->ip_id,
		.flags = record->flags,
		.ttl = record->ttl,
		.notes = record->notes,
		.sender = (uint8_t)sender,
		.acks = NO_SEGMENT,
	};

	add_sighting(&segment, record);
	note_numbers(connection, &segment);
	return connection_add_segment(connection, &segment, limit);
}

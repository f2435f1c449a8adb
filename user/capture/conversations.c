// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/conversations.h"

#include <stdlib.h>
#include <string.h>

#include "capture/conversation.h"
#include "capture/fragment_halves.h"
#include "capture/link.h"

struct conversations {
	struct conversations_settings settings;
	struct conversations_listener listener;
	struct conversations_counts counts;
	struct conversation_table table;
	uint32_t streams;
	uint64_t time; /* of the latest frame */
	struct fragment_halves fragments;
};

struct conversations *conversations_new(const struct conversations_settings *settings,
					const struct conversations_listener *listener)
{
	struct conversations *conversations = calloc(1, sizeof(*conversations));

	if (!conversations)
		return NULL;
	conversations->settings = *settings;
	conversations->listener = *listener;
	if (conversation_table_init(&conversations->table, settings->limit)) {
		free(conversations);
		return NULL;
	}
	return conversations;
}

void conversations_free(struct conversations *conversations)
{
	if (!conversations)
		return;
	conversation_table_done(&conversations->table);
	free(conversations);
}

struct conversations_counts conversations_counts(const struct conversations *conversations)
{
	struct conversations_counts counts = conversations->counts;

	counts.forgotten = conversations->table.forgotten;
	return counts;
}

static void tell(const struct conversations *conversations, struct record *header,
		 enum record_kind kind, size_t length, uint64_t time)
{
	header->kind = (uint16_t)kind;
	header->length = (uint16_t)length;
	header->time = time;
	header->source = conversations->settings.source;
	conversations->listener.take(conversations->listener.context, header, length);
}

static void tell_wire(const struct conversations *conversations, struct conversation *conversation,
		      uint64_t time)
{
	struct wire_record record = {
		.header.flow = conversation_flow(conversation, 0),
		.born = conversation->born,
		.initial_rtt = conversation->initial_rtt,
		.stream = conversation->stream,
		.role = conversation->role,
		.completeness = conversation->completeness,
		.told = !!(conversation->notes & CONVERSATION_TOLD),
	};

	for (unsigned int i = 0; i < 2; i++) {
		const struct conversation_end *end = &conversation->ends[i];

		record.ends[i] = (struct wire_end){
			.bytes = end->bytes,
			.isn = end->isn,
			.isn_how = end->isn_how,
			.wscale = end->wscale == SCALE_NONE ? 0 : end->wscale,
		};
	}
	conversation->notes &= (uint8_t)~CONVERSATION_NEWS;
	tell(conversations, &record.header, RECORD_WIRE, sizeof(record), time);
}

static void tell_segment(const struct conversations *conversations,
			 const struct conversation_segment *take, const struct packet *packet,
			 const struct parse_frame *frame, uint8_t notes)
{
	const struct tcp_segment *segment = take->segment;
	struct segment_with_tail record = {
		.segment = {.header.flow = segment->flow,
			    .interface = take->interface,
			    .seq = segment->seq,
			    .ack = segment->ack,
			    .payload = segment->payload,
			    .window = segment->window,
			    .ip_id = segment->ip_id,
			    .flags = segment->flags,
			    .ttl = segment->ttl,
			    .hook = HOOK_CAPTURE,
			    .notes = notes},
		.tail = {.frame = packet->number,
			 .original = packet->original,
			 .ethernet = frame->ethernet},
	};
	size_t captured = (size_t)((const uint8_t *)frame->end - (const uint8_t *)frame->data);
	size_t headers = segment->frame > segment->payload ? segment->frame - segment->payload : 0;

	if (headers > captured)
		headers = captured;
	if (headers > SEGMENT_BYTES)
		headers = SEGMENT_BYTES;
	memcpy(record.tail.bytes, frame->data, headers);
	record.tail.captured = (uint16_t)headers;
	tell(conversations, &record.segment.header, RECORD_SEGMENT, sizeof(record), packet->time);
}

/* The addresses of one that was closing are used again: its TIME_WAIT, or what there was of its
 * close, is over. It is told as the end sees it whose FIN came first. */
static void tell_taken(const struct conversations *conversations,
		       const struct conversation *conversation,
		       const struct conversation_segment *take)
{
	unsigned int waits = conversation->notes & CONVERSATION_SECOND ? 1 : 0;
	struct time_wait_record record = {
		.header.flow = conversation_flow(conversation, waits),
		.taken = take->time,
		.event = TIME_WAIT_TAKEN,
		.role = take->sender == waits ? ROLE_CLIENT : ROLE_SERVER,
	};

	if (!(conversation->completeness & WIRE_HAS_RST) && !conversation->ends[0].fin &&
	    !conversation->ends[1].fin)
		return;
	tell(conversations, &record.header, RECORD_TIME_WAIT, sizeof(record), take->time);
}

static void take_segment(struct conversations *conversations, struct conversation_segment *take,
			 const struct packet *packet, const struct parse_frame *frame,
			 uint8_t notes)
{
	struct conversation_table *table = &conversations->table;
	struct conversation *conversation;
	unsigned int answer;
	uint8_t completeness;
	bool is_new;

	conversations->counts.segments++;
	conversation = conversation_table_find(table, &take->segment->flow, &take->sender, &is_new);
	if (!conversation) {
		table->forgotten++;
		return;
	}
	if (!is_new && conversation_is_another(conversation, take)) {
		tell_taken(conversations, conversation, take);
		conversation_table_reopen(table, conversation);
		is_new = true;
	}
	if (is_new)
		conversation_begin(conversation, conversations->streams++);
	completeness = conversation->completeness;
	answer = conversation_take(conversation, take);
	if (!answer) {
		/* The rest can wait. */
		if (conversation->notes & CONVERSATION_TOLD &&
		    conversation->completeness != completeness)
			tell_wire(conversations, conversation, packet->time);
		return;
	}
	if (conversation->notes & CONVERSATION_NEWS)
		tell_wire(conversations, conversation, packet->time);
	/* The refusal of a SYN ends no connection, and the same SYN may come again. */
	if (take->segment->seq || !(take->segment->flags & SEGMENT_RST))
		conversation->notes |= CONVERSATION_TOLD;
	if (answer & CONVERSATION_FIRST_ACK)
		notes |= SEGMENT_ACKS_FIN;
	if (answer & CONVERSATION_FIN_AGAIN)
		notes |= SEGMENT_SENT_BEFORE;
	tell_segment(conversations, take, packet, frame, notes);
	if (conversation_is_over(conversation))
		conversation_table_close(table, conversation);
}

static uint32_t interface_of(const struct packet *packet)
{
	uint32_t interface = link_interface(packet);

	return interface ? interface | CONVERSATIONS_OF_MACHINE : packet->interface;
}

/* A RST needs no length to be understood, so it is not kept waiting. */
static bool is_whole(struct conversations *conversations, enum parse_answer answer,
		     struct tcp_segment *segment, const struct conversation_segment *take,
		     uint8_t *notes)
{
	if (answer == PARSE_SEGMENT)
		return true;
	if (answer == PARSE_FIRST_FRAGMENT && segment->flags & SEGMENT_RST) {
		*notes = SEGMENT_LENGTH_UNKNOWN;
		return true;
	}
	return fragment_halves_join(&conversations->fragments, segment, take->interface,
				    take->time);
}

void conversations_take(struct conversations *conversations, const struct packet *packet)
{
	struct conversation_segment take = {.time = packet->time};
	enum packet_direction direction;
	enum parse_answer answer;
	struct tcp_segment segment;
	struct parse_frame frame;
	struct parse_walk walk;
	uint8_t notes = 0;

	conversations->counts.frames++;
	conversations->time = packet->time;
	if (!link_frame(packet, &frame, &direction)) {
		conversations->counts.unreadable += !link_is_known(packet->link_type);
		return;
	}
	if (parse_quick(frame.data, frame.end, frame.ethernet).answer == QUICK_OTHER)
		return;
	answer = parse_to_tcp(&frame, &walk, &segment);
	if (answer == PARSE_SEGMENT) {
		take.tcp = walk.cursor;
		answer = parse_tcp(&walk, &segment);
	}
	conversations->counts.unreadable += answer == PARSE_SHORT;
	if (answer == PARSE_OTHER || answer == PARSE_SHORT)
		return;
	take.segment = &segment;
	take.end = frame.end;
	take.interface = interface_of(packet);
	if (is_whole(conversations, answer, &segment, &take, &notes))
		take_segment(conversations, &take, packet, &frame, notes);
}

void conversations_end(struct conversations *conversations)
{
	const uint8_t both = CONVERSATION_TOLD | CONVERSATION_NEWS;

	for (uint32_t number = 1; number <= conversations->table.count; number++) {
		struct conversation *conversation = &conversations->table.entries[number];

		if ((conversation->notes & both) == both)
			tell_wire(conversations, conversation, conversations->time);
	}
}

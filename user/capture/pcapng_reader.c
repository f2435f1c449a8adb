// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/pcapng_reader.h"

#include <errno.h>
#include <stdlib.h>

#include "capture/pcapng.h"

#define PCAPNG_FRAMING 12 /* type and length in front of a block's body, length behind it */
#define PCAPNG_INTERFACES 65536u
#define PCAPNG_NAME_LIMIT 255u

#define NS_PER_SECOND 1000000000ull

/* Time is ticks * multiplier / divisor >> shift, and the offset. */
struct pcapng_interface {
	char *name; /* or NULL */
	uint64_t multiplier;
	uint64_t divisor;
	int64_t offset; /* seconds */
	uint32_t snaplen;
	uint16_t link_type;
	uint8_t shift;
};

/* What a block was good for. */
enum block_answer {
	BLOCK_SKIP,
	BLOCK_ITEM,
	BLOCK_WRONG, /* stream->wrong says how */
};

struct block {
	uint32_t type;
	const uint8_t *body;
	size_t length; /* of the body */
};

struct option {
	const uint8_t *next;
	const uint8_t *end;
	uint16_t code;
	uint16_t length;
	const uint8_t *value;
};

bool pcapng_is(const uint8_t *magic)
{
	return read_32(magic, false) == PCAPNG_SECTION; /* the same in both byte orders */
}

void pcapng_done(struct pcapng_reader *reader)
{
	for (uint32_t i = 0; i < reader->count; i++)
		free(reader->interfaces[i].name);
	free(reader->interfaces);
	*reader = (struct pcapng_reader){0};
}

const char *pcapng_interface_name(const struct pcapng_reader *reader, uint32_t interface)
{
	return interface < reader->count ? reader->interfaces[interface].name : NULL;
}

static enum block_answer wrong(struct stream *stream, const char *how)
{
	stream->wrong = how;
	return BLOCK_WRONG;
}

/* False at the end of a block's options; one that is damaged is that, too: nothing in them is worth
 * to lose the packet for. */
static bool option_next(struct option *option, bool swapped)
{
	size_t left = (size_t)(option->end - option->next);
	size_t padded;

	if (left < 4)
		return false;
	option->code = read_16(option->next, swapped);
	option->length = read_16(option->next + 2, swapped);
	option->value = option->next + 4;
	padded = (option->length + 3u) & ~(size_t)3;
	if (option->code == PCAPNG_END_OF_OPTIONS || padded > left - 4)
		return false;
	option->next += 4 + padded;
	return true;
}

static struct option options_of(const struct block *block, size_t from)
{
	return (struct option){.next = block->body + from, .end = block->body + block->length};
}

static void interface_resolution(struct pcapng_interface *interface, uint8_t resolution)
{
	uint8_t exponent = resolution & 0x7f;

	interface->multiplier = NS_PER_SECOND;
	interface->divisor = 1;
	interface->shift = 0;
	if (resolution & 0x80) {
		interface->shift = exponent;
		return;
	}
	for (; exponent && interface->multiplier > 1; exponent--)
		interface->multiplier /= 10;
	/* 10^19 is the largest that fits, and turns any time into nearly none. */
	for (; exponent && interface->divisor < UINT64_MAX / 10; exponent--)
		interface->divisor *= 10;
}

static uint64_t interface_time(const struct pcapng_interface *interface, uint64_t ticks)
{
	unsigned __int128 product = (unsigned __int128)ticks * interface->multiplier;
	__int128 time;

	if (interface->divisor > 1)
		product /= interface->divisor;
	time = (__int128)(product >> interface->shift);
	time += (__int128)interface->offset * (int64_t)NS_PER_SECOND;
	return time < 0 ? 0 : time > UINT64_MAX ? UINT64_MAX : (uint64_t)time;
}

static char *copy_name(const struct option *option)
{
	size_t length = option->length;

	return strndup((const char *)option->value,
		       length < PCAPNG_NAME_LIMIT ? length : PCAPNG_NAME_LIMIT);
}

static bool add_interface(struct pcapng_reader *reader, const struct pcapng_interface *interface)
{
	if (reader->count == reader->room) {
		uint32_t room = reader->room ? reader->room * 2 : 8;
		void *more = reallocarray(reader->interfaces, room, sizeof(*interface));

		if (!more)
			return false;
		reader->interfaces = more;
		reader->room = room;
	}
	reader->interfaces[reader->count++] = *interface;
	return true;
}

static enum block_answer take_interface(struct pcapng_reader *reader, struct stream *stream,
					const struct block *block)
{
	struct pcapng_interface interface = {0};
	struct option option;

	if (block->length < 8)
		return wrong(stream, "an interface that is too short");
	if (reader->count == PCAPNG_INTERFACES)
		return wrong(stream, "one interface too many");
	interface.link_type = read_16(block->body, reader->swapped);
	interface.snaplen = read_32(block->body + 4, reader->swapped);
	interface_resolution(&interface, 6); /* microseconds, if nothing else is said */
	option = options_of(block, 8);
	while (option_next(&option, reader->swapped)) {
		if (option.code == PCAPNG_NAME && !interface.name)
			interface.name = copy_name(&option);
		else if (option.code == PCAPNG_RESOLUTION && option.length == 1)
			interface_resolution(&interface, option.value[0]);
		else if (option.code == PCAPNG_TIME_OFFSET && option.length == 8)
			interface.offset = (int64_t)read_64(option.value, reader->swapped);
	}
	if (add_interface(reader, &interface))
		return BLOCK_SKIP;
	free(interface.name);
	stream->error = -ENOMEM;
	return BLOCK_WRONG;
}

/* What the kinds of packet blocks have in common. */
static enum block_answer take_packet(struct pcapng_reader *reader, struct stream *stream,
				     const struct block *block, uint32_t number, size_t header,
				     uint32_t captured, uint32_t original, struct packet *packet)
{
	if (number >= reader->count - reader->section)
		return wrong(stream, "a packet of an interface that is not described");
	if (captured > block->length - header)
		return wrong(stream, "a packet longer than its block");
	number += reader->section;
	*packet = (struct packet){
		.number = ++stream->frames,
		.data = block->body + header,
		.captured = captured,
		.original = original > captured ? original : captured,
		.interface = number,
		.link_type = reader->interfaces[number].link_type,
	};
	return BLOCK_ITEM;
}

static void take_packet_options(const struct pcapng_reader *reader, struct option option,
				struct packet *packet)
{
	while (option_next(&option, reader->swapped)) {
		if (option.code == PCAPNG_FLAGS && option.length == 4) {
			packet->direction = read_32(option.value, reader->swapped) & 3;
			if (packet->direction > PACKET_OUT)
				packet->direction = PACKET_UNKNOWN;
		} else if (option.code == PCAPNG_OPTION_RECORD) {
			packet->record = option.value;
			packet->record_length = option.length;
		}
	}
}

/* Enhanced Packet Block; the obsolete one differs only in its first four bytes. */
static enum block_answer take_enhanced(struct pcapng_reader *reader, struct stream *stream,
				       const struct block *block, struct packet *packet)
{
	const uint8_t *body = block->body;
	bool swapped = reader->swapped;
	uint32_t number, captured;
	enum block_answer answer;
	size_t padded;

	if (block->length < 20)
		return wrong(stream, "a packet without its header");
	number = block->type == PCAPNG_PACKET ? read_16(body, swapped) : read_32(body, swapped);
	captured = read_32(body + 12, swapped);
	answer = take_packet(reader, stream, block, number, 20, captured,
			     read_32(body + 16, swapped), packet);
	if (answer != BLOCK_ITEM)
		return answer;
	packet->time = interface_time(&reader->interfaces[packet->interface],
				      (uint64_t)read_32(body + 4, swapped) << 32 |
					      read_32(body + 8, swapped));
	reader->time = packet->time;
	padded = 20 + ((captured + 3u) & ~(size_t)3);
	if (padded < block->length)
		take_packet_options(reader, options_of(block, padded), packet);
	return BLOCK_ITEM;
}

/* Neither its time nor its captured length are told: it cannot be older than the one before. */
static enum block_answer take_simple(struct pcapng_reader *reader, struct stream *stream,
				     const struct block *block, struct packet *packet)
{
	uint32_t original, captured, snaplen;
	enum block_answer answer;

	if (block->length < 4)
		return wrong(stream, "a packet without its header");
	original = read_32(block->body, reader->swapped);
	captured = original < block->length - 4 ? original : (uint32_t)(block->length - 4);
	if (reader->count > reader->section) {
		snaplen = reader->interfaces[reader->section].snaplen;
		captured = snaplen && snaplen < captured ? snaplen : captured;
	}
	answer = take_packet(reader, stream, block, 0, 4, captured, original, packet);
	packet->time = reader->time;
	return answer;
}

static enum block_answer take_journal(struct stream *stream, const struct block *block,
				      struct capture_item *item)
{
	size_t length = block->length;

	/* Nothing but the padding tells how long it is; an entry ends with a newline. */
	while (length && !block->body[length - 1])
		length--;
	item->packet.number = ++stream->frames;
	item->journal = (const char *)block->body;
	item->journal_length = length;
	return BLOCK_ITEM;
}

static enum block_answer take_section(struct pcapng_reader *reader, struct stream *stream,
				      const struct block *block)
{
	uint16_t major;

	if (block->length < 16)
		return wrong(stream, "a section that is too short");
	major = read_16(block->body + 4, reader->swapped);
	if (major != 1)
		return wrong(stream, "a section of another version than 1");
	reader->section = reader->count;
	return BLOCK_SKIP;
}

static enum block_answer take_block(struct pcapng_reader *reader, struct stream *stream,
				    const struct block *block, struct capture_item *item)
{
	item->kind = CAPTURE_PACKET;
	switch (block->type) {
	case PCAPNG_ENHANCED_PACKET:
	case PCAPNG_PACKET:
		return take_enhanced(reader, stream, block, &item->packet);
	case PCAPNG_SIMPLE_PACKET:
		return take_simple(reader, stream, block, &item->packet);
	case PCAPNG_JOURNAL:
		item->kind = CAPTURE_JOURNAL;
		return take_journal(stream, block, item);
	case PCAPNG_INTERFACE:
		return take_interface(reader, stream, block);
	case PCAPNG_SECTION:
		return take_section(reader, stream, block);
	case PCAPNG_CUSTOM:
	case PCAPNG_CUSTOM_NO_COPY:
	case PCAPNG_SYSTEM_CALL:
	case PCAPNG_SYSTEM_CALL_2:
	case PCAPNG_SYSTEM_CALL_2_LARGE:
		stream->frames++; /* not ours to read, but frames to Wireshark */
		return BLOCK_SKIP;
	}
	return BLOCK_SKIP;
}

/* The whole block at the window's begin: CAPTURE_PACKET stands for "there it is". */
static enum capture_item_kind look_at_block(struct pcapng_reader *reader, struct stream *stream,
					    struct block *block)
{
	const uint8_t *bytes = stream_look(stream, PCAPNG_FRAMING);
	uint32_t length;

	if (!bytes)
		return stream_left(stream) || stream->error ? CAPTURE_BROKEN : CAPTURE_END;
	if (pcapng_is(bytes)) {
		reader->swapped = read_32(bytes + 8, false) != PCAPNG_BYTE_ORDER;
		if (read_32(bytes + 8, reader->swapped) != PCAPNG_BYTE_ORDER) {
			stream->wrong = "a section of no byte order";
			return CAPTURE_BROKEN;
		}
	}
	length = read_32(bytes + 4, reader->swapped);
	if (length < PCAPNG_FRAMING || length % 4 || length > STREAM_BLOCK_LIMIT) {
		stream->wrong = "a block of an impossible length";
		return CAPTURE_BROKEN;
	}
	bytes = stream_look(stream, length);
	if (!bytes)
		return CAPTURE_BROKEN;
	if (read_32(bytes + length - 4, reader->swapped) != length) {
		stream->wrong = "a block whose two lengths differ";
		return CAPTURE_BROKEN;
	}
	*block = (struct block){
		.type = read_32(bytes, reader->swapped),
		.body = bytes + 8,
		.length = length - PCAPNG_FRAMING,
	};
	return CAPTURE_PACKET;
}

enum capture_item_kind pcapng_next(struct pcapng_reader *reader, struct stream *stream,
				   struct capture_item *item)
{
	for (;;) {
		struct block block;
		enum capture_item_kind kind = look_at_block(reader, stream, &block);
		enum block_answer answer;

		if (kind != CAPTURE_PACKET)
			return kind;
		answer = take_block(reader, stream, &block, item);
		if (answer == BLOCK_WRONG)
			return CAPTURE_BROKEN;
		stream_skip(stream, block.length + PCAPNG_FRAMING);
		if (answer == BLOCK_ITEM)
			return item->kind;
	}
}

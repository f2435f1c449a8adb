// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/pcapng_writer.h"

#include <assert.h>

#include "capture/pcapng.h"

#define NANOSECONDS 9 /* if_tsresol: a power of ten, negative */
#define LENGTH_UNKNOWN UINT64_MAX

static void add16(struct buffer *out, uint16_t number)
{
	buffer_add(out, &number, sizeof(number));
}

static void add32(struct buffer *out, uint32_t number)
{
	buffer_add(out, &number, sizeof(number));
}

static void add64(struct buffer *out, uint64_t number)
{
	buffer_add(out, &number, sizeof(number));
}

/* Everything stands at a multiple of 4 from the start of its block. */
static void add_padded(struct buffer *out, const void *bytes, size_t length)
{
	buffer_add(out, bytes, length);
	buffer_add_repeat(out, '\0', -length & 3);
}

/* Where the block begins, for end_block(). */
static size_t begin_block(struct buffer *out, uint32_t type)
{
	size_t start = out->length;

	add32(out, type);
	add32(out, 0);
	return start;
}

/* A block says how long it is at both of its ends. */
static void end_block(struct buffer *out, size_t start)
{
	uint32_t length = (uint32_t)(out->length - start + sizeof(length));

	add32(out, length);
	if (!out->failed)
		memcpy(out->data + start + sizeof(uint32_t), &length, sizeof(length));
}

static void add_option(struct buffer *out, uint16_t code, const void *value, size_t length)
{
	assert(length <= PCAPNG_OPTION_LIMIT);
	add16(out, code);
	add16(out, (uint16_t)length);
	add_padded(out, value, length);
}

static void add_text(struct buffer *out, uint16_t code, const char *text)
{
	size_t length = strlen(text);

	if (length > PCAPNG_OPTION_LIMIT) {
		length = PCAPNG_OPTION_LIMIT;
		while (length && (text[length] & 0xc0) == 0x80) /* within a character of UTF-8 */
			length--;
	}
	if (length)
		add_option(out, code, text, length);
}

void pcapng_add_section(struct buffer *out, const struct pcapng_section *section)
{
	size_t start = begin_block(out, PCAPNG_SECTION);

	add32(out, PCAPNG_BYTE_ORDER);
	add16(out, 1); /* version 1.0 */
	add16(out, 0);
	add64(out, LENGTH_UNKNOWN);
	add_text(out, PCAPNG_HARDWARE, section->hardware);
	add_text(out, PCAPNG_OS, section->os);
	add_text(out, PCAPNG_APPLICATION, section->application);
	add_option(out, PCAPNG_END_OF_OPTIONS, "", 0);
	end_block(out, start);
}

void pcapng_add_interface(struct buffer *out, const struct pcapng_interface *interface)
{
	static const uint8_t resolution = NANOSECONDS;
	size_t start = begin_block(out, PCAPNG_INTERFACE);

	add16(out, interface->link_type);
	add16(out, 0);
	add32(out, interface->snaplen);
	add_text(out, PCAPNG_NAME, interface->name);
	add_text(out, PCAPNG_DESCRIPTION, interface->description);
	add_option(out, PCAPNG_RESOLUTION, &resolution, sizeof(resolution));
	add_option(out, PCAPNG_END_OF_OPTIONS, "", 0);
	end_block(out, start);
}

void pcapng_add_packet(struct buffer *out, const struct pcapng_packet *packet)
{
	const uint32_t flags = packet->direction;
	size_t start = begin_block(out, PCAPNG_ENHANCED_PACKET);
	const char *comment = packet->comments;

	add32(out, packet->interface);
	add32(out, (uint32_t)(packet->time >> 32));
	add32(out, (uint32_t)packet->time);
	add32(out, packet->captured);
	add32(out, packet->original);
	add_padded(out, packet->data, packet->captured);
	while (comment && comment < packet->comments + packet->comments_length) {
		add_text(out, PCAPNG_COMMENT, comment);
		comment += strlen(comment) + 1;
	}
	if (flags)
		add_option(out, PCAPNG_FLAGS, &flags, sizeof(flags));
	if (packet->record)
		add_option(out, PCAPNG_OPTION_RECORD, packet->record, packet->record_length);
	add_option(out, PCAPNG_END_OF_OPTIONS, "", 0);
	end_block(out, start);
}

void pcapng_add_journal(struct buffer *out, const void *entry, size_t length)
{
	size_t start = begin_block(out, PCAPNG_JOURNAL);

	add_padded(out, entry, length);
	end_block(out, start);
}

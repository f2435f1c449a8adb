/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Captures for tests, byte by byte, in either byte order. It writes what it is told to, right or
 * wrong, and knows nothing of the readers.
 */
#ifndef TCPCLOSE_TESTS_CAPTURE_BUILDER_H
#define TCPCLOSE_TESTS_CAPTURE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BUILDER_MAX (2 << 20)
#define BUILDER_MARKS 64

struct capture_builder {
	bool swapped; /* the other byte order than this machine's */
	size_t length;
	size_t block; /* where the open one begins */
	/* Where a file that is cut is whole, and how many frames are then in front. */
	struct {
		size_t at;
		unsigned int frames;
	} marks[BUILDER_MARKS];
	unsigned int mark_count;
	unsigned int frames;
	uint8_t bytes[BUILDER_MAX];
};

static inline void build_bytes(struct capture_builder *builder, const void *bytes, size_t length)
{
	memcpy(builder->bytes + builder->length, bytes, length);
	builder->length += length;
}

static inline void build_16(struct capture_builder *builder, uint16_t number)
{
	number = builder->swapped ? __builtin_bswap16(number) : number;
	build_bytes(builder, &number, sizeof(number));
}

static inline void build_32(struct capture_builder *builder, uint32_t number)
{
	number = builder->swapped ? __builtin_bswap32(number) : number;
	build_bytes(builder, &number, sizeof(number));
}

static inline void build_64(struct capture_builder *builder, uint64_t number)
{
	number = builder->swapped ? __builtin_bswap64(number) : number;
	build_bytes(builder, &number, sizeof(number));
}

static inline void build_padding(struct capture_builder *builder)
{
	while ((builder->length - builder->block) % 4)
		builder->bytes[builder->length++] = 0;
}

/* The file is whole up to here. */
static inline void build_mark(struct capture_builder *builder)
{
	if (builder->mark_count == BUILDER_MARKS)
		return;
	builder->marks[builder->mark_count].at = builder->length;
	builder->marks[builder->mark_count++].frames = builder->frames;
}

static inline void build_pcap(struct capture_builder *builder, uint32_t magic, uint32_t snaplen,
			      uint32_t link_type)
{
	build_32(builder, magic);
	build_16(builder, 2);
	build_16(builder, 4);
	build_64(builder, 0);
	build_32(builder, snaplen);
	build_32(builder, link_type);
	build_mark(builder);
}

/* extra: bytes more in its header (0xa1b2cd34). */
static inline void build_pcap_packet(struct capture_builder *builder, uint32_t seconds,
				     uint32_t fraction, const void *bytes, uint32_t captured,
				     uint32_t original, size_t extra)
{
	build_32(builder, seconds);
	build_32(builder, fraction);
	build_32(builder, captured);
	build_32(builder, original);
	memset(builder->bytes + builder->length, 0xee, extra);
	builder->length += extra;
	build_bytes(builder, bytes, captured);
	builder->frames++;
	build_mark(builder);
}

static inline void build_block(struct capture_builder *builder, uint32_t type)
{
	builder->block = builder->length;
	build_32(builder, type);
	build_32(builder, 0);
}

static inline void build_block_end(struct capture_builder *builder)
{
	size_t end;

	build_padding(builder);
	end = builder->length;
	builder->length = builder->block + 4;
	build_32(builder, (uint32_t)(end + 4 - builder->block));
	builder->length = end;
	build_32(builder, (uint32_t)(end + 4 - builder->block));
	build_mark(builder);
}

static inline void build_option(struct capture_builder *builder, uint16_t code, const void *value,
				uint16_t length)
{
	build_16(builder, code);
	build_16(builder, length);
	build_bytes(builder, value, length);
	build_padding(builder);
}

static inline void build_section(struct capture_builder *builder)
{
	build_block(builder, 0x0a0d0d0a);
	build_32(builder, 0x1a2b3c4d);
	build_16(builder, 1);
	build_16(builder, 0);
	build_64(builder, UINT64_MAX);
	build_option(builder, 4, "builder", 7);
	build_option(builder, 0, "", 0);
	build_block_end(builder);
}

/* Options may follow, then build_block_end(). */
static inline void build_interface(struct capture_builder *builder, uint16_t link_type,
				   uint32_t snaplen)
{
	build_block(builder, 1);
	build_16(builder, link_type);
	build_16(builder, 0);
	build_32(builder, snaplen);
}

static inline void build_plain_interface(struct capture_builder *builder, uint16_t link_type)
{
	build_interface(builder, link_type, 0);
	build_block_end(builder);
}

/* Options may follow, then build_block_end(). */
static inline void build_enhanced(struct capture_builder *builder, uint32_t interface,
				  uint64_t ticks, const void *bytes, uint32_t captured,
				  uint32_t original)
{
	build_block(builder, 6);
	build_32(builder, interface);
	build_32(builder, (uint32_t)(ticks >> 32));
	build_32(builder, (uint32_t)ticks);
	build_32(builder, captured);
	build_32(builder, original);
	build_bytes(builder, bytes, captured);
	build_padding(builder);
	builder->frames++;
}

static inline void build_plain_enhanced(struct capture_builder *builder, uint64_t ticks,
					const char *text)
{
	build_enhanced(builder, 0, ticks, text, (uint32_t)strlen(text), (uint32_t)strlen(text));
	build_block_end(builder);
}

static inline void build_journal(struct capture_builder *builder, const char *text)
{
	build_block(builder, 9);
	build_bytes(builder, text, strlen(text));
	builder->frames++;
	build_block_end(builder);
}

#endif

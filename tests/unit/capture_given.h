/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A capture that a test built, as the source of a reader, and what the reader is expected to say.
 * To be included after cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_CAPTURE_GIVEN_H
#define TCPCLOSE_TESTS_CAPTURE_GIVEN_H

#include <stdlib.h>

#include "capture/capture_file.h"
#include "capture_builder.h"

#define MICROSECONDS 0xa1b2c3d4
#define NANOSECONDS 0xa1b23c4d
#define MODIFIED 0xa1b2cd34
#define ETHERNET 1
#define SECOND 1000000000ull

/* The file under test, and how much of it there is. */
static struct capture_builder built;
static struct {
	size_t at;
	size_t length;
	size_t piece; /* bytes that one read gives, 0: all */
	int error;    /* instead of its end */
} given;
static struct capture_file *file;

static inline ssize_t give(void *context, void *bytes, size_t room)
{
	size_t count = given.length - given.at;

	(void)context;
	assert_true(room > 0);
	if (!count)
		return given.error;
	if (count > room)
		count = room;
	if (given.piece && count > given.piece)
		count = given.piece;
	memcpy(bytes, built.bytes + given.at, count);
	given.at += count;
	return (ssize_t)count;
}

static inline void open_file(void)
{
	const struct capture_source source = {.read = give};

	given.at = 0;
	capture_file_close(file);
	file = capture_file_open(&source);
	assert_non_null(file);
}

static inline void open_built(void)
{
	given.length = built.length;
	open_file();
}

static inline int setup(void **state)
{
	(void)state;
	memset(&built, 0, offsetof(struct capture_builder, bytes));
	memset(&given, 0, sizeof(given));
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	capture_file_close(file);
	file = NULL;
	return 0;
}

static inline struct packet next_packet(void)
{
	struct capture_item item = capture_file_next(file);

	assert_string_equal(capture_file_trouble(file), "");
	assert_int_equal(item.kind, CAPTURE_PACKET);
	assert_true(item.packet.original >= item.packet.captured);
	return item.packet;
}

static inline void assert_packet(const struct packet *packet, uint64_t number, uint64_t time,
				 const char *text)
{
	assert_int_equal(packet->number, number);
	assert_int_equal(packet->time, time);
	assert_int_equal(packet->captured, strlen(text));
	assert_memory_equal(packet->data, text, strlen(text));
}

static inline void assert_next(uint64_t number, uint64_t time, const char *text)
{
	struct packet packet = next_packet();

	assert_packet(&packet, number, time, text);
}

static inline void assert_journal(uint64_t number, const char *text)
{
	struct capture_item item = capture_file_next(file);

	assert_int_equal(item.kind, CAPTURE_JOURNAL);
	assert_int_equal(item.packet.number, number);
	assert_int_equal(item.journal_length, strlen(text));
	assert_memory_equal(item.journal, text, strlen(text));
}

static inline void assert_end(void)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(capture_file_next(file).kind, CAPTURE_END);
		assert_string_equal(capture_file_trouble(file), "");
	}
	assert_int_equal(capture_file_position(file), given.length);
}

static inline void assert_broken(const char *trouble)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(capture_file_next(file).kind, CAPTURE_BROKEN);
		assert_string_equal(capture_file_trouble(file), trouble);
	}
}

/* One frame, 100 bytes. */
static inline void build_start(void)
{
	setup(NULL);
	build_section(&built);
	build_plain_interface(&built, ETHERNET);
	build_plain_enhanced(&built, 1, "x");
}

static inline void build_pcap_of(uint32_t magic)
{
	size_t extra = magic == MODIFIED ? 8 : 0;

	build_pcap(&built, magic, 65535, ETHERNET);
	build_pcap_packet(&built, 1700000000, 123456, "first", 5, 5, extra);
	build_pcap_packet(&built, 4294967295u, 0, "", 0, 1500, extra);
	build_pcap_packet(&built, 1700000001, 999999, "third one", 9, 1500, extra);
}

/* What every kind of block looks like. */
static inline void build_all_blocks(void)
{
	static const uint8_t nanoseconds = 9;
	uint32_t flags;

	build_section(&built);
	build_interface(&built, ETHERNET, 8);
	build_option(&built, 2, "eth0", 4);
	build_option(&built, 9, &nanoseconds, 1);
	build_option(&built, 0, "", 0);
	build_block_end(&built);
	build_plain_interface(&built, 276);

	flags = built.swapped ? __builtin_bswap32(2) : 2;
	build_enhanced(&built, 0, 1700000000123456789, "enhanced", 8, 1514);
	build_option(&built, 1, "a comment", 9);
	build_option(&built, 2, &flags, 4);
	build_option(&built, 0x8001, "TCPCLOSE_X=1\n", 13);
	build_option(&built, 0, "", 0);
	build_block_end(&built);

	build_block(&built, 4); /* names */
	build_32(&built, 0);
	build_block_end(&built);
	build_journal(&built, "MESSAGE=hello\n");
	flags = built.swapped ? __builtin_bswap32(1) : 1;
	build_enhanced(&built, 1, 1700000001123456, "second interface", 16, 16);
	build_option(&built, 2, &flags, 4);
	build_block_end(&built);

	build_block(&built, 3); /* simple */
	build_32(&built, 1500);
	build_bytes(&built, "cut to 8", 8);
	built.frames++;
	build_block_end(&built);

	build_block(&built, 2); /* obsolete */
	build_16(&built, 1);
	build_16(&built, 77); /* drops */
	build_32(&built, (uint32_t)(1700000002000001 >> 32));
	build_32(&built, (uint32_t)1700000002000001);
	build_32(&built, 3);
	build_32(&built, 4);
	build_bytes(&built, "old", 3);
	build_padding(&built);
	build_option(&built, 2, &flags, 4);
	built.frames++;
	build_block_end(&built);
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The capture readers and what is no capture, or one no more: all in front of the damage, and a
 * clause that says where and what it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture_given.h"

/* Everything that is wrong is found when the file is read to its end. */
static void assert_trouble(const char *trouble)
{
	struct capture_item item;

	open_built();
	do
		item = capture_file_next(file);
	while (item.kind == CAPTURE_PACKET || item.kind == CAPTURE_JOURNAL);
	assert_broken(trouble);
}

/* A block at byte 100, behind one frame. */
static void assert_bad_block(uint32_t type, uint32_t length, const char *body, size_t body_length,
			     const char *trouble)
{
	char sentence[200];

	build_start();
	assert_int_equal(built.length, 100);
	build_32(&built, type);
	build_32(&built, length);
	build_bytes(&built, body, body_length);
	build_32(&built, length);
	snprintf(sentence, sizeof(sentence), "is corrupt at byte 100, after frame 1: %s", trouble);
	assert_trouble(sentence);
}

#define ASSERT_BAD_BLOCK(type, body, trouble)                                                      \
	assert_bad_block(type, sizeof(body) + 11, body, sizeof(body) - 1, trouble)

/* What tcpdump and Wireshark read is read, whatever the header's snaplen says. */
static void pcap_packets_have_a_limit(void **state)
{
	static const struct {
		uint32_t snaplen;
		uint32_t captured;
		bool fine;
	} cases[] = {
		{60, 262144, true},
		{0, 262144, true},
		{60, 262145, false},
		{400000, 400000, true},
		{400000, 400001, false},
		{UINT32_MAX, 1 << 20, true},
		{UINT32_MAX, 0, true},
		{UINT32_MAX, (16 << 20) + 1, false},
		{UINT32_MAX, UINT32_MAX, false},
	};
	static const uint8_t zeroes[1 << 20];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		build_pcap(&built, MICROSECONDS, cases[i].snaplen, ETHERNET);
		build_pcap_packet(&built, 1, 0, "x", 1, 1, 0);
		build_32(&built, 2);
		build_32(&built, 0);
		build_32(&built, cases[i].captured);
		build_32(&built, cases[i].captured);
		build_bytes(&built, zeroes, cases[i].fine ? cases[i].captured : 100);
		open_built();
		assert_next(1, SECOND, "x");
		if (cases[i].fine) {
			assert_int_equal(next_packet().captured, cases[i].captured);
			assert_end();
		} else {
			assert_broken("is corrupt at byte 41, after frame 1: "
				      "a packet longer than any");
		}
	}
}

static void damaged_blocks_are_told(void **state)
{
	static const char length[] = "a block of an impossible length";
	static const char other[] = "a packet of an interface that is not described";

	(void)state;
	assert_bad_block(6, 0, "", 0, length);
	assert_bad_block(6, 8, "", 0, length);
	assert_bad_block(6, 31, "0123456789abcdefghij", 20, length);
	assert_bad_block(99, (16 << 20) + 4, "", 0, length);
	assert_bad_block(99, UINT32_MAX, "", 0, length);
	assert_bad_block(99, 16, "abcdefgh", 8, "a block whose two lengths differ");
	ASSERT_BAD_BLOCK(0x0a0d0d0a, "abcd", "a section of no byte order");
	ASSERT_BAD_BLOCK(0x0a0d0d0a, "\x4d\x3c\x2b\x1a", "a section that is too short");
	ASSERT_BAD_BLOCK(0x0a0d0d0a, "\x4d\x3c\x2b\x1a\2\0\0\0abcdefgh",
			 "a section of another version than 1");
	ASSERT_BAD_BLOCK(1, "abcd", "an interface that is too short");
	ASSERT_BAD_BLOCK(6, "abcd", "a packet without its header");
	ASSERT_BAD_BLOCK(2, "abcdabcdabcdabcd", "a packet without its header");
	ASSERT_BAD_BLOCK(3, "", "a packet without its header");
	ASSERT_BAD_BLOCK(6, "\1\0\0\0abcdefgh\0\0\0\0\0\0\0\0", other);
	ASSERT_BAD_BLOCK(2, "\1\0\0\0abcdefgh\0\0\0\0\0\0\0\0", other);
	ASSERT_BAD_BLOCK(6, "\0\0\0\0abcdefgh\5\0\0\0\5\0\0\0wxyz",
			 "a packet longer than its block");
	ASSERT_BAD_BLOCK(6, "\0\0\0\0abcdefgh\xff\xff\xff\xff\5\0\0\0wxyz",
			 "a packet longer than its block");
	/* A section knows only its own interfaces. */
	build_start();
	build_section(&built);
	build_block(&built, 3);
	build_32(&built, 1);
	build_bytes(&built, "x", 1);
	build_block_end(&built);
	assert_trouble("is corrupt at byte 144, after frame 1: a packet of an interface that is "
		       "not described");
}

/* A length that is possible, but not there: nothing of that size is touched. */
static void a_huge_block_that_is_not_there_is_cut(void **state)
{
	(void)state;
	build_start();
	build_32(&built, 6);
	build_32(&built, 16 << 20);
	assert_trouble("is cut short after frame 1");
}

static void damaged_options_cost_no_packet(void **state)
{
	static const uint32_t flags = 2, lost = 3;

	(void)state;
	build_start();
	build_enhanced(&built, 0, 2, "y", 1, 1);
	build_option(&built, 2, &flags, 4);
	build_16(&built, 2);
	build_16(&built, 40); /* longer than the block */
	build_block_end(&built);
	build_enhanced(&built, 0, 3, "z", 1, 1);
	build_option(&built, 2, &flags, 2); /* half of them */
	build_option(&built, 2, &lost, 4);  /* both directions */
	build_16(&built, 0);
	build_block_end(&built);
	build_enhanced(&built, 0, 4, "!", 1, 1);
	build_16(&built, 0x8001);
	build_16(&built, 8); /* up to the end of the block, but not of its body */
	build_bytes(&built, "abcd", 4);
	build_block_end(&built);
	open_built();
	assert_next(1, 1000, "x");
	assert_int_equal(next_packet().direction, PACKET_OUT);
	assert_int_equal(next_packet().direction, PACKET_UNKNOWN);
	assert_null(next_packet().record);
	assert_end();
}

static void options_of_another_length_are_none(void **state)
{
	static const uint64_t offset = 100;
	static const uint8_t resolution[] = {9, 9};

	setup(state);
	build_section(&built);
	build_interface(&built, ETHERNET, 0);
	build_option(&built, 14, &offset, 4);
	build_option(&built, 9, resolution, 2);
	build_block_end(&built);
	build_plain_enhanced(&built, 1, "x");
	open_built();
	assert_next(1, 1000, "x");
}

static void interfaces_have_a_limit(void **state)
{
	(void)state;
	build_section(&built);
	for (int i = 0; i <= 65536; i++)
		build_plain_interface(&built, ETHERNET);
	assert_trouble("is corrupt at byte 1310764, before its first frame: one interface too "
		       "many");
}

static void what_is_no_capture_is_named(void **state)
{
	static const struct {
		const char *begin;
		size_t length;
		const char *trouble;
	} cases[] = {
		{"", 0, "is empty"},
		{"\n", 1, "is neither pcap nor pcapng"},
		{"\x1f\x8b\x08\0\0", 5,
		 "is compressed with gzip; unpack it first: zcat FILE | tcpclose-trace -r -"},
		{"\x28\xb5\x2f\xfd", 4,
		 "is compressed with zstd; unpack it first: zstdcat FILE | tcpclose-trace -r -"},
		{"\xfd"
		 "7zXZ\0",
		 6, "is compressed with xz; unpack it first: xzcat FILE | tcpclose-trace -r -"},
		{"BZh91AY", 7,
		 "is compressed with bzip2; unpack it first: bzcat FILE | tcpclose-trace -r -"},
		{"\x04\x22\x4d\x18", 4,
		 "is compressed with lz4; unpack it first: lz4cat FILE | tcpclose-trace -r -"},
		{"#!/bin/sh", 9, "is neither pcap nor pcapng"},
		{"\xd4\xc3\xb2\xa1", 4, "is cut short before its first frame"},
		{"\n\r\r\n", 4, "is cut short before its first frame"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		build_bytes(&built, cases[i].begin, cases[i].length);
		assert_trouble(cases[i].trouble);
	}
}

static void errors_of_the_source_are_told(void **state)
{
	(void)state;
	given.error = -EISDIR;
	assert_trouble("cannot be read before its first frame: Is a directory");
	build_start();
	given.error = -EIO;
	assert_trouble("cannot be read after frame 1: Input/output error");
	build_start();
	build_bytes(&built, "rest", 4);
	given.error = -EIO;
	assert_trouble("cannot be read after frame 1: Input/output error");
}

static void a_capture_of_nothing_that_is_known_says_so(void **state)
{
	(void)state;
	build_pcap(&built, MICROSECONDS, 65535, 105);
	build_pcap_packet(&built, 1, 0, "x", 1, 1, 0);
	open_built();
	assert_next(1, SECOND, "x");
	assert_broken("has no frame of a known link type: 105 is not");

	setup(state);
	build_section(&built);
	build_plain_interface(&built, 105);
	build_plain_enhanced(&built, 1, "x");
	assert_trouble("has no frame of a known link type: 105 is not");
	build_journal(&built, "MESSAGE=hello\n");
	open_built();
	assert_next(1, 1000, "x");
	assert_journal(2, "MESSAGE=hello\n");
	assert_end();
}

/* Whatever a file holds, it ends, and nothing lies outside of what was read. */
static void damage_never_crashes(void **state)
{
	srand(1);
	for (int round = 0; round < 4000; round++) {
		struct capture_item item;
		size_t bytes = 0;

		setup(state);
		built.swapped = round % 2;
		if (round % 3)
			build_all_blocks();
		else
			build_pcap_of(MICROSECONDS);
		for (int i = rand() % 8; i >= 0; i--)
			built.bytes[(size_t)rand() % built.length] = (uint8_t)rand();
		open_built();
		while ((item = capture_file_next(file)).kind >= CAPTURE_PACKET) {
			bytes += item.packet.captured + item.journal_length;
			assert_true(bytes <= built.length);
		}
		assert_true((item.kind == CAPTURE_END) == !*capture_file_trouble(file));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pcap_packets_have_a_limit),
		TEST(damaged_blocks_are_told),
		TEST(a_huge_block_that_is_not_there_is_cut),
		TEST(damaged_options_cost_no_packet),
		TEST(options_of_another_length_are_none),
		TEST(interfaces_have_a_limit),
		TEST(what_is_no_capture_is_named),
		TEST(errors_of_the_source_are_told),
		TEST(a_capture_of_nothing_that_is_known_says_so),
		TEST(damage_never_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

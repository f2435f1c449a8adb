// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The capture readers: every form of file, cut at every byte, given in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture_given.h"

/* Cut at every byte and read in small pieces: all frames in front of the cut, and whether it is
 * one is told. */
static void assert_cuts(void)
{
	static const size_t pieces[] = {0, 1, 7};

	for (size_t length = 0; length < built.length; length++) {
		unsigned int mark = 0, frames = 0;
		struct capture_item item;
		bool whole;

		given.length = length;
		given.piece = pieces[length % 3];
		open_file();
		while ((item = capture_file_next(file)).kind >= CAPTURE_PACKET)
			frames++;
		while (mark + 1 < built.mark_count && built.marks[mark + 1].at <= length)
			mark++;
		if (length < built.marks[0].at) {
			assert_int_equal(frames, 0);
			assert_int_equal(item.kind, CAPTURE_BROKEN);
			continue;
		}
		whole = built.marks[mark].at == length;
		assert_int_equal(frames, built.marks[mark].frames);
		assert_int_equal(item.kind, whole ? CAPTURE_END : CAPTURE_BROKEN);
		if (!whole)
			assert_non_null(strstr(capture_file_trouble(file), "is cut short "));
	}
	given.piece = 0;
}

static void pcap_has_either_byte_order_and_unit(void **state)
{
	static const uint32_t magics[] = {MICROSECONDS, NANOSECONDS, MODIFIED};

	for (int variant = 0; variant < 6; variant++) {
		uint32_t magic = magics[variant / 2];
		uint64_t unit = magic == NANOSECONDS ? 1 : 1000;
		struct packet packet;

		setup(state);
		built.swapped = variant % 2;
		build_pcap_of(magic);
		open_built();
		assert_next(1, 1700000000 * SECOND + 123456 * unit, "first");
		assert_next(2, 4294967295 * SECOND, "");
		packet = next_packet();
		assert_packet(&packet, 3, 1700000001 * SECOND + 999999 * unit, "third one");
		assert_int_equal(packet.original, 1500);
		assert_int_equal(packet.link_type, ETHERNET);
		assert_int_equal(packet.direction, PACKET_UNKNOWN);
		assert_int_equal(packet.interface, 0);
		assert_null(packet.record);
		assert_string_equal(capture_file_interface(file, 0), "");
		assert_end();
		assert_cuts();
	}
}

static void pcap_may_hold_nothing(void **state)
{
	(void)state;
	build_pcap(&built, MICROSECONDS, 65535, ETHERNET);
	open_built();
	assert_end();
}

static void link_type_is_the_lower_half(void **state)
{
	(void)state;
	build_pcap(&built, MICROSECONDS, 65535, 0x24010071); /* a frame check sequence of 4 bytes */
	build_pcap_packet(&built, 1, 0, "x", 1, 1, 0);
	open_built();
	assert_int_equal(next_packet().link_type, 113);
}

static void original_is_never_less_than_captured(void **state)
{
	(void)state;
	build_pcap(&built, MICROSECONDS, 65535, ETHERNET);
	build_pcap_packet(&built, 1, 0, "four", 4, 2, 0);
	open_built();
	assert_int_equal(next_packet().original, 4);
}

static void assert_all_blocks(uint64_t number, uint32_t interface)
{
	struct packet packet = next_packet();

	assert_packet(&packet, number + 1, 1700000000123456789, "enhanced");
	assert_int_equal(packet.original, 1514);
	assert_int_equal(packet.link_type, ETHERNET);
	assert_int_equal(packet.interface, interface);
	assert_int_equal(packet.direction, PACKET_OUT);
	assert_int_equal(packet.record_length, 13);
	assert_memory_equal(packet.record, "TCPCLOSE_X=1\n", 13);
	assert_string_equal(capture_file_interface(file, interface), "eth0");

	assert_journal(number + 2, "MESSAGE=hello\n");
	packet = next_packet();
	assert_packet(&packet, number + 3, 1700000001123456000, "second interface");
	assert_int_equal(packet.link_type, 276);
	assert_int_equal(packet.interface, interface + 1);
	assert_int_equal(packet.direction, PACKET_IN);
	assert_null(packet.record);
	assert_string_equal(capture_file_interface(file, interface + 1), "");

	packet = next_packet();
	assert_packet(&packet, number + 4, 1700000001123456000, "cut to 8");
	assert_int_equal(packet.original, 1500);
	assert_int_equal(packet.interface, interface);

	packet = next_packet();
	assert_packet(&packet, number + 5, 1700000002000001000, "old");
	assert_int_equal(packet.original, 4);
	assert_int_equal(packet.interface, interface + 1);
	assert_int_equal(packet.direction, PACKET_IN);
}

static void pcapng_has_either_byte_order(void **state)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		setup(state);
		built.swapped = swapped;
		build_all_blocks();
		open_built();
		assert_all_blocks(0, 0);
		assert_end();
		assert_cuts();
	}
}

/* As from cat a.pcapng b.pcapng: interfaces begin anew, frames go on. */
static void pcapng_has_sections(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		built.swapped = i % 2;
		build_all_blocks();
	}
	open_built();
	for (uint32_t i = 0; i < 3; i++)
		assert_all_blocks(i * 5, i * 2);
	assert_string_equal(capture_file_interface(file, 6), "");
	assert_end();
	assert_cuts();
}

static void times_have_a_resolution_and_an_offset(void **state)
{
	static const struct {
		uint8_t resolution;
		uint64_t ticks;
		int64_t offset;
		uint64_t time;
	} cases[] = {
		{0, 5, 0, 5 * SECOND},
		{3, 1500, 0, 1500000000},
		{6, 1, 100, 100 * SECOND + 1000},
		{9, UINT64_MAX, 0, UINT64_MAX},
		{12, 1999, 0, 1},
		{12, 1700000000123456789, 0, 1700000000123456},
		{28, UINT64_MAX, 0, 1},
		{127, UINT64_MAX, 7, 7 * SECOND + 1},
		{0x80, 5, 0, 5 * SECOND},
		{0x80 | 10, 3 * 1024 + 512, 0, 3 * SECOND + SECOND / 2},
		{0x80 | 32, 1700000000ull << 32 | 1u << 31, 0, 1700000000 * SECOND + SECOND / 2},
		{0xff, UINT64_MAX, 0, 0},
		{6, 5, -100, 0}, /* before 1970 */
		{0, UINT64_MAX, 0, UINT64_MAX},
		{0, UINT64_MAX, INT64_MAX, UINT64_MAX},
		{0, 0, INT64_MIN, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		build_section(&built);
		build_interface(&built, ETHERNET, 0);
		build_option(&built, 9, &cases[i].resolution, 1);
		build_option(&built, 14, &cases[i].offset, 8);
		build_block_end(&built);
		build_plain_enhanced(&built, cases[i].ticks, "x");
		open_built();
		assert_next(1, cases[i].time, "x");
	}
}

/* Checked with tshark 4.0: private blocks and sysdig's events have numbers of their own. */
static void frames_are_counted_as_by_wireshark(void **state)
{
	static const uint32_t counted[] = {0xbad, 0x40000bad, 0x204, 0x216, 0x221};
	static const uint32_t skipped[] = {4, 5, 7, 8, 10, 0x208, 0x217, 0x7777, UINT32_MAX};

	(void)state;
	build_section(&built);
	build_plain_interface(&built, ETHERNET);
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		build_block(&built, counted[i]);
		build_bytes(&built, "whatever", 8);
		build_block_end(&built);
	}
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		build_block(&built, skipped[i]);
		build_block_end(&built);
	}
	build_plain_enhanced(&built, 1, "x");
	open_built();
	assert_next(6, 1000, "x");
	assert_end();
}

static void large_blocks_are_read_in_one_piece(void **state)
{
	static char large[1 << 20];

	(void)state;
	memset(large, 'y', sizeof(large) - 1);
	build_start();
	build_plain_enhanced(&built, 2, large);
	build_plain_enhanced(&built, 3, "z");
	given.piece = 4000;
	open_built();
	assert_next(1, 1000, "x");
	assert_next(2, 2000, large);
	assert_next(3, 3000, "z");
	assert_end();
}

static void names_end_where_they_end(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'n', sizeof(name));
	build_section(&built);
	build_interface(&built, ETHERNET, 0);
	build_option(&built, 2, "a\0b", 3);
	build_option(&built, 2, "second", 6);
	build_block_end(&built);
	build_interface(&built, ETHERNET, 0);
	build_option(&built, 2, name, sizeof(name));
	build_block_end(&built);
	open_built();
	assert_string_equal(capture_file_interface(file, 0), "");
	assert_end();
	assert_string_equal(capture_file_interface(file, 0), "a");
	assert_int_equal(strlen(capture_file_interface(file, 1)), 255);
	assert_string_equal(capture_file_interface(file, 2), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pcap_has_either_byte_order_and_unit),
		TEST(pcap_may_hold_nothing),
		TEST(link_type_is_the_lower_half),
		TEST(original_is_never_less_than_captured),
		TEST(pcapng_has_either_byte_order),
		TEST(pcapng_has_sections),
		TEST(times_have_a_resolution_and_an_offset),
		TEST(frames_are_counted_as_by_wireshark),
		TEST(large_blocks_are_read_in_one_piece),
		TEST(names_end_where_they_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

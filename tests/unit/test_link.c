// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Link layers: what each puts in front of IP is taken off, and what is not IP is not. Frames lie in
 * memory of their own length, so that a sanitizer sees a read behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../bpf/frame.h"
#include "capture/link.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct frame_plan fin = {
	.bare = true, .flags = SEGMENT_FIN | SEGMENT_ACK, .seq = 1000, .ack = 2000, .payload = 9};
static const struct frame_plan fin6 = {.bare = true,
				       .ipv6 = true,
				       .flags = SEGMENT_FIN | SEGMENT_ACK,
				       .seq = 1000,
				       .ack = 2000,
				       .payload = 9};

/* What stands in front of IP. */
struct prefix {
	uint16_t link_type;
	uint8_t length;
	uint8_t bytes[32];
};

struct outcome {
	bool found;
	enum parse_answer answer;
	struct tcp_segment segment;
	enum packet_direction direction;
	uint32_t interface;
};

static struct outcome look(const struct prefix *prefix, const struct frame_plan *plan,
			   uint32_t captured, enum packet_direction known)
{
	struct frame frame = frame_make(plan);
	uint32_t whole = prefix->length + frame.length;
	uint8_t *all = malloc(whole), *memory;
	struct outcome outcome = {.answer = PARSE_OTHER};
	struct packet packet = {
		.original = whole, .link_type = prefix->link_type, .direction = (uint8_t)known};
	struct parse_frame parse;

	packet.captured = captured < whole ? captured : whole;
	memory = malloc(packet.captured ? packet.captured : 1);
	assert_true(all && memory);
	memcpy(all, prefix->bytes, prefix->length);
	memcpy(all + prefix->length, frame.bytes, frame.length);
	memcpy(memory, all, packet.captured);
	packet.data = memory;
	outcome.found = link_frame(&packet, &parse, &outcome.direction);
	outcome.interface = link_interface(&packet);
	if (outcome.found)
		outcome.answer = parse_segment(&parse, &outcome.segment);
	free(memory);
	free(all);
	return outcome;
}

/* Whole it is the segment, cut anywhere it is none, and never read beyond. */
static void assert_taken_off(const struct prefix *prefix, const struct frame_plan *plan)
{
	struct outcome outcome = look(prefix, plan, UINT32_MAX, PACKET_UNKNOWN);
	uint32_t headers = prefix->length + (plan->ipv6 ? 60 : 40);

	assert_true(link_is_known(prefix->link_type));
	assert_true(outcome.found);
	assert_int_equal(outcome.answer, PARSE_SEGMENT);
	assert_int_equal(outcome.segment.seq, 1000);
	assert_int_equal(outcome.segment.payload, 9);
	for (uint32_t captured = 0; captured < headers; captured++) {
		outcome = look(prefix, plan, captured, PACKET_UNKNOWN);
		assert_int_equal(outcome.found ? outcome.answer : PARSE_SHORT, PARSE_SHORT);
	}
	outcome = look(prefix, plan, headers, PACKET_UNKNOWN);
	assert_int_equal(outcome.answer, PARSE_SEGMENT);
	assert_int_equal(outcome.segment.payload, 9);
}

static void assert_not_ip(const struct prefix *prefix)
{
	assert_false(look(prefix, &fin, UINT32_MAX, PACKET_UNKNOWN).found);
}

static void raw_ip_has_nothing_in_front(void **state)
{
	static const uint16_t types[] = {12, 14, 101, 228, 229};

	(void)state;
	for (size_t i = 0; i < LENGTH(types); i++) {
		const struct prefix none = {.link_type = types[i]};

		assert_taken_off(&none, types[i] == 229 ? &fin6 : &fin);
	}
	assert_taken_off(&(struct prefix){.link_type = 101}, &fin6);
}

static void ethernet_and_its_tags(void **state)
{
	static const uint8_t ipv4[] = {0x08, 0x00}, ipv6[] = {0x86, 0xdd};
	static const uint8_t tags[] = {0x88, 0xa8, 0, 100, 0x81, 0x00, 0, 101};

	(void)state;
	for (uint8_t length = 0; length <= 8; length += 4) {
		struct prefix prefix = {.link_type = 1, .length = 14 + length};

		memcpy(prefix.bytes + 12, tags + 8 - length, length);
		memcpy(prefix.bytes + 12 + length, ipv4, 2);
		assert_taken_off(&prefix, &fin);
		memcpy(prefix.bytes + 12 + length, ipv6, 2);
		assert_taken_off(&prefix, &fin6);
	}
}

static void loopback_tells_a_family(void **state)
{
	static const struct {
		uint8_t bytes[4];
		bool ipv6;
	} families[] = {
		{{2, 0, 0, 0}, false}, {{0, 0, 0, 2}, false}, {{0, 0, 0, 10}, true},
		{{24, 0, 0, 0}, true}, {{28, 0, 0, 0}, true}, {{0, 0, 0, 28}, true},
		{{30, 0, 0, 0}, true}, {{0, 0, 0, 30}, true}, {{23, 0, 0, 0}, true},
	};
	static const uint8_t others[][4] = {{0, 0, 0, 0}, {7, 0, 0, 0}, {2, 0, 0, 2},
					    {2, 0, 1, 0}, {0, 1, 0, 2}, {0xff, 0, 0, 0}};

	(void)state;
	for (size_t i = 0; i < 2 * LENGTH(families); i++) {
		struct prefix prefix = {.link_type = i % 2 ? 0 : 108, .length = 4};

		memcpy(prefix.bytes, families[i / 2].bytes, 4);
		assert_taken_off(&prefix, families[i / 2].ipv6 ? &fin6 : &fin);
	}
	for (size_t i = 0; i < LENGTH(others); i++) {
		struct prefix prefix = {.link_type = 0, .length = 4};

		memcpy(prefix.bytes, others[i], 4);
		assert_not_ip(&prefix);
	}
}

/* Type of packet, of hardware, length of address, address; then the protocol. */
static struct prefix cooked(uint8_t type, uint16_t protocol)
{
	return (struct prefix){113,
			       16,
			       {0, type, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0,
				(uint8_t)(protocol >> 8), (uint8_t)protocol}};
}

/* The protocol comes first, then the interface. */
static struct prefix cooked_2(uint8_t type, uint16_t protocol)
{
	return (struct prefix){276,
			       20,
			       {(uint8_t)(protocol >> 8), (uint8_t)protocol, 0, 0, 0, 1, 2, 3, 0, 1,
				type, 6, 2, 0, 0, 0, 0, 1}};
}

static void cooked_frames_tell_a_protocol(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct prefix (*make)(uint8_t, uint16_t) = version == 1 ? cooked : cooked_2;
		struct prefix prefix = make(0, 0x0800);

		assert_taken_off(&prefix, &fin);
		prefix = make(4, 0x86dd);
		assert_taken_off(&prefix, &fin6);
		prefix = make(0, 0x0806);
		assert_not_ip(&prefix);
		prefix = make(0, 0x0008);
		assert_not_ip(&prefix);
	}
}

static void tags_follow_a_cooked_header(void **state)
{
	static const uint8_t tags[] = {0, 100, 0x81, 0x00, 0, 101, 0x81, 0x00, 0, 102, 0x08, 0x00};

	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct prefix (*make)(uint8_t, uint16_t) = version == 1 ? cooked : cooked_2;

		for (uint8_t count = 1; count <= 3; count++) {
			struct prefix prefix = make(0, count > 1 ? 0x88a8 : 0x8100);

			memcpy(prefix.bytes + prefix.length, tags + 12 - 4 * count, 4u * count);
			prefix.length += 4 * count;
			if (count <= PARSE_VLAN_TAGS)
				assert_taken_off(&prefix, &fin);
			else
				assert_not_ip(&prefix);
		}
	}
}

static void cooked_frames_tell_a_direction(void **state)
{
	static const enum packet_direction directions[] = {
		PACKET_IN,      PACKET_UNKNOWN, PACKET_UNKNOWN,
		PACKET_UNKNOWN, PACKET_OUT,     PACKET_UNKNOWN,
	};

	(void)state;
	for (uint8_t type = 0; type < LENGTH(directions); type++) {
		struct prefix one = cooked(type, 0x0800), two = cooked_2(type, 0x0800);

		assert_int_equal(look(&one, &fin, UINT32_MAX, PACKET_UNKNOWN).direction,
				 directions[type]);
		assert_int_equal(look(&two, &fin, UINT32_MAX, PACKET_UNKNOWN).direction,
				 directions[type]);
		/* What the file itself says is not changed. */
		assert_int_equal(look(&two, &fin, UINT32_MAX, PACKET_IN).direction, PACKET_IN);
	}
	assert_int_equal(
		look(&(struct prefix){.link_type = 101}, &fin, UINT32_MAX, PACKET_OUT).direction,
		PACKET_OUT);
}

static void only_the_second_cooked_tells_an_interface(void **state)
{
	struct prefix one = cooked(0, 0x0800), two = cooked_2(0, 0x0800);

	(void)state;
	assert_int_equal(look(&two, &fin, UINT32_MAX, PACKET_UNKNOWN).interface, 0x010203);
	assert_int_equal(look(&two, &fin, 19, PACKET_UNKNOWN).interface, 0);
	assert_int_equal(look(&one, &fin, UINT32_MAX, PACKET_UNKNOWN).interface, 0);
}

static void other_link_types_are_not_known(void **state)
{
	static const uint16_t known[] = {0, 1, 12, 14, 101, 108, 113, 228, 229, 276};

	(void)state;
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		const struct prefix prefix = {
			.link_type = (uint16_t)type,
			.length = 20,
			.bytes = {0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08}};
		bool expected = false;

		for (size_t i = 0; i < LENGTH(known); i++)
			expected = expected || known[i] == type;
		assert_int_equal(link_is_known((uint16_t)type), expected);
		if (!expected && type < 300)
			assert_not_ip(&prefix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_ip_has_nothing_in_front),
		cmocka_unit_test(ethernet_and_its_tags),
		cmocka_unit_test(loopback_tells_a_family),
		cmocka_unit_test(cooked_frames_tell_a_protocol),
		cmocka_unit_test(tags_follow_a_cooked_header),
		cmocka_unit_test(cooked_frames_tell_a_direction),
		cmocka_unit_test(only_the_second_cooked_tells_an_interface),
		cmocka_unit_test(other_link_types_are_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The parser of the packet witness on the host: every form of frame, cut at every byte, damaged at
 * random. Frames lie at the end of their own memory, so that a sanitizer sees a read behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../bpf/frame.h"
#include "packet/parse.h"

#define FIN_ACK (SEGMENT_FIN | SEGMENT_ACK)

static const struct frame_plan plain = {.flags = FIN_ACK, .seq = 1000, .ack = 2000, .id = 7};
static const struct frame_plan plain6 = {
	.ipv6 = true, .flags = FIN_ACK, .seq = 1000, .ack = 2000, .id = 7};

/* The first `given` bytes of a frame of `length`. */
static enum parse_answer parse_cut_frame(const uint8_t *bytes, uint32_t given, uint32_t length,
					 bool bare, struct tcp_segment *segment)
{
	uint8_t *memory = malloc(given ? given : 1);
	struct parse_frame frame = {
		.data = memory, .end = memory + given, .length = length, .ethernet = !bare};
	struct quick_look look;
	enum parse_answer answer;

	assert_non_null(memory);
	memcpy(memory, bytes, given);
	answer = parse_segment(&frame, segment);
	look = parse_quick(memory, memory + given, !bare);
	if (look.answer == QUICK_OTHER)
		assert_int_not_equal(answer, PARSE_SEGMENT);
	if (look.answer == QUICK_TCP) {
		assert_true((const uint8_t *)(look.tcp + 1) <= memory + given);
		if (answer == PARSE_SEGMENT)
			assert_int_equal(look.tcp->flags, segment->flags);
		/* Only wrong lengths are left for the second look. */
		assert_int_not_equal(answer, PARSE_SHORT);
	}
	free(memory);
	return answer;
}

static enum parse_answer parse_plan(const struct frame_plan *plan, struct tcp_segment *segment)
{
	struct frame frame = frame_make(plan);

	return parse_cut_frame(frame.bytes, frame.length, frame.length, plan->bare, segment);
}

static void assert_parses(const struct frame_plan *plan, uint32_t payload)
{
	struct tcp_segment segment;
	uint8_t address[16];

	assert_int_equal(parse_plan(plan, &segment), PARSE_SEGMENT);
	frame_address(plan, plan->from_server, address);
	assert_memory_equal(segment.flow.local, address, 16);
	frame_address(plan, !plan->from_server, address);
	assert_memory_equal(segment.flow.remote, address, 16);
	assert_int_equal(segment.flow.local_port,
			 plan->from_server ? FRAME_SERVER_PORT : FRAME_CLIENT_PORT);
	assert_int_equal(segment.flow.remote_port,
			 plan->from_server ? FRAME_CLIENT_PORT : FRAME_SERVER_PORT);
	assert_int_equal(segment.seq, plan->seq);
	assert_int_equal(segment.ack, plan->ack);
	assert_int_equal(segment.flags, plan->flags);
	assert_int_equal(segment.payload, payload);
	assert_int_equal(segment.window, 501);
	assert_int_equal(segment.ttl, 63);
	assert_int_equal(segment.ip_id, plan->ipv6 ? 0 : plan->id & 0xffff);
}

static enum parse_answer answer_to(const struct frame_plan *plan)
{
	struct tcp_segment segment;

	return parse_plan(plan, &segment);
}

static void plain_frames(void **state)
{
	struct frame_plan plan = plain;

	(void)state;
	assert_parses(&plain, 0);
	assert_parses(&plain6, 0);
	plan.payload = 78;
	plan.from_server = true;
	assert_parses(&plan, 78);
	plan.ipv6 = true;
	assert_parses(&plan, 78);
	plan.bare = true;
	assert_parses(&plan, 78);
	plan.ipv6 = false;
	assert_parses(&plan, 78);
	plan.tcp_options = 10;
	assert_parses(&plan, 78);
	for (unsigned int flags = 0; flags < 256; flags++) {
		plan.flags = (uint8_t)flags;
		assert_parses(&plan, 78);
	}
}

static void vlan_tags(void **state)
{
	static const uint16_t tags[][3] = {{0x8100}, {0x88a8}, {0x88a8, 0x8100}, {0x8100, 0x8100}};
	struct frame_plan plan = plain;

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		memcpy(plan.tags, tags[i], sizeof(plan.tags));
		plan.payload = 5;
		plan.ipv6 = false;
		assert_parses(&plan, 5);
		plan.ipv6 = true;
		assert_parses(&plan, 5);
	}
	plan.tags[2] = 0x8100;
	assert_int_equal(answer_to(&plan), PARSE_OTHER);
}

static void ipv4_options(void **state)
{
	struct frame_plan plan = plain;

	(void)state;
	plan.payload = 9;
	for (plan.options = 0; plan.options <= 10; plan.options++)
		assert_parses(&plan, 9);
	plan.options = 0;
	/* Read too early, its acknowledgement number is a header's length and flags. */
	plan.ack = 0x50115011;
	for (plan.version_ihl = 0x40; plan.version_ihl < 0x45; plan.version_ihl++)
		assert_int_equal(answer_to(&plan), PARSE_OTHER);
}

static void ipv6_extensions(void **state)
{
	static const uint8_t chains[][9] = {
		{60},
		{43},
		{51},
		{60, 43, 51, 60},
		{44},
		{60, 43, 44, 51, 60},
		{43, 60, 60, 51, 43},
	};
	struct frame_plan plan = plain6;

	(void)state;
	plan.payload = 11;
	plan.hop_by_hop = true;
	assert_parses(&plan, 11);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		memcpy(plan.extensions, chains[i], sizeof(plan.extensions));
		plan.hop_by_hop = false;
		assert_parses(&plan, 11);
		plan.hop_by_hop = true;
		assert_parses(&plan, 11);
	}
	memset(plan.extensions, 60, 8);
	plan.extensions[8] = 0;
	plan.hop_by_hop = false;
	assert_parses(&plan, 11);
	plan.hop_by_hop = true; /* the ninth */
	assert_int_equal(answer_to(&plan), PARSE_OTHER);
	plan.extensions[0] = 59; /* no next header */
	assert_int_equal(answer_to(&plan), PARSE_OTHER);
	plan.extensions[0] = 50; /* encrypted */
	assert_int_equal(answer_to(&plan), PARSE_OTHER);
}

static void lengths(void **state)
{
	struct frame_plan plan = plain;
	struct tcp_segment segment;
	struct frame frame;

	(void)state;
	plan.padding = 6;
	assert_parses(&plan, 0);
	plan.payload = 100;
	plan.padding = 0;
	plan.no_length = true; /* BIG TCP */
	assert_parses(&plan, 100);
	plan.ipv6 = true;
	assert_parses(&plan, 100);
	plan.hop_by_hop = true;
	assert_parses(&plan, 100);
	plan.no_length = false;
	plan.claimed = 1; /* the frame is shorter than it claims */
	assert_int_equal(answer_to(&plan), PARSE_OTHER);
	/* An aggregate of which only the head is at hand. */
	plan.claimed = 40000;
	frame = frame_make(&plan);
	assert_int_equal(
		parse_cut_frame(frame.bytes, frame.length, frame.length + 40000, false, &segment),
		PARSE_SEGMENT);
	assert_int_equal(segment.payload, 40100);
}

static void tcp_offsets(void **state)
{
	struct frame_plan plan = plain;

	(void)state;
	for (unsigned int words = 0; words < 16; words++) {
		plan.payload = 7;
		plan.tcp_options = 4;
		plan.tcp_offset = (uint8_t)(words << 4 | 1);
		/* 20 bytes of header, 16 of options, 7 of data: up to 10 words fit. */
		if (words >= 5 && words <= 10)
			assert_parses(&plan, 43 - words * 4);
		else
			assert_int_equal(answer_to(&plan), PARSE_OTHER);
	}
}

static void other_protocols(void **state)
{
	struct frame_plan plan = plain;
	struct tcp_segment segment;
	struct frame frame = frame_make(&plain);

	(void)state;
	for (unsigned int protocol = 1; protocol < 256; protocol++) {
		plan.protocol = (uint8_t)protocol;
		plan.ipv6 = false;
		assert_int_equal(answer_to(&plan), protocol == 6 ? PARSE_SEGMENT : PARSE_OTHER);
	}
	frame_set16(&frame, 12, 0x0806);
	assert_int_equal(parse_cut_frame(frame.bytes, frame.length, frame.length, false, &segment),
			 PARSE_OTHER);
	frame_set16(&frame, 12, 0x86dd); /* says IPv6, is IPv4 */
	assert_int_equal(parse_cut_frame(frame.bytes, frame.length, frame.length, false, &segment),
			 PARSE_OTHER);
	plan = plain6;
	frame = frame_make(&plan);
	frame_set16(&frame, 12, 0x0800);
	assert_int_equal(parse_cut_frame(frame.bytes, frame.length, frame.length, false, &segment),
			 PARSE_OTHER);
}

static void fragments(void **state)
{
	struct frame_plan plan = plain;
	struct tcp_segment segment;

	(void)state;
	plan.tcp_options = 3;
	plan.payload = 32;
	plan.more = true;
	assert_int_equal(parse_plan(&plan, &segment), PARSE_FIRST_FRAGMENT);
	assert_int_equal(segment.fragment_id, 7);
	assert_int_equal(segment.before_payload, 32);
	assert_int_equal(segment.payload, 32);
	assert_int_equal(segment.flags, FIN_ACK);
	plan.fragment_offset = 64;
	assert_int_equal(parse_plan(&plan, &segment), PARSE_OTHER); /* a middle one */
	plan.more = false;
	assert_int_equal(parse_plan(&plan, &segment), PARSE_LAST_FRAGMENT);
	assert_int_equal(segment.datagram, 96);
	assert_int_equal(segment.fragment_id, 7);
	assert_int_equal(segment.flow.local_port, 0);

	plan = plain6;
	plan.id = 0x12345678;
	plan.payload = 32;
	plan.hop_by_hop = true; /* not fragmented: in every fragment */
	plan.extensions[0] = 44;
	plan.extensions[1] = 60; /* 16 bytes, fragmented */
	plan.more = true;
	assert_int_equal(parse_plan(&plan, &segment), PARSE_FIRST_FRAGMENT);
	assert_int_equal(segment.fragment_id, 0x12345678);
	assert_int_equal(segment.before_payload, 36);
	plan.extensions[1] = 0;
	plan.more = false;
	plan.fragment_offset = 72;
	assert_int_equal(parse_plan(&plan, &segment), PARSE_LAST_FRAGMENT);
	assert_int_equal(segment.datagram, 104);
	plan.extensions[1] = 44; /* twice */
	plan.fragment_offset = 0;
	plan.more = true;
	assert_int_equal(answer_to(&plan), PARSE_OTHER);
	plan.more = false; /* alone it is whole */
	plan.extensions[1] = 0;
	assert_parses(&plan, 32);
}

/* The forms that the next two tests damage. */
static size_t forms(struct frame_plan *plans)
{
	struct frame_plan plan = {.flags = FIN_ACK, .seq = 1, .ack = 2, .payload = 40};
	size_t count = 0;

	for (int form = 0; form < 32; form++) {
		plan.bare = form & 1;
		plan.ipv6 = form & 2;
		plan.tags[0] = form & 4 ? 0x88a8 : 0;
		plan.tags[1] = form & 4 ? 0x8100 : 0;
		plan.options = form & 8 ? 10 : 0;
		plan.hop_by_hop = form & 8;
		memcpy(plan.extensions, form & 8 ? "\x2b\x33\x2c\x3c" : "", form & 8 ? 5 : 1);
		plan.tcp_options = form & 16 ? 10 : 0;
		plan.more = form & 8 && form & 16;
		plans[count++] = plan;
	}
	return count;
}

static void cut_at_every_byte(void **state)
{
	struct frame_plan plans[32];
	size_t count = forms(plans);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct frame frame = frame_make(&plans[i]);
		uint32_t headers = frame.length - plans[i].payload - plans[i].tcp_options * 4u;
		struct tcp_segment whole, segment;
		enum parse_answer answer = parse_plan(&plans[i], &whole);

		assert_true(answer == PARSE_SEGMENT || answer == PARSE_FIRST_FRAGMENT);
		for (uint32_t given = 0; given < frame.length; given++) {
			/* The rest is elsewhere: too little is said to be too little. */
			enum parse_answer cut = parse_cut_frame(frame.bytes, given, frame.length,
								plans[i].bare, &segment);

			assert_int_equal(cut, given < headers ? PARSE_SHORT : answer);
			if (cut != PARSE_SHORT)
				assert_memory_equal(&segment, &whole, sizeof(segment));
			/* There is no more: a frame that breaks off is nobody's. */
			assert_int_equal(
				parse_cut_frame(frame.bytes, given, given, plans[i].bare, &segment),
				PARSE_OTHER);
		}
	}
}

static void damaged_at_random(void **state)
{
	struct frame_plan plans[32];
	size_t count = forms(plans);
	uint64_t random = 20;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		const struct frame_plan *plan = &plans[(size_t)round % count];
		struct frame frame = frame_make(plan);
		struct tcp_segment segment;
		enum parse_answer answer;
		uint32_t given;

		for (int i = 0; i < 3; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			frame.bytes[(random >> 33) % (frame.length - plan->payload)] =
				(uint8_t)(random >> 25);
		}
		given = (uint32_t)(random >> 40) % (frame.length + 1);
		answer = parse_cut_frame(frame.bytes, given, frame.length, plan->bare, &segment);
		if (answer == PARSE_SEGMENT || answer == PARSE_FIRST_FRAGMENT)
			assert_true(segment.payload <= frame.length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_frames),      cmocka_unit_test(vlan_tags),
		cmocka_unit_test(ipv4_options),      cmocka_unit_test(ipv6_extensions),
		cmocka_unit_test(lengths),           cmocka_unit_test(tcp_offsets),
		cmocka_unit_test(other_protocols),   cmocka_unit_test(fragments),
		cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(damaged_at_random),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the tracker of a foreign capture tells of frames: which segments, what before them. Frames
 * lie in memory of their own length, so that a sanitizer sees a read behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../bpf/frame.h"
#include "capture/conversations.h"

#define MS 1000000ull
#define START (1700000000000 * MS)
#define ROOM 4096
#define SYN SEGMENT_SYN
#define ACK SEGMENT_ACK
#define FIN SEGMENT_FIN
#define RST SEGMENT_RST
#define NO_SCALE 0xff

union told {
	struct record header;
	struct segment_with_tail segment;
	struct wire_record wire;
	struct time_wait_record time_wait;
};

static struct {
	struct conversations *conversations;
	union told records[ROOM];
	unsigned int count;
	struct packet packet; /* of the next frame; its number and time go on by themselves */
} test;

static void take(void *context, const struct record *record, size_t length)
{
	assert_null(context);
	assert_true(test.count < ROOM);
	assert_int_equal(record->length, length);
	assert_int_equal(record->source, 3);
	assert_int_equal(record->netns, 0);
	assert_true(length <= sizeof(union told));
	memcpy(&test.records[test.count++], record, length);
}

static void begin(size_t limit)
{
	const struct conversations_settings settings = {.limit = limit, .source = 3};
	const struct conversations_listener listener = {.take = take};

	test.conversations = conversations_new(&settings, &listener);
	assert_non_null(test.conversations);
	test.count = 0;
	test.packet = (struct packet){.link_type = 1, .time = START};
}

static struct conversations_counts end(void)
{
	struct conversations_counts counts = conversations_counts(test.conversations);

	conversations_free(test.conversations);
	return counts;
}

/* Only the first `captured` bytes are in the file. */
static void put_cut(const struct frame *frame, uint32_t captured)
{
	uint8_t *memory = malloc(captured ? captured : 1);

	assert_non_null(memory);
	memcpy(memory, frame->bytes, captured);
	test.packet.number++;
	test.packet.time += MS;
	test.packet.data = memory;
	test.packet.captured = captured;
	test.packet.original = frame->length;
	conversations_take(test.conversations, &test.packet);
	free(memory);
}

static void put(const struct frame_plan *plan)
{
	struct frame frame = frame_make(plan);

	put_cut(&frame, frame.length);
}

/* A SYN of an untagged frame whose options begin with NOP and the window scale. */
static void put_syn(struct frame_plan plan, uint8_t scale)
{
	struct frame frame;
	uint32_t at = plan.ipv6 ? 74 : 54;

	plan.tcp_options = 2;
	frame = frame_make(&plan);
	for (int i = 0; plan.tags[i]; i++)
		at += 4;
	if (scale != NO_SCALE)
		memcpy(frame.bytes + at + 1, (uint8_t[]){3, 3, scale}, 3);
	put_cut(&frame, frame.length);
}

static void client(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t payload)
{
	put(&(struct frame_plan){.flags = flags, .seq = seq, .ack = ack, .payload = payload});
}

static void server(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t payload)
{
	put(&(struct frame_plan){
		.from_server = true, .flags = flags, .seq = seq, .ack = ack, .payload = payload});
}

/* Client 1000, server 5000; three frames. */
static void handshake(void)
{
	put_syn((struct frame_plan){.flags = SYN, .seq = 1000}, 8);
	put_syn(
		(struct frame_plan){
			.from_server = true, .flags = SYN | ACK, .seq = 5000, .ack = 1001},
		7);
	client(ACK, 1001, 5001, 0);
}

static const struct segment_record *segment(unsigned int index, uint64_t frame)
{
	const struct segment_with_tail *found = &test.records[index].segment;

	assert_true(index < test.count);
	assert_int_equal(test.records[index].header.kind, RECORD_SEGMENT);
	assert_int_equal(found->segment.header.length, sizeof(*found));
	assert_int_equal(found->tail.frame, frame);
	assert_int_equal(found->segment.hook, HOOK_CAPTURE);
	assert_int_equal(found->segment.header.time, START + frame * MS);
	return &found->segment;
}

static const struct wire_record *wire(unsigned int index)
{
	assert_true(index < test.count);
	assert_int_equal(test.records[index].header.kind, RECORD_WIRE);
	return &test.records[index].wire;
}

/* The client's part of a wire record, or the server's. */
static const struct wire_end *wire_end(const struct wire_record *record, bool of_server)
{
	bool turned = record->header.flow.local_port == FRAME_SERVER_PORT;

	return &record->ends[turned != of_server];
}

static uint8_t role_of_client(const struct wire_record *record)
{
	if (record->header.flow.local_port == FRAME_CLIENT_PORT)
		return record->role;
	return record->role == ROLE_SERVER   ? ROLE_CLIENT
	       : record->role == ROLE_CLIENT ? ROLE_SERVER
					     : ROLE_UNKNOWN;
}

static void assert_end(const struct wire_end *found, uint32_t isn, enum wire_isn how,
		       uint8_t wscale, uint64_t bytes)
{
	assert_int_equal(found->isn, isn);
	assert_int_equal(found->isn_how, how);
	assert_int_equal(found->wscale, wscale);
	assert_int_equal(found->bytes, bytes);
}

static void a_close_is_told_with_what_came_before(void **state)
{
	const struct segment_record *found;
	const struct wire_record *told;

	(void)state;
	begin(100);
	handshake();
	client(ACK, 1001, 5001, 100);
	server(ACK, 5001, 1101, 300);
	client(FIN | ACK, 1101, 5301, 0);
	server(ACK, 5301, 1102, 0);
	server(FIN | ACK, 5301, 1102, 0);
	client(ACK, 1102, 5302, 0);
	client(ACK, 1102, 5302, 0);

	assert_int_equal(test.count, 5);
	told = wire(0);
	assert_int_equal(told->header.time, START + 6 * MS);
	assert_end(wire_end(told, false), 1000, WIRE_ISN_SYN, 8, 100);
	assert_end(wire_end(told, true), 5000, WIRE_ISN_SYN, 7, 300);
	assert_int_equal(told->born, START + 1 * MS);
	assert_int_equal(told->initial_rtt, 2 * MS);
	assert_int_equal(told->completeness, 31);
	assert_int_equal(told->stream, 0);
	assert_int_equal(role_of_client(told), ROLE_CLIENT);
	found = segment(1, 6);
	assert_int_equal(found->flags, FIN | ACK);
	assert_int_equal(found->seq, 1101);
	assert_int_equal(found->ack, 5301);
	assert_int_equal(found->window, 501);
	assert_int_equal(found->ttl, 63);
	assert_int_equal(found->notes, 0);
	assert_int_equal(found->header.flow.local_port, FRAME_CLIENT_PORT);
	assert_int_equal(test.records[1].segment.tail.ethernet, 1);
	assert_int_equal(test.records[1].segment.tail.captured, 54);
	assert_int_equal(segment(2, 7)->notes, SEGMENT_ACKS_FIN);
	assert_int_equal(segment(3, 8)->flags, FIN | ACK);
	assert_int_equal(segment(4, 9)->notes, SEGMENT_ACKS_FIN);
	assert_int_equal(end().segments, 10);
}

/* What is news is told again, what is not is not. */
static void news_comes_before_its_segment(void **state)
{
	(void)state;
	begin(100);
	client(FIN | ACK, 1000, 5000, 0);
	server(ACK, 5000, 1001, 0);
	server(ACK, 5000, 1001, 50);
	server(FIN | ACK, 5050, 1001, 0);
	client(RST, 1001, 0, 0);
	assert_int_equal(test.count, 7);
	assert_end(wire_end(wire(0), false), 999, WIRE_ISN_ASSUMED, WIRE_SCALE_UNKNOWN, 0);
	assert_end(wire_end(wire(0), true), 4999, WIRE_ISN_ASSUMED, WIRE_SCALE_UNKNOWN, 0);
	assert_int_equal(wire(0)->completeness, WIRE_HAS_ACK | WIRE_HAS_FIN);
	assert_int_equal(wire(0)->role, ROLE_UNKNOWN);
	assert_int_equal(wire(0)->born, 0);
	segment(1, 1);
	segment(2, 2);
	assert_int_equal(wire_end(wire(3), true)->bytes, 50);
	segment(4, 4);
	assert_int_equal(wire(5)->completeness,
			 WIRE_HAS_ACK | WIRE_HAS_DATA | WIRE_HAS_FIN | WIRE_HAS_RST);
	assert_int_equal(segment(6, 5)->flags, RST);
	end();
}

static void each_transmission_of_a_fin_has_its_first_ack(void **state)
{
	(void)state;
	begin(100);
	client(FIN | ACK, 1000, 5000, 0);
	client(FIN | ACK, 1000, 5000, 0);
	server(ACK, 5000, 1000, 0); /* of what came before */
	server(ACK, 5000, 1001, 10);
	server(ACK, 5010, 1001, 10);
	client(FIN | ACK, 1000, 5000, 0);
	server(ACK, 5020, 1001, 0);
	server(ACK, 5020, 1001, 0);
	assert_int_equal(test.count, 8);
	segment(1, 1);
	segment(2, 2);
	assert_int_equal(segment(4, 4)->payload, 10);
	segment(6, 6);
	assert_int_equal(segment(7, 7)->notes, SEGMENT_ACKS_FIN);
	end();
}

/* The number after a FIN counts its data, and wraps. */
static void numbers_wrap(void **state)
{
	const uint32_t isn = UINT32_MAX - 50;
	const struct wire_record *told;

	(void)state;
	begin(100);
	put_syn((struct frame_plan){.flags = SYN, .seq = isn}, NO_SCALE);
	server(SYN | ACK, UINT32_MAX, isn + 1, 0);
	client(ACK, isn + 1, 0, 40);
	client(ACK | FIN, isn + 41, 0, 20);
	server(ACK | FIN, 0, isn + 62, 0);
	client(ACK, isn + 62, 1, 0);
	assert_int_equal(test.count, 5);
	told = wire(0);
	assert_end(wire_end(told, false), isn, WIRE_ISN_SYN, 0, 60);
	assert_end(wire_end(told, true), UINT32_MAX, WIRE_ISN_SYN, 0, 0);
	assert_int_equal(segment(1, 4)->payload, 20);
	assert_int_equal(wire(2)->completeness, 31);
	assert_int_equal(segment(3, 5)->notes, SEGMENT_ACKS_FIN);
	assert_int_equal(segment(3, 5)->flags, FIN | ACK);
	segment(4, 6);
	end();
}

/* As Wireshark has it, a SYN that comes late is no beginning. */
static void a_late_syn_is_no_beginning(void **state)
{
	(void)state;
	begin(100);
	server(SYN | ACK, 5000, 1001, 0);
	client(SYN, 1000, 0, 0);
	client(ACK, 1001, 5001, 0);
	client(FIN | ACK, 1001, 5001, 0);
	assert_int_equal(wire(0)->completeness, WIRE_HAS_SYN_ACK | WIRE_HAS_ACK | WIRE_HAS_FIN);
	assert_int_equal(wire(0)->stream, 0);
	assert_int_equal(wire(0)->born, START + 2 * MS);
	end();

	/* One that is the beginning may have data. */
	begin(100);
	client(SYN, 1000, 0, 3);
	server(SYN | ACK, 5000, 1004, 0);
	client(FIN | ACK, 1004, 5001, 0);
	assert_int_equal(wire(0)->completeness, 31);
	assert_int_equal(wire_end(wire(0), false)->bytes, 3);
	end();
}

/* What comes after the last segment of a close is told at the end, but for completeness, which
 * changes seldom. */
static void news_after_a_close(void **state)
{
	(void)state;
	begin(100);
	client(FIN | ACK, 1000, 5000, 0);
	server(ACK, 5000, 1001, 10);
	server(ACK, 5010, 1001, 10);
	assert_int_equal(test.count, 4);
	put(&(struct frame_plan){.host = 1, .flags = ACK}); /* is not told of */
	conversations_end(test.conversations);
	assert_int_equal(test.count, 5);
	assert_int_equal(wire_end(wire(4), true)->bytes, 20);
	assert_int_equal(wire(4)->header.time, START + 4 * MS);
	conversations_end(test.conversations);
	assert_int_equal(test.count, 5);
	server(RST, 5020, 0, 0);
	client(ACK, 1001, 5020, 0);
	assert_int_equal(test.count, 7);
	end();
}

/* The number of a FIN was used before it is seen: its first transmission is missing, unless that
 * was so short a time ago that it may have been overtaken. */
static void a_fin_seen_only_when_sent_again(void **state)
{
	(void)state;
	for (unsigned int late = 0; late < 2; late++) {
		begin(100);
		client(ACK, 1000, 5000, 0);
		client(ACK, 1001, 5000, 0);
		test.packet.time += late * 2 * MS;
		client(FIN | ACK, 1000, 5000, 0);
		assert_int_equal(test.records[1].segment.segment.notes,
				 late ? SEGMENT_SENT_BEFORE : 0);
		client(FIN | ACK, 1000, 5000, 0);
		assert_int_equal(test.records[2].segment.segment.notes, 0);
		end();
	}
}

static void bytes_count_once(void **state)
{
	const struct wire_record *told;

	(void)state;
	begin(100);
	handshake();
	client(ACK, 1001, 5001, 100);
	client(ACK, 1001, 5001, 100);
	client(ACK, 1201, 5001, 100); /* one before it is missing */
	client(ACK, 1300, 5001, 1);   /* a keep-alive */
	server(ACK, 5001, 1301, 0);
	client(ACK, 1301, 5501, 0); /* which the capture does not have */
	server(RST | ACK, 5501, 9999, 0);
	told = wire(0);
	assert_int_equal(wire_end(told, false)->bytes, 300);
	assert_int_equal(wire_end(told, true)->bytes, 500);
	end();

	/* One direction was not captured: its FIN is known by its acknowledgement, and then it
	 * looks like a byte; until it is seen. */
	begin(100);
	client(ACK, 1001, 5001, 0);
	client(ACK, 1001, 5102, 0);
	client(FIN | ACK, 1001, 5102, 0);
	server(FIN | ACK, 5101, 1001, 0);
	assert_int_equal(wire_end(wire(0), true)->bytes, 101);
	assert_int_equal(wire_end(wire(2), true)->bytes, 100);
	end();
}

static void scales_are_negotiated(void **state)
{
	static const struct {
		uint8_t syn, answer, client, server;
	} cases[] = {
		{8, 7, 8, 7},   {0, 14, 0, 14},      {NO_SCALE, 7, 0, 0},
		{15, 7, 14, 7}, {8, NO_SCALE, 0, 0}, {NO_SCALE, NO_SCALE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin(100);
		put_syn((struct frame_plan){.flags = SYN, .seq = 1000, .ipv6 = i % 2},
			cases[i].syn);
		put_syn((struct frame_plan){.from_server = true,
					    .flags = SYN | ACK,
					    .seq = 5000,
					    .ack = 1001,
					    .ipv6 = i % 2},
			cases[i].answer);
		put(&(struct frame_plan){
			.flags = FIN | ACK, .seq = 1001, .ack = 5001, .ipv6 = i % 2});
		assert_int_equal(wire_end(wire(0), false)->wscale, cases[i].client);
		assert_int_equal(wire_end(wire(0), true)->wscale, cases[i].server);
		end();
	}
	/* The answer names the number that it answers. */
	begin(100);
	put_syn(
		(struct frame_plan){
			.from_server = true, .flags = SYN | ACK, .seq = 5000, .ack = 1001},
		7);
	client(FIN | ACK, 1001, 5001, 0);
	assert_end(wire_end(wire(0), false), 1000, WIRE_ISN_SYN, WIRE_SCALE_UNKNOWN, 0);
	assert_end(wire_end(wire(0), true), 5000, WIRE_ISN_SYN, 7, 0);
	assert_int_equal(role_of_client(wire(0)), ROLE_CLIENT);
	end();
}

/* Options that lie, or that were not captured, are none. */
static void damaged_options(void **state)
{
	struct frame_plan plan = {.flags = SYN, .seq = 1000, .tcp_options = 4};
	static const uint8_t lies[][4] = {
		{3, 3}, {2, 0, 3, 3}, {2, 1, 3, 3}, {2, 200, 3, 3}, {0, 3, 3, 7}, {3, 2, 7, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct frame frame = frame_make(&plan);

		begin(100);
		memcpy(frame.bytes + 54 + (i ? 0 : 14), lies[i], i ? 4 : 2);
		put_cut(&frame, frame.length);
		client(FIN | ACK, 1001, 5001, 0);
		assert_int_equal(wire_end(wire(0), false)->wscale, 0);
		end();
	}
	for (uint32_t captured = 54; captured <= 58; captured++) {
		struct frame frame = frame_make(&plan);

		begin(100);
		memcpy(frame.bytes + 54, (uint8_t[]){1, 3, 3, 9}, 4);
		put_cut(&frame, captured);
		client(FIN | ACK, 1001, 5001, 0);
		assert_int_equal(wire_end(wire(0), false)->wscale, captured < 58 ? 0 : 9);
		end();
	}
}

static void a_syn_with_another_number_begins_anew(void **state)
{
	const struct time_wait_record *taken;

	(void)state;
	begin(100);
	handshake();
	client(FIN | ACK, 1001, 5001, 0);
	server(FIN | ACK, 5001, 1002, 0);
	client(ACK, 1002, 5002, 0);
	assert_int_equal(test.count, 4);
	put_syn((struct frame_plan){.flags = SYN, .seq = 1000}, 8); /* the same again */
	assert_int_equal(test.count, 4);
	put_syn((struct frame_plan){.from_server = true, .flags = SYN, .seq = 777}, 8);
	assert_int_equal(test.count, 5);
	taken = &test.records[4].time_wait;
	assert_int_equal(taken->header.kind, RECORD_TIME_WAIT);
	assert_int_equal(taken->event, TIME_WAIT_TAKEN);
	assert_int_equal(taken->header.flow.local_port, FRAME_CLIENT_PORT);
	assert_int_equal(taken->role, ROLE_SERVER);
	assert_int_equal(taken->taken, taken->header.time);
	client(RST | ACK, 0, 778, 0);
	assert_int_equal(wire(5)->stream, 1);
	assert_int_equal(wire(5)->completeness, WIRE_HAS_SYN | WIRE_HAS_RST | WIRE_HAS_ACK);
	assert_int_equal(role_of_client(wire(5)), ROLE_SERVER);
	segment(6, 9);
	end();

	/* One of which nothing was told has no end to be told of. */
	begin(100);
	handshake();
	put_syn((struct frame_plan){.flags = SYN, .seq = 777}, 8);
	client(FIN | ACK, 778, 1, 0);
	assert_int_equal(test.count, 2);
	assert_int_equal(wire(0)->stream, 1);
	end();
}

static void every_conversation_is_numbered(void **state)
{
	(void)state;
	begin(100);
	for (uint8_t host = 0; host < 50; host++)
		put(&(struct frame_plan){.host = host, .flags = ACK, .ipv6 = host % 3 == 0});
	for (uint8_t host = 0; host < 50; host++) {
		put(&(struct frame_plan){.host = host,
					 .from_server = true,
					 .flags = FIN,
					 .tags = {0x88a8, 0x8100},
					 .ipv6 = host % 3 == 0});
		assert_int_equal(wire(host * 2u)->stream, host);
	}
	assert_int_equal(end().segments, 100);
}

static void the_longest_unheard_of_goes_first(void **state)
{
	(void)state;
	begin(3);
	for (uint8_t host = 0; host < 3; host++)
		put(&(struct frame_plan){.host = host, .flags = ACK});
	put(&(struct frame_plan){.host = 0, .flags = ACK});
	put(&(struct frame_plan){.host = 3, .flags = ACK}); /* in the place of 1 */
	put(&(struct frame_plan){.host = 0, .flags = RST});
	put(&(struct frame_plan){.host = 2, .flags = RST});
	assert_int_equal(wire(0)->stream, 0);
	assert_int_equal(wire(2)->stream, 2);
	/* Closed ones are no loss, though heard of later. */
	put(&(struct frame_plan){.host = 4, .flags = ACK});
	put(&(struct frame_plan){.host = 5, .flags = ACK});
	put(&(struct frame_plan){.host = 3, .flags = RST});
	assert_int_equal(wire(4)->stream, 3);
	assert_int_equal(end().forgotten, 1);
}

/* More than fit the first tables, each found again. */
static void tables_grow(void **state)
{
	enum {
		HOSTS = 250,
		TAGGED = 12
	};

	(void)state;
	begin(HOSTS * TAGGED);
	for (unsigned int round = 0; round < 2; round++)
		for (unsigned int i = 0; i < HOSTS * TAGGED; i++) {
			struct frame frame =
				frame_make(&(struct frame_plan){.host = (uint8_t)(i % HOSTS),
								.flags = round ? RST : ACK,
								.seq = 100 + i});

			frame.bytes[14 + 13] = (uint8_t)(i / HOSTS); /* 10.n.host.1 */
			put_cut(&frame, frame.length);
			if (!round)
				continue;
			assert_int_equal(wire(0)->stream, i);
			assert_int_equal(wire_end(wire(0), false)->isn, 99 + i);
			test.count = 0;
		}
	assert_int_equal(end().forgotten, 0);
}

static void fragments_meet(void **state)
{
	const struct frame_plan first = {
		.flags = FIN | ACK, .seq = 1000, .ack = 5000, .payload = 44, .more = true, .id = 9};
	const struct frame_plan last = {.payload = 36, .fragment_offset = 64, .id = 9};
	struct frame_plan other = last;

	(void)state;
	for (int turned = 0; turned < 2; turned++) {
		begin(100);
		put(turned ? &last : &first);
		other.id = 10;
		put(&other);
		test.packet.interface = 1;
		put(turned ? &first : &last);
		test.packet.interface = 0;
		assert_int_equal(test.count, 0);
		put(turned ? &first : &last);
		assert_int_equal(segment(1, 4)->payload, 80);
		assert_int_equal(test.records[1].segment.tail.captured, 0);
		server(ACK, 5000, 1081, 0);
		segment(3, 5);
		assert_int_equal(end().segments, 2);
	}
	/* A RST needs no length. */
	begin(100);
	other = first;
	other.flags = RST;
	put(&other);
	assert_int_equal(segment(1, 1)->notes, SEGMENT_LENGTH_UNKNOWN);
	end();
	/* Too late, and it is another datagram's. */
	begin(100);
	put(&first);
	test.packet.time += 31000 * MS;
	put(&last);
	assert_int_equal(test.count, 0);
	end();
}

/* The same segment at another interface is told once more, a later one is not. */
static void several_interfaces(void **state)
{
	(void)state;
	begin(100);
	client(FIN | ACK, 1000, 5000, 0);
	test.packet.interface = 1;
	client(FIN | ACK, 1000, 5000, 0);
	server(ACK, 5000, 1001, 0);
	test.packet.interface = 0;
	server(ACK, 5000, 1001, 0);
	server(ACK, 5000, 1001, 0);
	test.packet.interface = 1;
	server(ACK, 5000, 1001, 0);
	server(ACK, 5000, 1001, 10);
	assert_int_equal(test.count, 6);
	assert_int_equal(wire(5)->completeness, WIRE_HAS_ACK | WIRE_HAS_DATA | WIRE_HAS_FIN);
	assert_int_equal(segment(2, 2)->interface, 1);
	assert_int_equal(segment(3, 3)->interface, 1);
	assert_int_equal(segment(4, 4)->interface, 0);
	end();
}

static void what_cannot_be_read_is_counted(void **state)
{
	struct frame frame = frame_make(&(struct frame_plan){.flags = FIN, .payload = 1000});
	struct conversations_counts counts;

	(void)state;
	for (uint32_t captured = 0; captured <= 54; captured++) {
		begin(100);
		put_cut(&frame, captured);
		counts = end();
		assert_int_equal(counts.frames, 1);
		assert_int_equal(counts.unreadable, captured < 54);
		assert_int_equal(counts.segments, captured == 54);
		assert_int_equal(test.count, captured == 54 ? 2 : 0);
	}
	assert_int_equal(test.records[1].segment.segment.payload, 1000);

	begin(100);
	test.packet.link_type = 147;
	put_cut(&frame, frame.length);
	assert_int_equal(end().unreadable, 1);

	/* Others' packets are none of ours, and readable. */
	begin(100);
	put(&(struct frame_plan){.protocol = 17});
	frame.bytes[12] = 0x86;
	put_cut(&frame, frame.length);
	counts = end();
	assert_int_equal(counts.frames, 2);
	assert_int_equal(counts.unreadable, 0);
	assert_int_equal(counts.segments, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_close_is_told_with_what_came_before),
		cmocka_unit_test(news_comes_before_its_segment),
		cmocka_unit_test(each_transmission_of_a_fin_has_its_first_ack),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(a_late_syn_is_no_beginning),
		cmocka_unit_test(news_after_a_close),
		cmocka_unit_test(a_fin_seen_only_when_sent_again),
		cmocka_unit_test(bytes_count_once),
		cmocka_unit_test(scales_are_negotiated),
		cmocka_unit_test(damaged_options),
		cmocka_unit_test(a_syn_with_another_number_begins_anew),
		cmocka_unit_test(every_conversation_is_numbered),
		cmocka_unit_test(the_longest_unheard_of_goes_first),
		cmocka_unit_test(tables_grow),
		cmocka_unit_test(fragments_meet),
		cmocka_unit_test(several_interfaces),
		cmocka_unit_test(what_cannot_be_read_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

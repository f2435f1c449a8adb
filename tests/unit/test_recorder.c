// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The recorder: which blocks it writes, in which order, when, and what becomes of comments and of
 * what is told between records. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include "capture/packet.h"
#include "packet/parse.h"
#include "recorder_given.h"

#define ETHERNET 1

static void assert_types(unsigned int first, const uint32_t *types, unsigned int count)
{
	assert_int_equal(written.count, first + count);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(written.blocks[first + i].type, types[i]);
}

#define ASSERT_TYPES(first, ...)                                                                   \
	do {                                                                                       \
		static const uint32_t types[] = {__VA_ARGS__};                                     \
		assert_types(first, types, sizeof(types) / sizeof(types[0]));                      \
	} while (0)

/* A file says at once what it is, and opens before anything happened. */
static void test_start(void **state)
{
	struct utsname host;
	char expected[512];

	(void)state;
	uname(&host);
	settings.count = 7;
	settings.questions = true;
	open_recorder();
	assert_int_equal(read_blocks("file"), 2);
	assert_true(written.whole);
	ASSERT_TYPES(0, PCAPNG_SECTION, PCAPNG_JOURNAL);
	assert_option(find_option(&written.blocks[0], 16, PCAPNG_HARDWARE, 0), host.machine);
	snprintf(expected, sizeof(expected), "Linux %s", host.release);
	assert_option(find_option(&written.blocks[0], 16, PCAPNG_OS, 0), expected);
	assert_option(find_option(&written.blocks[0], 16, PCAPNG_APPLICATION, 0),
		      "tcpclose-trace 0.1.0");
	snprintf(expected, sizeof(expected),
		 "__REALTIME_TIMESTAMP=1784000005000000\n"
		 "MESSAGE=tcpclose-trace 0.1.0 recording on %s, Linux %s\n"
		 "TCPCLOSE_FORMAT=2\nTCPCLOSE_RUN=",
		 host.nodename, host.release);
	assert_memory_equal(written.blocks[1].body, expected, strlen(expected));
	assert_true(block_has(&written.blocks[1], "\nTCPCLOSE_WALL_OFFSET=1784000000000000000\n"
						  "TCPCLOSE_STARTED=5000000000\nTCPCLOSE_COUNT=7\n"
						  "TCPCLOSE_QUESTIONS=1\nTCPCLOSE_SEQUENCE=1\n"));
	assert_int_equal(recorder_deadline(recorder), UINT64_MAX);
	assert_string_equal(recorder_path(recorder), path);
}

static void test_file_is_private_and_emptied(void **state)
{
	struct stat status;
	int old = open(path, O_CREAT | O_WRONLY, 0644);

	(void)state;
	assert_int_equal(ftruncate(old, 100000), 0);
	close(old);
	open_recorder();
	close_recorder();
	assert_int_equal(read_blocks("file"), 2);
	assert_true(written.whole);
	unlink(path);
	open_recorder();
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

/* In the file by time, numbered as they came. */
static void test_order(void **state)
{
	static const uint64_t times[] = {300, 100, 200, 100, 400};
	static const unsigned int order[] = {2, 4, 3, 1, 5};
	char expected[128];

	(void)state;
	open_recorder();
	for (unsigned int i = 0; i < 5; i++)
		add_header(RECORD_END, times[i] * 1000);
	close_recorder();
	assert_int_equal(read_blocks("file"), 7);
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(expected, sizeof(expected),
			 "__REALTIME_TIMESTAMP=1784000005000%03u\nMESSAGE=kind 9\n"
			 "TCPCLOSE_SEQUENCE=%u\n",
			 (unsigned int)times[order[i] - 1], order[i]);
		assert_memory_equal(written.blocks[2 + i].body, expected, strlen(expected));
	}
}

/* Every third comes behind many that are newer, some of them at the same time as another. */
static void test_many_come_late(void **state)
{
	unsigned long time, sequence, last_time = 0, last_sequence = 0;
	const unsigned int count = 300;

	(void)state;
	open_recorder();
	for (unsigned int i = 0; i < count; i++)
		add_header(RECORD_END, (i % 3 == 2 && i > 200 ? i - 150 - i % 2 : i) * 1000);
	close_recorder();
	assert_int_equal(read_blocks("file"), 2 + count);
	for (unsigned int i = 0; i < count; i++) {
		const char *body = (const char *)written.blocks[2 + i].body;

		assert_int_equal(sscanf(body,
					"__REALTIME_TIMESTAMP=178400000%lu MESSAGE=kind 9 "
					"TCPCLOSE_SEQUENCE=%lu",
					&time, &sequence),
				 2);
		assert_true(time > last_time || (time == last_time && sequence > last_sequence));
		last_time = time;
		last_sequence = sequence;
	}
}

static void test_state_entry(void **state)
{
	struct state_record record = {
		.header = {.length = sizeof(record), .kind = RECORD_STATE, .time = NOW},
		.from = 1,
		.to = 4,
		.owner = {.pid = 991, .comm = "curl"},
		.task = {.pid = 42, .tid = 43, .comm = "ss"},
	};

	(void)state;
	open_recorder();
	recorder_add(recorder, &record.header);
	record.context = CONTEXT_CALL;
	recorder_add(recorder, &record.header);
	close_recorder();
	assert_int_equal(read_blocks("file"), 4);
	/* Whose socket it is, or who called. */
	assert_true(block_has(&written.blocks[2], "MESSAGE=kind 1\n_PID=991\n_COMM=curl\n"));
	assert_true(block_has(&written.blocks[3], "MESSAGE=kind 1\n_PID=42\n_COMM=ss\n"));
	assert_true(block_has(&written.blocks[3], "\nTCPCLOSE_OWNER_COMM=curl\n"));
}

/* Packets */

static void assert_interface(const struct block *block, uint16_t link_type, const char *name)
{
	assert_int_equal(block->type, PCAPNG_INTERFACE);
	assert_int_equal(u16_at(block->body), link_type);
	assert_option(find_option(block, 8, PCAPNG_NAME, 0), name);
	assert_option(find_option(block, 8, PCAPNG_DESCRIPTION, 0), "network namespace 4026531840");
	assert_option(find_option(block, 8, PCAPNG_RESOLUTION, 0), "\x09");
}

static void assert_packet(const struct block *block, uint32_t interface, uint64_t time,
			  enum packet_direction direction)
{
	uint64_t wall = NOW + WALL + time;
	struct option flags = packet_option(block, PCAPNG_FLAGS, 0);

	assert_int_equal(block->type, PCAPNG_ENHANCED_PACKET);
	assert_int_equal(u32_at(block->body), interface);
	assert_int_equal(u32_at(block->body + 4), wall >> 32);
	assert_int_equal(u32_at(block->body + 8), (uint32_t)wall);
	assert_int_equal(flags.length, direction ? 4 : -1);
	if (direction)
		assert_int_equal(u32_at((const uint8_t *)flags.value), direction);
}

static void test_captured_packet(void **state)
{
	struct segment_with_tail record = segment_of(0, 2, HOOK_TC_EGRESS);

	(void)state;
	record.segment.header.length = sizeof(record);
	record.tail.original = 1514;
	record.tail.captured = 101;
	record.tail.ethernet = 1;
	memset(record.tail.bytes, 0xab, 101);
	open_recorder();
	recorder_name(recorder, NAME_INTERFACE, (uint64_t)NETNS << 32 | 2, "eth0");
	recorder_add(recorder, &record.segment.header);
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET);
	assert_interface(&written.blocks[2], ETHERNET, "eth0");
	assert_packet(&written.blocks[3], 0, 0, PACKET_OUT);
	assert_int_equal(u32_at(written.blocks[3].body + 12), 101);
	assert_int_equal(u32_at(written.blocks[3].body + 16), 1514);
	assert_memory_equal(written.blocks[3].body + 20, record.tail.bytes, 101);
	assert_option(packet_option(&written.blocks[3], PCAPNG_COMMENT, 0), NULL);
	assert_option(packet_option(&written.blocks[3], PCAPNG_OPTION_RECORD, 0),
		      "TCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND=segment\n"
		      "TCPCLOSE_RECORD=5000000000 0 4026531840 10.0.0.5 52344 10.0.0.9 80 17 1000 "
		      "2000 0 502 64 0 2 1 0\n"
		      "TCPCLOSE_NAME=interface 17293822569102704642 eth0\n");
}

/* Each (namespace, index) is told of once, when it is first needed. */
static void test_interfaces(void **state)
{
	struct segment_with_tail raw = segment_of(4, 3, HOOK_XDP);

	(void)state;
	raw.segment.header.length = sizeof(raw);
	raw.tail.captured = raw.tail.original = 40;
	open_recorder();
	add_segment(1, 2, HOOK_TC_INGRESS);
	add_segment(2, 3, HOOK_XDP);
	add_segment(3, 2, HOOK_CAPTURE);
	recorder_add(recorder, &raw.segment.header);
	add_segment(5, 2, HOOK_TC_EGRESS);
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET, PCAPNG_INTERFACE,
		     PCAPNG_ENHANCED_PACKET, PCAPNG_ENHANCED_PACKET, PCAPNG_ENHANCED_PACKET,
		     PCAPNG_ENHANCED_PACKET);
	assert_interface(&written.blocks[2], ETHERNET, "if2");
	assert_interface(&written.blocks[4], ETHERNET, "if3");
	assert_packet(&written.blocks[3], 0, 1, PACKET_IN);
	assert_packet(&written.blocks[5], 1, 2, PACKET_IN);
	assert_packet(&written.blocks[6], 0, 3, PACKET_UNKNOWN);
	assert_packet(&written.blocks[7], 1, 4, PACKET_IN);
	assert_packet(&written.blocks[8], 0, 5, PACKET_OUT);
}

static uint16_t fold(const uint8_t *bytes, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The packet is what the record says, whatever parses it. */
static void assert_made(const struct segment_record *record)
{
	const struct block *block = &written.blocks[written.count - 1];
	const uint8_t *bytes = block->body + 20;
	uint32_t captured = u32_at(block->body + 12);
	struct parse_frame frame = {.data = bytes,
				    .end = bytes + captured,
				    .length = u32_at(block->body + 16),
				    .ethernet = true};
	struct tcp_segment segment;
	bool ipv4 = record->header.flow.local[10] == 0xff;

	assert_int_equal(frame.length, captured + record->payload);
	assert_int_equal(parse_segment(&frame, &segment), PARSE_SEGMENT);
	assert_memory_equal(&segment.flow, &record->header.flow, sizeof(segment.flow));
	assert_int_equal(segment.seq, record->seq);
	assert_int_equal(segment.ack, record->ack);
	assert_int_equal(segment.payload, record->payload);
	assert_int_equal(segment.flags, record->flags);
	assert_int_equal(segment.window, record->window);
	assert_int_equal(segment.ttl, record->ttl);
	assert_int_equal(segment.ip_id, ipv4 ? record->ip_id : 0);
	bytes += 14;
	if (ipv4)
		assert_int_equal(fold(bytes, 20, 0), 0xffff);
	if (record->payload)
		assert_int_equal(u16_at(bytes + (ipv4 ? 36 : 56)), 0);
	else if (ipv4)
		assert_int_equal(fold(bytes + 12, 28, 20 + 6), 0xffff);
	else
		assert_int_equal(fold(bytes + 8, 52, 20 + 6), 0xffff);
}

static void test_made_headers(void **state)
{
	static const char told[] = "the headers are made from the segment's record: its bytes were "
				   "not captured";
	static const uint32_t payloads[] = {0, 1, 1000, 70000};

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct segment_with_tail record = segment_of(1, 2, HOOK_TC_EGRESS);
		bool ipv4 = i & 1;

		record.segment.payload = payloads[i / 2];
		record.segment.ip_id = 4711;
		if (!ipv4) {
			record.segment.header.flow.local[0] = 0x20;
			record.segment.header.flow.local[10] = 0;
			record.segment.header.flow.remote[0] = 0x20;
			record.segment.header.flow.remote[10] = 0;
		}
		open_recorder();
		recorder_add(recorder, &record.segment.header);
		close_recorder();
		read_blocks("file");
		ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET);
		assert_made(&record.segment);
		assert_option(packet_option(&written.blocks[3], PCAPNG_COMMENT, 0), told);
	}
}

/* Of an interface without a link layer (tun): its bytes behind an Ethernet header, since a file of
 * two link types is none for libpcap. */
static void test_no_link_layer(void **state)
{
	static const uint8_t ethernet[14] = {[12] = 0x08};
	struct segment_with_tail record = segment_of(1, 2, HOOK_TC_EGRESS);

	(void)state;
	record.segment.header.length = sizeof(record);
	record.tail.original = 1500;
	record.tail.captured = 40;
	memset(record.tail.bytes, 0xab, 40);
	open_recorder();
	recorder_add(recorder, &record.segment.header);
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET);
	assert_int_equal(u16_at(written.blocks[2].body), ETHERNET);
	assert_option(find_option(&written.blocks[2], 8, PCAPNG_DESCRIPTION, 0),
		      "network namespace 4026531840; no link layer: its header is made");
	assert_int_equal(u32_at(written.blocks[3].body + 12), 54);
	assert_int_equal(u32_at(written.blocks[3].body + 16), 1514);
	assert_memory_equal(written.blocks[3].body + 20, ethernet, 14);
	assert_memory_equal(written.blocks[3].body + 34, record.tail.bytes, 40);
}

/* A frame that two hooks of its interface saw is one packet that tells of both; what is between the
 * two is told in its place. */
static void test_one_frame_at_two_hooks(void **state)
{
	struct segment_with_tail out = segment_of(1, 2, HOOK_TC_EGRESS), in, other;

	(void)state;
	out.segment.header.length = sizeof(out);
	out.tail.original = out.tail.captured = 66;
	out.tail.ethernet = 1;
	memset(out.tail.bytes, 0xab, 66);
	in = out;
	in.segment.hook = HOOK_TC_INGRESS;
	in.segment.header.time++;
	other = in;
	other.tail.bytes[65]++;
	open_recorder();
	recorder_add(recorder, &out.segment.header);
	add_segment(1, 3, HOOK_XDP);
	recorder_add(recorder, &in.segment.header);
	recorder_add(recorder, &other.segment.header);
	recorder_add(recorder, &out.segment.header); /* sent again */
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET, PCAPNG_INTERFACE,
		     PCAPNG_ENHANCED_PACKET, PCAPNG_ENHANCED_PACKET, PCAPNG_ENHANCED_PACKET);
}

/* Frames of the same numbers that come between the two, however many: a flood costs no more. */
static void test_frames_alike(void **state)
{
	struct segment_with_tail out = segment_of(1, 2, HOOK_TC_EGRESS), in, other;

	(void)state;
	out.segment.header.length = sizeof(out);
	out.tail.original = out.tail.captured = 66;
	in = other = out;
	in.segment.hook = HOOK_TC_INGRESS;
	for (unsigned int between = 63; between < 65; between++) {
		open_recorder();
		recorder_add(recorder, &out.segment.header);
		for (uint8_t i = 1; i <= between; i++) {
			other.tail.bytes[65] = i;
			recorder_add(recorder, &other.segment.header);
		}
		recorder_add(recorder, &in.segment.header);
		close_recorder();
		assert_int_equal(read_blocks("file"), between < 64 ? 3 + 64 : 3 + 66);
	}
}

/* A tail that cannot be is none. */
static void test_bad_tail(void **state)
{
	struct segment_with_tail record = segment_of(1, 2, HOOK_TC_EGRESS);

	(void)state;
	record.segment.header.length = sizeof(record);
	record.tail.captured = SEGMENT_BYTES + 1;
	open_recorder();
	recorder_add(recorder, &record.segment.header);
	record.tail.captured = 0;
	recorder_add(recorder, &record.segment.header);
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET, PCAPNG_ENHANCED_PACKET);
	assert_int_equal(u32_at(written.blocks[3].body + 12), 54);
	assert_int_equal(u32_at(written.blocks[4].body + 12), 54);
}

/* Comments */

static void test_comments(void **state)
{
	(void)state;
	open_recorder();
	add_segment(1 * MS, 2, HOOK_TC_EGRESS);
	add_segment(1 * MS, 2, HOOK_XDP);
	add_segment(2 * MS, 2, HOOK_TC_EGRESS);
	add_comment(1 * MS, 2, HOOK_XDP, "one");
	add_comment(1 * MS, 2, HOOK_XDP, "two, of the other end");
	add_comment(1 * MS, 3, HOOK_XDP, "nowhere");
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET, PCAPNG_ENHANCED_PACKET,
		     PCAPNG_JOURNAL, PCAPNG_ENHANCED_PACKET);
	assert_option(packet_option(&written.blocks[3], PCAPNG_COMMENT, 1), NULL);
	assert_option(packet_option(&written.blocks[4], PCAPNG_COMMENT, 1), "one");
	assert_option(packet_option(&written.blocks[4], PCAPNG_COMMENT, 2),
		      "two, of the other end");
	assert_option(packet_option(&written.blocks[4], PCAPNG_COMMENT, 3), NULL);
	assert_true(block_has(&written.blocks[5], "MESSAGE=nowhere\nTCPCLOSE_VERDICT=1\n"));
	assert_false(block_has(&written.blocks[5], "TCPCLOSE_SEQUENCE"));
	assert_option(packet_option(&written.blocks[6], PCAPNG_COMMENT, 1), NULL);
}

/* The packet has been written, or there was none: it stands where the file is then. */
static void test_late_comment(void **state)
{
	(void)state;
	open_recorder();
	add_segment(0, 2, HOOK_TC_EGRESS);
	add_header(RECORD_END, 200 * MS);
	assert_int_equal(recorder_advance(recorder, NOW + 500 * MS), 0);
	add_header(RECORD_END, 300 * MS);
	add_comment(0, 2, HOOK_TC_EGRESS, "late");
	recorder_comment(recorder, NULL, NOW + 250 * MS, "no segment", 10);
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET, PCAPNG_JOURNAL, PCAPNG_JOURNAL,
		     PCAPNG_JOURNAL, PCAPNG_JOURNAL);
	assert_true(block_has(&written.blocks[5], "=1784000005200000\nMESSAGE=late\n"));
	assert_true(block_has(&written.blocks[6], "=1784000005250000\nMESSAGE=no segment\n"));
}

/* A verdict is what people read: hostile bytes in it break nothing. */
static void test_odd_comments(void **state)
{
	static char endless[200000];
	struct recorder_place place;

	(void)state;
	memset(endless, 'x', sizeof(endless));
	for (size_t i = 0; i + 2 < sizeof(endless); i += 2)
		memcpy(endless + i, "\xc3\xa4", 2); /* cut between characters only */
	endless[0] = 'x';
	endless[1] = '\n';
	open_recorder();
	add_segment(0, 2, HOOK_TC_EGRESS);
	add_segment(1, 2, HOOK_TC_EGRESS);
	place = given_place(0, 2, HOOK_TC_EGRESS);
	recorder_comment(recorder, &place, NOW, endless, sizeof(endless));
	recorder_comment(recorder, NULL, NOW + 1, endless, sizeof(endless));
	recorder_comment(recorder, NULL, NOW + 1, "a\0b", 3);
	recorder_comment(recorder, NULL, NOW + 1, "", 0);
	close_recorder();
	read_blocks("file");
	assert_true(written.whole);
	assert_int_equal(packet_option(&written.blocks[3], PCAPNG_COMMENT, 1).length, 65534);
	assert_true(block_has(&written.blocks[5], "MESSAGE\n\x40\x0d\x03"));
	assert_true(block_has(&written.blocks[6], "MESSAGE=a\n"));
	assert_true(block_has(&written.blocks[7], "MESSAGE=\n"));
}

/* Ticks and names */

static void test_ticks(void **state)
{
	(void)state;
	open_recorder();
	add_header(RECORD_TICK, 1); /* nothing stands before it */
	add_segment(2, 2, HOOK_TC_EGRESS);
	add_header(RECORD_TICK, 20);
	add_header(RECORD_TICK, 30);
	add_header(RECORD_END, 3);
	recorder_name(recorder, NAME_CGROUP, 7, "/a");
	add_header(RECORD_TICK, 40);
	recorder_name(recorder, NAME_CGROUP, 7, "/a");
	recorder_name(recorder, NAME_CGROUP, 7, "/b");
	add_header(RECORD_TICK, 50);
	recorder_advance(recorder, NOW + 600 * MS);
	add_header(RECORD_TICK, 600 * MS); /* what it could go with is written */
	close_recorder();
	read_blocks("file");
	ASSERT_TYPES(2, PCAPNG_JOURNAL, PCAPNG_INTERFACE, PCAPNG_ENHANCED_PACKET, PCAPNG_JOURNAL,
		     PCAPNG_JOURNAL);
	assert_true(block_has(&written.blocks[2],
			      "MESSAGE=kind 11\nTCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND=tick\n"
			      "TCPCLOSE_RECORD=5000000001 "));
	assert_true(block_has(&written.blocks[4], " 2 1 0\nTCPCLOSE_TICK=5000000020\n"
						  "TCPCLOSE_TICK=5000000030\n"));
	assert_true(block_has(&written.blocks[5],
			      "TCPCLOSE_SEQUENCE=3\nTCPCLOSE_KIND=end\n"
			      "TCPCLOSE_RECORD=5000000003 0 0 :: 0 :: 0\n"
			      "TCPCLOSE_TICK=5000000040\nTCPCLOSE_NAME=cgroup 7 /a\n"
			      "TCPCLOSE_TICK=5000000050\nTCPCLOSE_NAME=cgroup 7 /b\n"));
	assert_true(block_has(&written.blocks[6], "TCPCLOSE_SEQUENCE=4\nTCPCLOSE_KIND=tick\n"));
}

/* An option of pcapng has 64 kB: what does not fit in gets entries of its own, in its turn. */
static void test_more_than_an_option_holds(void **state)
{
	static char name[4000];
	unsigned int others = 0;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	open_recorder();
	for (uint64_t i = 0; i < 100; i++)
		recorder_name(recorder, NAME_CGROUP, i, name);
	add_segment(1, 2, HOOK_TC_EGRESS);
	for (uint64_t i = 0; i < 10000; i++)
		add_header(RECORD_TICK, 2 + i);
	close_recorder();
	read_blocks("file");
	assert_true(written.whole);
	for (unsigned int i = 2; i < written.count; i++)
		others += written.blocks[i].type == PCAPNG_JOURNAL;
	assert_int_equal(others, 20 + 15);
	assert_true(block_has(&written.blocks[2],
			      "MESSAGE=names of interfaces, control groups and reasons of resets\n"
			      "TCPCLOSE_SEQUENCE=1\nTCPCLOSE_NAME=cgroup 0 n"));
}

/* Time */

static void test_waiting(void **state)
{
	(void)state;
	open_recorder();
	add_header(RECORD_END, 0);
	add_header(RECORD_END, 200 * MS);
	add_header(RECORD_END, 300 * MS);
	assert_int_equal(recorder_deadline(recorder), NOW + 500 * MS);
	assert_int_equal(recorder_advance(recorder, NOW + 500 * MS - 1), 0);
	assert_int_equal(read_blocks("file"), 2);
	assert_int_equal(recorder_advance(recorder, NOW + 500 * MS), 0);
	/* What waits for half as long goes along, so that the next write is some time away. */
	assert_int_equal(read_blocks("file"), 4);
	assert_int_equal(recorder_deadline(recorder), NOW + 800 * MS);
	assert_int_equal(recorder_advance(recorder, NOW + 800 * MS), 0);
	assert_int_equal(read_blocks("file"), 5);
	/* The memory for what waits is kept for a while. */
	assert_int_equal(recorder_deadline(recorder), NOW + 1300 * MS);
	assert_int_equal(recorder_advance(recorder, NOW + 1300 * MS), 0);
	assert_int_equal(recorder_deadline(recorder), UINT64_MAX);
	add_header(RECORD_END, UINT64_MAX - NOW);
	assert_int_equal(recorder_deadline(recorder), UINT64_MAX);
}

/* Without an advance, too: what waits takes no more memory than it may, the first goes. */
static void test_room(void **state)
{
	static char endless[1 << 20];
	struct recorder_place place;

	(void)state;
	memset(endless, 'x', sizeof(endless));
	open_recorder();
	for (unsigned int i = 0; i < 12; i++) {
		add_segment(i, 2, HOOK_TC_EGRESS);
		place = given_place(i, 2, HOOK_TC_EGRESS);
		recorder_comment(recorder, &place, NOW, endless, sizeof(endless));
		assert_int_equal(read_blocks("file"), i < 7 ? 2 : 3 + i - 6);
	}
	assert_int_equal(recorder_deadline(recorder), NOW + 5 + 500 * MS);
}

static void test_not_recorded(void **state)
{
	struct wire_record wire = {.header = {.length = sizeof(wire), .kind = RECORD_WIRE}};
	struct record unknown = {.length = sizeof(unknown), .kind = RECORD_KINDS};
	struct record cut = {.length = sizeof(cut), .kind = RECORD_STATE};

	(void)state;
	open_recorder();
	recorder_add(recorder, &wire.header);
	recorder_add(recorder, &unknown);
	recorder_add(recorder, &cut);
	close_recorder();
	assert_int_equal(read_blocks("file"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_start),
		TEST(test_file_is_private_and_emptied),
		TEST(test_order),
		TEST(test_many_come_late),
		TEST(test_state_entry),
		TEST(test_captured_packet),
		TEST(test_interfaces),
		TEST(test_made_headers),
		TEST(test_no_link_layer),
		TEST(test_one_frame_at_two_hooks),
		TEST(test_frames_alike),
		TEST(test_bad_tail),
		TEST(test_comments),
		TEST(test_late_comment),
		TEST(test_odd_comments),
		TEST(test_ticks),
		TEST(test_more_than_an_option_holds),
		TEST(test_waiting),
		TEST(test_room),
		TEST(test_not_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What a recorder wrote, read back: every kind of record, in the order of the core's calls, with
 * the names that each call looked up; from one file and from several. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/section.h"
#include "replay_given.h"

static void assert_call(unsigned int number, const union any_record *record)
{
	union any_record expected = *record;

	expected.header.source = 3;
	assert_true(number < replay.count);
	assert_memory_equal(&replay.calls[number].record, &expected, expected.header.length);
}

/* Whole files */

static void test_start(void **state)
{
	(void)state;
	open_recorder();
	close_recorder();
	replay_file();
	assert_int_equal(replay.starts, 1);
	assert_int_equal(replay.start.wall_offset, WALL);
	assert_int_equal(replay.start.started, NOW);
	assert_int_equal(replay.start.count, 0);
	assert_false(replay.start.questions);
	assert_true(replay.start.run[0] && replay.start.run[1]);
	settings.count = 12;
	settings.questions = true;
	settings.wall_offset = -5;
	open_recorder();
	close_recorder();
	replay_file();
	assert_int_equal(replay.start.wall_offset, -5);
	assert_int_equal(replay.start.count, 12);
	assert_true(replay.start.questions);
	assert_int_equal(recording_bad(replay.recording), 0);
	assert_int_equal(replay.others, 0);
}

static void test_every_kind(void **state)
{
	static union any_record records[2 * RECORD_KINDS];
	unsigned int count = 0;

	(void)state;
	open_recorder();
	/* Of a tick only its time counts: it is no entry. */
	for (uint16_t kind = 1; kind < RECORD_KINDS; kind++) {
		if (!record_fields_size(kind) || kind == RECORD_TICK)
			continue;
		records[count++] = timed(kind, (uint8_t)(kind * 7), kind);
		records[count++] = (union any_record){
			.header = {.kind = kind,
				   .length = (uint16_t)record_fields_size(kind),
				   .time = NOW},
		};
	}
	assert_int_equal(count, 18);
	for (unsigned int i = 0; i < count; i++)
		recorder_add(recorder, &records[i].header);
	close_recorder();
	replay_file();
	assert_int_equal(replay.count, count);
	for (unsigned int i = 0; i < count; i++)
		assert_call(i, &records[i]);
	assert_int_equal(recording_bad(replay.recording), 0);
	assert_int_equal(replay.others, 0);
}

/* A recording has no frame numbers: the tail of a segment is the packet, and stays in the file. */
static void test_no_tail(void **state)
{
	struct segment_with_tail record = segment_of(1, 2, HOOK_XDP);

	(void)state;
	record.segment.header.length = sizeof(record);
	record.tail.captured = 60;
	record.tail.frame = 17;
	open_recorder();
	recorder_add(recorder, &record.segment.header);
	close_recorder();
	replay_file();
	assert_int_equal(replay.count, 1);
	record.segment.header.length = sizeof(record.segment);
	record.segment.header.source = 3;
	assert_memory_equal(&replay.calls[0].record, &record, sizeof(record.segment));
}

/* Every block's place in the file is its time's, and its place in the replay is its own. */
static void test_order(void **state)
{
	static union any_record records[500];
	unsigned int seed = 1;

	(void)state;
	open_recorder();
	for (unsigned int i = 0; i < 500; i++) {
		seed = seed * 1103515245 + 12345;
		records[i] = timed(i % 3 ? RECORD_STATE : RECORD_SEGMENT, (uint8_t)i,
				   i * MS + seed % (100 * MS));
		recorder_advance(recorder, NOW + i * MS);
		recorder_add(recorder, &records[i].header);
	}
	close_recorder();
	replay_file();
	assert_int_equal(replay.count, 500);
	for (unsigned int i = 0; i < 500; i++)
		assert_call(i, &records[i]);
}

/* A name is known when the call that looked it up is made, and not before. */
static void test_names_in_their_turn(void **state)
{
	static const struct {
		uint16_t kind;
		uint64_t time;
		const char *name;
	} calls[] = {
		{RECORD_OWNER, 5, ""},    {RECORD_END, 4, "/a"},  {RECORD_END, 3, "/a"},
		{RECORD_TICK, 6, "/a"},   {RECORD_TICK, 7, "/b"}, {RECORD_TICK, 8, "/b"},
		{RECORD_END, 1, ""},      {RECORD_OWNER, 9, ""},  {RECORD_SEGMENT, 2, "/c"},
		{RECORD_TICK, 6, "/a b"},
	};
	const char *before = "";

	(void)state;
	open_recorder();
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		union any_record record = timed(calls[i].kind, 1, calls[i].time);

		if (strcmp(before, calls[i].name) != 0)
			recorder_name(recorder, NAME_CGROUP, 7,
				      *calls[i].name ? calls[i].name : NULL);
		before = calls[i].name;
		recorder_add(recorder, &record.header);
	}
	close_recorder();
	replay_file();
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_time(i, calls[i].kind, calls[i].time, calls[i].name);
	assert_int_equal(replay.count, sizeof(calls) / sizeof(calls[0]));
}

/* Whoever records for years tells of more names than a reader can keep. */
static void test_too_many_names(void **state)
{
	(void)state;
	open_recorder();
	recorder_name(recorder, NAME_CGROUP, 7, "/first");
	add_header(RECORD_END, 0);
	for (uint64_t i = 0; i < 70000; i++) {
		recorder_name(recorder, NAME_CGROUP, 1000 + i, "x");
		if (i % 1000 == 0)
			add_header(RECORD_END, i);
	}
	recorder_name(recorder, NAME_CGROUP, 7, "/first");
	add_header(RECORD_END, 70000);
	close_recorder();
	replay_file();
	assert_time(0, RECORD_END, 0, "/first");
	assert_time(replay.count - 2, RECORD_END, 69000, "");
	assert_time(replay.count - 1, RECORD_END, 70000, "/first");
	assert_true(names_count(replay.names) < 10000);
}

/* A tracer that is behind by seconds takes what is of now before what waits in the ring. */
static void test_call_far_ahead(void **state)
{
	(void)state;
	open_recorder();
	add_header(RECORD_END, 20 * S);
	add_header(RECORD_END, 0);
	add_header(RECORD_END, 5 * S);
	add_header(RECORD_END, 10 * S);
	close_recorder();
	replay_file();
	assert_time(0, RECORD_END, 20 * S, "");
	assert_time(1, RECORD_END, 0, "");
	assert_time(2, RECORD_END, 5 * S, "");
	assert_time(3, RECORD_END, 10 * S, "");
}

static void no_start(void *context, const struct recording_start *start)
{
	(void)context;
	(void)start;
}

static uint32_t interfaces_taken;

static void count_segment(void *context, const struct record *record, size_t length)
{
	const struct segment_record *segment = (const void *)record;

	(void)context;
	(void)length;
	interfaces_taken += segment->interface == interfaces_taken + 1;
}

static ssize_t read_descriptor(void *context, void *to, size_t room)
{
	return read(*(int *)context, to, room);
}

/* No file tells of more interfaces than a reader takes, whoever comes and goes while it is written.
 */
static void test_too_many_interfaces(void **state)
{
	const struct recording_listener listener = {.start = no_start, .take = count_segment};
	union any_record record = timed(RECORD_SEGMENT, 1, 0);
	struct names *names = names_new();
	struct recording *recording = recording_new(&listener, names);
	struct capture_source source = {.read = read_descriptor};
	struct capture_file *file;
	struct capture_item item;
	int descriptor;

	(void)state;
	open_recorder();
	for (uint32_t i = 1; i <= SECTION_INTERFACES + 2; i++) {
		record.header.time++;
		record.segment.interface = i;
		recorder_add(recorder, &record.header);
	}
	close_recorder();
	descriptor = open(path, O_RDONLY);
	source.context = &descriptor;
	file = capture_file_open(&source);
	while ((item = capture_file_next(file)).kind == CAPTURE_PACKET ||
	       item.kind == CAPTURE_JOURNAL)
		assert_true(recording_take(recording, &item));
	assert_int_equal(item.kind, CAPTURE_END);
	recording_end(recording);
	assert_int_equal(interfaces_taken, SECTION_INTERFACES + 2);
	assert_int_equal(recording_bad(recording), 0);
	capture_file_close(file);
	recording_free(recording);
	names_free(names);
	close(descriptor);
}

static void test_comments_are_no_calls(void **state)
{
	(void)state;
	open_recorder();
	add_segment(1, 2, HOOK_XDP);
	add_comment(1, 2, HOOK_XDP, "here");
	add_comment(2, 2, HOOK_XDP, "elsewhere");
	add_header(RECORD_END, 3);
	close_recorder();
	replay_file();
	assert_int_equal(replay.count, 2);
	assert_int_equal(replay.others, 0);
	assert_int_equal(recording_bad(replay.recording), 0);
}

/* Several files */

static void append_blocks(const char *name)
{
	static uint8_t kept[FILE_MAX];
	size_t length = written.length;

	memcpy(kept, written.bytes, length);
	read_blocks(name);
	memmove(written.bytes + length, written.bytes, written.length);
	memcpy(written.bytes, kept, length);
	written.length += length;
	split_blocks();
}

static void write_rotated(void)
{
	settings.interval = S;
	snprintf(path + strlen(path), 8, "-%%S");
	open_recorder();
	recorder_name(recorder, NAME_CGROUP, 7, "/a");
	for (unsigned int i = 0; i < 8; i++)
		add_header(RECORD_END, (i ^ 1) * S / 2 + (i == 2) * S / 2);
	close_recorder();
}

static void test_files_of_a_run(void **state)
{
	static const char *const names[] = {"file-25", "file-26", "file-27", "file-28"};

	(void)state;
	write_rotated();
	written.length = 0;
	for (unsigned int i = 0; i < 4; i++)
		append_blocks(names[i]);
	replay_bytes(written.bytes, written.length);
	assert_int_equal(replay.starts, 4);
	assert_int_equal(replay.count, 8);
	for (unsigned int i = 0; i < 8; i++)
		assert_time(i, RECORD_END, (i ^ 1) * S / 2 + (i == 2) * S / 2, "/a");
}

/* Each can be read without the ones before, and knows the names. */
static void test_one_file_of_a_run(void **state)
{
	(void)state;
	write_rotated();
	read_blocks("file-28");
	replay_bytes(written.bytes, written.length);
	assert_int_equal(replay.starts, 1);
	assert_int_equal(replay.count, 2);
	assert_time(0, RECORD_END, 7 * S / 2, "/a");
	assert_time(1, RECORD_END, 6 * S / 2, "/a");
}

static void test_missing_file_of_a_run(void **state)
{
	(void)state;
	write_rotated();
	written.length = 0;
	append_blocks("file-25");
	append_blocks("file-28");
	replay_bytes(written.bytes, written.length);
	assert_int_equal(replay.starts, 2);
	assert_int_equal(replay.count, 4);
	assert_time(0, RECORD_END, S / 2, "/a");
	assert_time(3, RECORD_END, 6 * S / 2, "/a");
}

static void test_another_run(void **state)
{
	uint64_t run;

	(void)state;
	open_recorder();
	recorder_name(recorder, NAME_CGROUP, 7, "/a");
	add_header(RECORD_END, 0);
	add_header(RECORD_END, 1);
	close_recorder();
	read_blocks("file");
	remove_block("TCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND");
	open_recorder();
	add_header(RECORD_END, 2);
	close_recorder();
	append_blocks("file");
	replay_bytes(written.bytes, written.length);
	assert_int_equal(replay.starts, 2);
	assert_int_equal(replay.count, 2);
	assert_time(0, RECORD_END, 1, "");
	assert_time(1, RECORD_END, 2, "");
	run = replay.start.run[0];
	open_recorder();
	close_recorder();
	replay_file();
	assert_int_not_equal(replay.start.run[0], run);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, done)
	const struct CMUnitTest tests[] = {
		TEST(test_start),
		TEST(test_every_kind),
		TEST(test_no_tail),
		TEST(test_order),
		TEST(test_names_in_their_turn),
		TEST(test_too_many_names),
		TEST(test_too_many_interfaces),
		TEST(test_call_far_ahead),
		TEST(test_comments_are_no_calls),
		TEST(test_files_of_a_run),
		TEST(test_one_file_of_a_run),
		TEST(test_missing_file_of_a_run),
		TEST(test_another_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

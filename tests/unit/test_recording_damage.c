// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Recordings that are cut, damaged, hostile or not ours: what they hold is told, and no more. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "replay_given.h"

/* Cut and damaged files */

/* Every part of a recording; returns the number of calls. */
static unsigned int write_varied(void)
{
	unsigned int count = 0;

	open_recorder();
	recorder_name(recorder, NAME_INTERFACE, (uint64_t)NETNS << 32 | 2, "eth0");
	for (uint16_t kind = 1; kind < RECORD_TICK; kind++) {
		union any_record record = timed(kind, 200, (20 - kind) * MS);

		if (!record_fields_size(kind))
			continue;
		recorder_name(recorder, NAME_CGROUP, 7, kind % 2 ? "/odd" : "/ev\nen");
		recorder_add(recorder, &record.header);
		count++;
	}
	add_segment(1, 2, HOOK_XDP);
	add_comment(1, 2, HOOK_XDP, "a verdict");
	recorder_comment(recorder, NULL, NOW, "another", 7);
	add_header(RECORD_TICK, 40 * MS);
	recorder_name(recorder, NAME_RESET_REASON, 3, "TCP_CLOSE");
	add_header(RECORD_TICK, 50 * MS);
	close_recorder();
	read_blocks("file");
	return count + 3;
}

/* The calls that the first blocks hold. */
static unsigned int calls_in(const struct written *file, size_t length)
{
	unsigned int calls = 0;

	for (unsigned int i = 2; i < file->count; i++) {
		const struct block *block = &file->blocks[i];
		const uint8_t *at = block->body, *end = block->body + block->length;

		if (end + 4 > file->bytes + length)
			break;
		calls += block_has(block, "TCPCLOSE_SEQUENCE=");
		for (; (at = memmem(at, (size_t)(end - at), "TCPCLOSE_TICK=", 14)); at++)
			calls++;
	}
	return calls;
}

static void test_cut_at_every_byte(void **state)
{
	static struct replay whole;
	unsigned int calls = write_varied(), last = 0;

	(void)state;
	replay_bytes(written.bytes, written.length);
	assert_int_equal(replay.count, calls);
	whole = replay;
	replay.recording = NULL;
	replay.names = NULL;
	for (size_t length = 0; length < written.length; length++) {
		uint8_t *copy = malloc(length ? length : 1);
		unsigned int found = 0;

		memcpy(copy, written.bytes, length);
		replay_bytes(copy, length);
		free(copy);
		assert_int_equal(replay.count, calls_in(&written, length));
		assert_true(replay.count >= last);
		last = replay.count;
		assert_int_equal(recording_bad(replay.recording), 0);
		/* Each is one of the whole file's, in its order. */
		for (unsigned int i = 0; i < calls && found < replay.count; i++)
			found += memcmp(&whole.calls[i].record, &replay.calls[found].record,
					sizeof(union any_record)) == 0;
		assert_int_equal(found, replay.count);
	}
	assert_int_equal(last, calls - 1);
	recording_free(whole.recording);
	names_free(whole.names);
}

static void test_damaged_bytes(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	unsigned int calls = write_varied();

	(void)state;
	for (size_t at = 0; at < written.length; at++) {
		for (unsigned int i = 0; i < sizeof(masks); i++) {
			written.bytes[at] ^= masks[i];
			replay_bytes(written.bytes, written.length);
			written.bytes[at] ^= masks[i];
			assert_true(replay.count <= calls);
		}
	}
}

/* What was lost is not waited for longer than anything can be late. */
static void test_missing_call(void **state)
{
	struct bytes bytes;
	const struct capture_source source = {.read = give, .context = &bytes};
	struct capture_file *file;
	unsigned int before_last = 0;
	struct capture_item item;

	(void)state;
	open_recorder();
	for (unsigned int i = 0; i < 10; i++)
		add_header(RECORD_END, i * 15 * S);
	close_recorder();
	read_blocks("file");
	remove_block("TCPCLOSE_SEQUENCE=3\n");
	bytes = (struct bytes){written.bytes, written.length};
	file = capture_file_open(&source);
	replay_begin();
	while ((item = capture_file_next(file)).kind != CAPTURE_END) {
		before_last = replay.count;
		recording_take(replay.recording, &item);
	}
	/* The tenth, at 135 s: the fourth, at 45 s, and those behind it had waited. */
	assert_int_equal(before_last, 8);
	assert_int_equal(replay.count, 9);
	for (unsigned int i = 0; i < 9; i++)
		assert_time(i, RECORD_END, (i < 2 ? i : i + 1) * 15 * S, "");
	capture_file_close(file);
}

/* Only what waits for more than memory allows is told before its turn. */
static void test_missing_call_of_many(void **state)
{
	struct capture_item item = {.kind = CAPTURE_JOURNAL};
	static char entry[1 << 20];
	int length;

	(void)state;
	open_recorder();
	close_recorder();
	replay_file();
	memset(entry, 'x', sizeof(entry));
	for (unsigned int i = 0; i < 100; i++) {
		length = snprintf(entry, sizeof(entry), "TCPCLOSE_SEQUENCE=%u\nTCPCLOSE_KIND=end\n",
				  i + 2);
		entry[length] = 'X';
		entry[sizeof(entry) - 1] = '\n';
		memcpy(entry + length, "X=", 2);
		item.journal = entry;
		item.journal_length = sizeof(entry);
		assert_true(recording_take(replay.recording, &item));
		assert_int_equal(replay.count, i < 64 ? 0 : i + 1);
	}
}

/* Not ours, or not understood */

static bool take_text(const char *entry)
{
	const struct capture_item item = {
		.kind = CAPTURE_JOURNAL, .journal = entry, .journal_length = strlen(entry)};

	return recording_take(replay.recording, &item);
}

static void test_not_ours(void **state)
{
	const struct capture_item packet = {.kind = CAPTURE_PACKET};

	(void)state;
	replay_begin();
	assert_false(take_text("MESSAGE=hello\n"));
	assert_false(take_text("TCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND=end\n"));
	assert_false(recording_take(replay.recording, &packet));
	assert_true(take_text("TCPCLOSE_FORMAT=1\nTCPCLOSE_RUN=00112233445566778899aabbccddeeff\n"
			      "TCPCLOSE_SEQUENCE=1\n"));
	assert_int_equal(replay.start.run[0], 0x0011223344556677);
	assert_int_equal(replay.start.run[1], 0x8899aabbccddeeff);
	assert_false(take_text("MESSAGE=hello\n"));
	assert_false(take_text(""));
	assert_false(recording_take(replay.recording, &packet));
	assert_true(take_text("TCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND=end\n"));
	assert_int_equal(replay.count, 1);
	assert_int_equal(recording_bad(replay.recording), 0);
}

/* A later format is not guessed at. */
static void test_later_format(void **state)
{
	(void)state;
	replay_begin();
	assert_false(take_text("TCPCLOSE_FORMAT=3\nTCPCLOSE_SEQUENCE=1\n"));
	assert_int_equal(replay.starts, 0);
	assert_false(take_text("TCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND=end\n"));
	assert_int_equal(replay.count, 0);
	assert_int_equal(recording_bad(replay.recording), 1);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *entry;
		unsigned int calls;
		uint64_t bad;
	} cases[] = {
		{"TCPCLOSE_KIND=end\n", 1, 0},
		{"", 0, 0},                                    /* names could have been told */
		{"TCPCLOSE_KIND=fine\n", 0, 1},                /* of a later version */
		{"TCPCLOSE_KIND=end\nTCPCLOSE_NEW=1\n", 1, 0}, /* the same */
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TIME=x\n", 0, 1},
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TIME=x\nTCPCLOSE_TIME=1\n", 0, 1},
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TIME=x\nTCPCLOSE_TICK=1\n", 1, 1},
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TICK=x\nTCPCLOSE_TICK=1\n", 2, 1},
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TICK=1\nTCPCLOSE_NAME=x\n", 2, 1},
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TICK=1\nTCPCLOSE_TIME", 1, 1},
		{"TCPCLOSE_KIND=end\nTCPCLOSE_TIME\n\xff\xff\xff\xff\xff\xff\xff\xff", 0, 1},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char entry[256];

		replay_begin();
		take_text("TCPCLOSE_FORMAT=1\nTCPCLOSE_RUN=00112233445566778899aabbccddeeff\n"
			  "TCPCLOSE_SEQUENCE=1\n");
		snprintf(entry, sizeof(entry), "TCPCLOSE_SEQUENCE=1\n%s", cases[i].entry);
		assert_true(take_text(entry));
		assert_int_equal(replay.count, cases[i].calls);
		assert_int_equal(recording_bad(replay.recording), cases[i].bad);
		/* It goes on with the next. */
		assert_true(take_text("TCPCLOSE_SEQUENCE=2\nTCPCLOSE_KIND=end\n"));
		assert_int_equal(replay.count, cases[i].calls + 1);
	}
}

/* A number can be anything: nothing is kept back for good. */
static void test_odd_numbers(void **state)
{
	(void)state;
	replay_begin();
	take_text("TCPCLOSE_FORMAT=1\n");
	assert_int_equal(recording_bad(replay.recording), 1);
	take_text("TCPCLOSE_SEQUENCE=18446744073709551615\nTCPCLOSE_KIND=end\n");
	take_text("TCPCLOSE_SEQUENCE=3\nTCPCLOSE_KIND=end\n");
	take_text("TCPCLOSE_SEQUENCE=3\nTCPCLOSE_KIND=end\n");
	take_text("TCPCLOSE_SEQUENCE=2\nTCPCLOSE_KIND=end\n");
	recording_end(replay.recording);
	assert_int_equal(replay.count, 4);
	take_text("TCPCLOSE_SEQUENCE=1\nTCPCLOSE_KIND=end\n");
	take_text("TCPCLOSE_SEQUENCE=18446744073709551615\nTCPCLOSE_KIND=end\n");
	assert_int_equal(replay.count, 5);
	recording_end(replay.recording);
	assert_int_equal(replay.count, 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, done)
	const struct CMUnitTest tests[] = {
		TEST(test_cut_at_every_byte), TEST(test_damaged_bytes),
		TEST(test_missing_call),      TEST(test_missing_call_of_many),
		TEST(test_not_ours),          TEST(test_later_format),
		TEST(test_malformed),         TEST(test_odd_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Where a recording goes: file names and when the next one begins, each as tcpdump has it, files
 * that cannot be written, and disks that are full. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "capture/rotation.h"
#include "recorder_given.h"

#define S 1000000000ull
/* 2026-07-14 03:33:20 UTC */
#define BEGUN 1784000000000000000ull

/* Names */

static void assert_name(const struct rotation *rotation, const char *name)
{
	struct buffer out = {0};

	assert_int_equal(rotation_name(rotation, &out), 0);
	buffer_add_char(&out, '\0');
	assert_string_equal(out.data, name);
	buffer_done(&out);
}

/* A file that is larger than the size is followed by another, whatever the time. */
static void step(struct rotation *rotation, const char *name)
{
	assert_false(rotation_step(rotation, rotation->size, 0));
	assert_true(rotation_step(rotation, rotation->size + 1, 0));
	assert_name(rotation, name);
}

static void test_by_size(void **state)
{
	struct rotation rotation = {.path = "a%b.pcapng", .size = 1000};

	(void)state;
	assert_name(&rotation, "a%b.pcapng");
	step(&rotation, "a%b.pcapng1");
	step(&rotation, "a%b.pcapng2");
	rotation.number = 99;
	step(&rotation, "a%b.pcapng100");
	assert_int_equal(rotation_end(&rotation), UINT64_MAX);
}

static void test_ring(void **state)
{
	struct rotation rotation = {.path = "f", .size = 1000, .files = 10};

	(void)state;
	assert_name(&rotation, "f0");
	step(&rotation, "f1");
	rotation.number = 8;
	step(&rotation, "f9");
	step(&rotation, "f0");
	rotation = (struct rotation){.path = "f", .size = 1000, .files = 11};
	assert_name(&rotation, "f00");
	step(&rotation, "f01");
	rotation.number = 9;
	step(&rotation, "f10");
	step(&rotation, "f00");
	rotation = (struct rotation){.path = "f", .size = 1000, .files = 1};
	assert_name(&rotation, "f");
	step(&rotation, "f");
	/* Without a size or an interval there is one file. */
	rotation = (struct rotation){.path = "f", .files = 3};
	assert_name(&rotation, "f");
	assert_false(rotation_step(&rotation, UINT64_MAX, UINT64_MAX));
}

static void test_by_time(void **state)
{
	struct rotation rotation = {
		.path = "f-%Y%m%d-%H:%M:%S", .interval = 60 * S, .begun = BEGUN};

	(void)state;
	assert_name(&rotation, "f-20260714-03:33:20");
	assert_false(rotation_step(&rotation, UINT64_MAX, BEGUN + 60 * S - 1));
	assert_false(rotation_step(&rotation, UINT64_MAX, BEGUN - 1));
	assert_true(rotation_step(&rotation, 0, BEGUN + 60 * S));
	assert_name(&rotation, "f-20260714-03:34:20");
	/* Empty intervals have no files; the next one begins with what comes. */
	assert_true(rotation_step(&rotation, 0, BEGUN + 1000 * S));
	assert_name(&rotation, "f-20260714-03:50:00");
	assert_int_equal(rotation_end(&rotation), UINT64_MAX);
	rotation.path = "f";
	assert_name(&rotation, "f");
}

static void test_so_many_intervals(void **state)
{
	struct rotation rotation = {.path = "f", .interval = S, .files = 2, .begun = BEGUN};

	(void)state;
	assert_int_equal(rotation_end(&rotation), UINT64_MAX);
	assert_true(rotation_step(&rotation, 0, BEGUN + S));
	assert_int_equal(rotation_end(&rotation), BEGUN + 2 * S);
	/* The last file takes what still comes. */
	assert_false(rotation_step(&rotation, 0, BEGUN + 5 * S));
	assert_name(&rotation, "f");
}

static void test_by_size_and_time(void **state)
{
	struct rotation rotation = {
		.path = "f%S-", .size = 1000, .interval = 10 * S, .begun = BEGUN};

	(void)state;
	assert_name(&rotation, "f20-");
	step(&rotation, "f20-1");
	step(&rotation, "f20-2");
	assert_true(rotation_step(&rotation, 2000, BEGUN + 10 * S));
	assert_name(&rotation, "f30-");
	rotation = (struct rotation){
		.path = "f%S-", .size = 1000, .interval = 10 * S, .files = 20, .begun = BEGUN};
	assert_name(&rotation, "f20-00");
	step(&rotation, "f20-01");
	assert_int_equal(rotation_end(&rotation), UINT64_MAX);
	assert_true(rotation_step(&rotation, 0, BEGUN + 10 * S));
	assert_name(&rotation, "f30-00");
}

static void test_name_too_long(void **state)
{
	static char pattern[PATH_MAX];
	struct rotation rotation = {.path = pattern, .interval = S, .begun = BEGUN};
	struct buffer out = {0};

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "%Y", 2);
	assert_int_equal(rotation_name(&rotation, &out), -ENAMETOOLONG);
	buffer_done(&out);
}

/* Files */

/* Each file is whole and complete: its start, its interface, the names. */
static void assert_complete(const char *name, unsigned int blocks, const char *sequence)
{
	assert_int_equal(read_blocks(name), blocks);
	assert_true(written.whole);
	assert_int_equal(written.blocks[0].type, PCAPNG_SECTION);
	assert_int_equal(written.blocks[1].type, PCAPNG_JOURNAL);
	assert_true(block_has(&written.blocks[1], sequence));
	assert_int_equal(written.blocks[2].type, PCAPNG_INTERFACE);
	assert_option(find_option(&written.blocks[2], 8, PCAPNG_NAME, 0), "eth0");
	for (unsigned int i = 3; i < blocks; i++)
		assert_int_equal(written.blocks[i].type, PCAPNG_ENHANCED_PACKET);
}

static struct option run_of(const char *name)
{
	static char run[2][64];
	static unsigned int which;
	const char *at;

	read_blocks(name);
	at = memmem(written.blocks[1].body, written.blocks[1].length, "TCPCLOSE_RUN=", 13);
	assert_non_null(at);
	memcpy(run[which ^= 1], at + 13, 32);
	return (struct option){run[which], 32};
}

static void test_files_by_size(void **state)
{
	static const char told[] = "TCPCLOSE_NAME=interface 17293822569102704642 eth0\n";
	struct option first;

	(void)state;
	settings.size = 700;
	open_recorder();
	recorder_name(recorder, NAME_INTERFACE, (uint64_t)NETNS << 32 | 2, "eth0");
	for (unsigned int i = 0; i < 6; i++)
		add_segment(i, 2, HOOK_TC_EGRESS);
	close_recorder();
	assert_complete("file", 4, "\nTCPCLOSE_SEQUENCE=1\n");
	assert_complete("file1", 4, "\nTCPCLOSE_SEQUENCE=2\n");
	assert_true(block_has(&written.blocks[1], told));
	assert_complete("file5", 4, "\nTCPCLOSE_SEQUENCE=6\n");
	first = run_of("file");
	assert_memory_equal(run_of("file5").value, first.value, 32);
}

static void test_files_in_a_ring(void **state)
{
	char fourth[80];

	(void)state;
	settings.size = 700;
	settings.files = 3;
	open_recorder();
	recorder_name(recorder, NAME_INTERFACE, (uint64_t)NETNS << 32 | 2, "eth0");
	for (unsigned int i = 0; i < 7; i++)
		add_segment(i, 2, HOOK_TC_EGRESS);
	assert_int_equal(recorder_advance(recorder, NOW + S), 0);
	assert_string_equal(recorder_path(recorder) + strlen(path), "0");
	close_recorder();
	assert_complete("file0", 4, "\nTCPCLOSE_SEQUENCE=7\n");
	assert_complete("file1", 4, "\nTCPCLOSE_SEQUENCE=5\n");
	assert_complete("file2", 4, "\nTCPCLOSE_SEQUENCE=6\n");
	snprintf(fourth, sizeof(fourth), "%s3", path);
	assert_int_equal(access(fourth, F_OK), -1);
}

/* The number in a file's start is the lowest in it, although what is later by number may stand in
 * the file before. */
static void test_lowest_number(void **state)
{
	(void)state;
	settings.interval = S;
	snprintf(path + strlen(path), 8, "-%%S");
	open_recorder();
	recorder_name(recorder, NAME_INTERFACE, (uint64_t)NETNS << 32 | 2, "eth0");
	add_segment(S + 1, 2, HOOK_TC_EGRESS);
	add_segment(1, 2, HOOK_TC_EGRESS);
	add_segment(S + 2, 2, HOOK_TC_EGRESS);
	add_segment(2, 2, HOOK_TC_EGRESS);
	close_recorder();
	assert_complete("file-25", 5, "\nTCPCLOSE_SEQUENCE=1\n");
	assert_complete("file-26", 5, "\nTCPCLOSE_SEQUENCE=1\n");
}

static void test_full(void **state)
{
	(void)state;
	settings.interval = S;
	settings.files = 2;
	snprintf(path + strlen(path), 8, "-%%S");
	open_recorder();
	recorder_name(recorder, NAME_INTERFACE, (uint64_t)NETNS << 32 | 2, "eth0");
	add_segment(1, 2, HOOK_TC_EGRESS);
	assert_int_equal(recorder_advance(recorder, NOW + 999 * MS), 0);
	add_segment(S, 2, HOOK_TC_EGRESS);
	recorder_advance(recorder, NOW + S + 999 * MS);
	assert_false(recorder_full(recorder));
	assert_int_equal(recorder_deadline(recorder), NOW + 2 * S);
	recorder_advance(recorder, NOW + 2 * S);
	assert_true(recorder_full(recorder));
	assert_int_equal(recorder_deadline(recorder), UINT64_MAX);
	/* Nothing is lost of what the session does until it ends. */
	add_segment(2 * S + 1, 2, HOOK_TC_EGRESS);
	close_recorder();
	assert_complete("file-25", 4, "\nTCPCLOSE_SEQUENCE=1\n");
	assert_complete("file-26", 5, "\nTCPCLOSE_SEQUENCE=2\n");
}

/* What cannot be written */

static void assert_refused(int error, const char *reason)
{
	struct buffer told = {0};

	assert_int_equal(recorder_open(&recorder, &settings, NOW, &told), error);
	assert_null(recorder);
	buffer_add_char(&told, '\0');
	assert_string_equal(told.data, reason);
	buffer_done(&told);
}

static void test_refused(void **state)
{
	(void)state;
	settings.path = folder;
	assert_refused(-EISDIR, "Is a directory");
	settings.path = "/nonexistent/file";
	assert_refused(-ENOENT, "No such file or directory");
	settings.path = "/dev/full";
	assert_refused(-ENOSPC, "No space left on device");
	settings.path = "-";
	settings.size = 700;
	assert_refused(-EINVAL, "standard output cannot be split into files; give a file");
}

static void test_terminal(void **state)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	(void)state;
	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) ||
	    ptsname_r(terminal, name, sizeof(name)))
		skip();
	settings.path = name;
	assert_refused(-EINVAL,
		       "it is a terminal; pipe it into 'wireshark -k -i -' or give a file");
	close(terminal);
}

/* Runs in a process of its own: not everybody can raise the limit again. */
static bool full_disk_is_told(uint64_t limit)
{
	const struct rlimit room = {.rlim_cur = limit, .rlim_max = limit};
	struct buffer reason = {0};
	bool told;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &room) || recorder_open(&recorder, &settings, NOW, &reason))
		return false;
	for (unsigned int i = 0; i < 100; i++)
		add_segment(i, 2, HOOK_TC_EGRESS);
	told = recorder_advance(recorder, NOW + S) == -EFBIG;
	/* It stays that, and nothing waits for what will never come. */
	add_segment(S, 2, HOOK_TC_EGRESS);
	add_comment(S, 2, HOOK_TC_EGRESS, "lost");
	told &= recorder_deadline(recorder) == UINT64_MAX;
	told &= recorder_advance(recorder, NOW + 2 * S) == -EFBIG;
	return recorder_close(recorder) == -EFBIG && told;
}

static void test_full_disk(void **state)
{
	unsigned int least = UINT_MAX, most = 0;

	(void)state;
	for (uint64_t limit = 5000; limit < 6000; limit += 37) {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(!full_disk_is_told(limit));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		read_blocks("file");
		assert_true(written.whole);
		assert_true(written.length <= limit && written.length + 700 > limit);
		least = written.count < least ? written.count : least;
		most = written.count > most ? written.count : most;
	}
	assert_in_range(least, 14, 20);
	assert_in_range(most, least + 2, 26);
}

static void test_reader_gone(void **state)
{
	char name[32];
	int ends[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	settings.path = name;
	open_recorder();
	close(ends[0]);
	add_segment(0, 2, HOOK_TC_EGRESS);
	assert_int_equal(recorder_advance(recorder, NOW + S), -EPIPE);
	assert_int_equal(recorder_close(recorder), -EPIPE);
	recorder = NULL;
	close(ends[1]);
}

/* The next file cannot be made: the one before is whole. */
static void test_next_file_refused(void **state)
{
	char next[80];

	(void)state;
	settings.size = 1;
	snprintf(next, sizeof(next), "%s1", path);
	assert_int_equal(mkdir(next, 0700), 0);
	open_recorder();
	add_segment(0, 2, HOOK_TC_EGRESS);
	add_segment(1, 2, HOOK_TC_EGRESS);
	assert_int_equal(recorder_advance(recorder, NOW + S), -EISDIR);
	assert_string_equal(recorder_path(recorder), next);
	assert_int_equal(recorder_close(recorder), -EISDIR);
	recorder = NULL;
	assert_int_equal(read_blocks("file"), 2);
	assert_true(written.whole);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_size),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_by_time),
		cmocka_unit_test(test_so_many_intervals),
		cmocka_unit_test(test_by_size_and_time),
		cmocka_unit_test(test_name_too_long),
		TEST(test_files_by_size),
		TEST(test_files_in_a_ring),
		TEST(test_lowest_number),
		TEST(test_full),
		TEST(test_refused),
		TEST(test_terminal),
		TEST(test_full_disk),
		TEST(test_reader_gone),
		TEST(test_next_file_refused),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

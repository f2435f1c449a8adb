// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The queue of questions: bounded, counted, and no larger than what waits in it. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "questions.h"

#define MORE 5
/* Looked for in one go. */
#define LOOKS 256
#define WAITING 10000
#define ROUNDS 512
#define SMALL (4u << 20)

static const struct flow nobody = {
	.local = {[10] = 0xff, 0xff, 127, 0, 0, 1},
	.remote = {[10] = 0xff, 0xff, 127, 0, 0, 2},
	.local_port = 9,
	.remote_port = 9,
};

static void take(void *context, const struct record *record, size_t length)
{
	unsigned int *count = context;

	(void)record;
	(void)length;
	++*count;
}

static void what_finds_no_room_is_counted(void **state)
{
	struct questions *questions = questions_new(0, false);

	(void)state;
	assert_non_null(questions);
	for (unsigned int i = 0; i < QUESTIONS_AT_MOST + MORE; i++)
		questions_add(questions, &nobody, 1);
	assert_int_equal(questions_dropped(questions), MORE);
	questions_free(questions);
}

static size_t memory(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.hblkhd + info.uordblks;
}

static void what_was_answered_takes_no_room(void **state)
{
	struct questions *questions;
	unsigned int answers = 0;
	struct stat here;
	size_t before;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &here), 0);
	questions = questions_new((uint32_t)here.st_ino, false);
	assert_non_null(questions);
	before = memory();
	for (unsigned int i = 0; i < WAITING; i++)
		questions_add(questions, &nobody, (uint32_t)here.st_ino);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < LOOKS; i++)
			questions_add(questions, &nobody, (uint32_t)here.st_ino);
		if (!questions_look(questions, 1))
			break;
		questions_answer(questions, take, &answers);
	}
	if (!answers)
		skip(); /* sock_diag is not to be had */
	assert_int_equal(answers, ROUNDS * LOOKS);
	assert_int_equal(questions_dropped(questions), 0);
	assert_in_range(memory() - before, 0, SMALL);
	questions_free(questions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_finds_no_room_is_counted),
		cmocka_unit_test(what_was_answered_takes_no_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

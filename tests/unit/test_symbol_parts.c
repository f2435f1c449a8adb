// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the symbolizer is made of that needs no process: its messages, lines of maps, perf maps, the
 * status of a process. Each also with garbage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "symbols/jit_names.h"
#include "symbols/perf_map.h"
#include "symbols/process_maps.h"
#include "symbols/symbol_message.h"

#define SEEDS 20000

/* The same numbers every time. */
static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* In a block of just that size, so that a sanitizer sees what is read beyond. */
static void *copy_of(const void *bytes, size_t size)
{
	return memcpy(malloc(size + !size), bytes, size);
}

static void fill_answer(struct buffer *buffer, uint64_t id)
{
	const struct stack_frame frames[] = {
		{0x1001, 0x11, "/bin/server", "take", "server.c", 7, true},
		{0x1001, 0x11, "/bin/server", "serve", "server.c", 12, false},
		{0x2002, 0, NULL, NULL, NULL, 0, false},
	};
	const struct stack stack = {frames, 3, STACK_WHOLE};

	buffer_init(buffer);
	symbol_answer_pack(buffer, id, &stack);
}

static void answers_arrive_as_they_were(void **state)
{
	struct buffer buffer;
	struct stack stack;

	(void)state;
	fill_answer(&buffer, 5);
	assert_int_equal(symbol_answer_parse(buffer.data, buffer.length, 5, &stack), 0);
	assert_int_equal(stack.count, 3);
	assert_int_equal(stack.end, STACK_WHOLE);
	assert_int_equal(stack.frames[0].address, 0x1001);
	assert_int_equal(stack.frames[0].offset, 0x11);
	assert_string_equal(stack.frames[0].module, "/bin/server");
	assert_string_equal(stack.frames[0].function, "take");
	assert_string_equal(stack.frames[1].file, "server.c");
	assert_int_equal(stack.frames[1].line, 12);
	assert_true(stack.frames[0].inlined);
	assert_false(stack.frames[1].inlined);
	assert_null(stack.frames[2].module);
	assert_null(stack.frames[2].function);
	assert_null(stack.frames[2].file);
	free((void *)stack.frames);
	assert_int_equal(symbol_answer_parse(buffer.data, buffer.length, 6, &stack), -EBADMSG);
	buffer_done(&buffer);
}

static void long_answers_are_cut(void **state)
{
	struct stack_frame frames[SYMBOL_FRAMES + 5] = {};
	const struct stack long_stack = {frames, SYMBOL_FRAMES + 5, STACK_DEEP};
	static char text[SYMBOL_FRAMES][6000];
	struct buffer buffer;
	struct stack stack;

	(void)state;
	for (int i = 0; i < SYMBOL_FRAMES; i++) {
		memset(text[i], 'a' + i % 26, sizeof(text[i]) - 1);
		snprintf(text[i], 5, "%04d", i);
		text[i][4] = 'x';
		frames[i].function = frames[i].file = text[i];
	}
	buffer_init(&buffer);
	symbol_answer_pack(&buffer, 1, &long_stack);
	assert_true(buffer.length <= SYMBOL_MESSAGE);
	assert_int_equal(symbol_answer_parse(buffer.data, buffer.length, 1, &stack), 0);
	assert_int_equal(stack.count, SYMBOL_FRAMES);
	assert_int_equal(strlen(stack.frames[0].function), SYMBOL_FUNCTION - 1);
	assert_int_equal(strlen(stack.frames[0].file), SYMBOL_PATH - 1);
	assert_null(stack.frames[SYMBOL_FRAMES - 1].file);
	free((void *)stack.frames);
	buffer_done(&buffer);
}

/* An answer that is believed is a sound one, whatever it says. */
static void walk_all(const struct stack *stack)
{
	volatile size_t length = 0;

	assert_true(stack->count <= SYMBOL_FRAMES && stack->end < STACK_ENDS);
	assert_int_not_equal(stack->end, STACK_PENDING);
	for (uint32_t i = 0; i < stack->count; i++) {
		const struct stack_frame *frame = &stack->frames[i];

		length += frame->module ? strlen(frame->module) : 0;
		length += frame->function ? strlen(frame->function) : 0;
		length += frame->file ? strlen(frame->file) : 0;
		assert_true(!frame->inlined || i + 1 < stack->count);
	}
}

static void garbage_is_no_answer(void **state)
{
	struct buffer buffer;
	uint32_t random = 1, believed = 0;

	(void)state;
	fill_answer(&buffer, 5);
	for (size_t length = 0; length < buffer.length; length++) {
		char *cut = copy_of(buffer.data, length);
		struct stack stack;

		assert_int_equal(symbol_answer_parse(cut, length, 5, &stack), -EBADMSG);
		free(cut);
	}
	for (int i = 0; i < SEEDS; i++) {
		char *changed = copy_of(buffer.data, buffer.length);
		struct stack stack;

		for (uint32_t n = random_next(&random) % 4 + 1; n; n--)
			changed[8 + random_next(&random) % (buffer.length - 8)] =
				(char)random_next(&random);
		if (symbol_answer_parse(changed, buffer.length, 5, &stack) == 0) {
			walk_all(&stack);
			free((void *)stack.frames);
			believed++;
		}
		free(changed);
	}
	assert_true(believed > 0 && believed < SEEDS);
	buffer_done(&buffer);
}

static void questions_arrive_as_they_were(void **state)
{
	const uint64_t chain[] = {0x10, 0x20, 0x30};
	const struct raw_stack raw = {.pid = 7,
				      .ip = 1,
				      .sp = 2,
				      .fp = 3,
				      .lr = 4,
				      .chain = chain,
				      .chain_count = 3,
				      .chain_limit = 9,
				      .copy = "stack",
				      .copied = 5};
	struct raw_stack arrived;
	struct buffer buffer;
	uint64_t id;

	(void)state;
	buffer_init(&buffer);
	symbol_question_pack(&buffer, 11, &raw);
	assert_true(symbol_question_parse(buffer.data, buffer.length, &id, &arrived));
	assert_int_equal(id, 11);
	assert_int_equal(arrived.pid, 7);
	assert_int_equal(arrived.lr, 4);
	assert_int_equal(arrived.chain_count, 3);
	assert_int_equal(arrived.chain_limit, 9);
	assert_memory_equal(arrived.chain, chain, sizeof(chain));
	assert_memory_equal(arrived.copy, "stack", 5);
	assert_false(symbol_question_parse(buffer.data, buffer.length - 1, &id, &arrived));
	assert_false(symbol_question_parse(buffer.data, 3, &id, &arrived));
	buffer_done(&buffer);
}

static void parse_mapping(const char *line, struct process_mapping *mapping, char path[64])
{
	char *copy = copy_of(line, strlen(line));

	assert_true(process_maps_parse(copy, strlen(line), mapping));
	snprintf(path, 64, "%.*s", (int)mapping->path_length, copy + mapping->path);
	free(copy);
}

static void lines_of_maps(void **state)
{
	static const char *const wrong[] = {
		"",
		"5000",
		"5000-6000",
		"5000-6000 r-xp",
		"6000-5000 r-xp 00000000 fd:00 12 /x",
		"5000-5000 r-xp 00000000 fd:00 12 /x",
		"x-6000 r-xp 00000000 fd:00 12 /x",
		"5000-6000 r-xp 0 fd:00",
		"11111111111111111111111-6000 r-xp 00000000 fd:00 12 /x",
	};
	struct process_mapping mapping;
	char path[64];

	(void)state;
	parse_mapping("7fd1f7950000-7fd1f7960000 r-xp 00010000 fd:1a 18624     /usr/lib/a b.so",
		      &mapping, path);
	assert_int_equal(mapping.start, 0x7fd1f7950000);
	assert_int_equal(mapping.end, 0x7fd1f7960000);
	assert_int_equal(mapping.offset, 0x10000);
	assert_int_equal(mapping.device, makedev(0xfd, 0x1a));
	assert_int_equal(mapping.inode, 18624);
	assert_true(mapping.executable);
	assert_string_equal(path, "/usr/lib/a b.so");
	parse_mapping("5000-6000 rw-p 00000000 00:00 0 ", &mapping, path);
	assert_false(mapping.executable);
	assert_string_equal(path, "");
	parse_mapping("5000-6000 r-xp 00000000 00:01 9 /memfd:code (deleted)", &mapping, path);
	assert_string_equal(path, "/memfd:code");
	parse_mapping("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]",
		      &mapping, path);
	assert_int_equal(mapping.start, 0xffffffffff600000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(process_maps_parse(wrong[i], strlen(wrong[i]), &mapping));
}

static void garbage_is_no_mapping(void **state)
{
	static const char line[] = "7fd1f7950000-7fd1f7960000 r-xp 00010000 fd:1a 18624 /lib/a.so";
	uint32_t random = 2;

	(void)state;
	for (int i = 0; i < SEEDS; i++) {
		size_t length = random_next(&random) % sizeof(line);
		char *changed = copy_of(line, length);
		struct process_mapping mapping;

		if (length)
			changed[random_next(&random) % length] = (char)random_next(&random);
		if (process_maps_parse(changed, length, &mapping)) {
			assert_true(mapping.start < mapping.end);
			assert_true(mapping.path + mapping.path_length <= length);
		}
		free(changed);
	}
}

/* Scans a text in pieces of a size, as a reader with a small block would. */
static void scan_in_pieces(const char *text, size_t length, size_t piece, bool middle,
			   struct perf_map_wish *wishes, size_t count)
{
	struct perf_map map;
	size_t from = 0, to = 0;

	perf_map_init(&map, wishes, count, middle);
	while (to < length) {
		char *block;

		to = to + piece < length ? to + piece : length;
		block = copy_of(text + from, to - from);
		from += perf_map_scan(&map, block, to - from);
		free(block);
	}
}

static void names_of_a_perf_map(void **state)
{
	static const char text[] = "half 10 a line\n"
				   "1000 10 early\n"
				   "2000 20 LazyCompile:~serve /srv/app.js:3:1\n"
				   "0x3000 0X10 prefixed\n"
				   "garbage\n"
				   "1000\n"
				   "1000 10\n"
				   "1000 10 \n"
				   "1000 0 empty\n"
				   "fffffffffffffffff 10 too long a number\n"
				   "fffffffffffffff0 ffffffffffffffff round the end\n"
				   "\n"
				   "1000 10 late\n"
				   "2010 1 no end of line";
	static const struct {
		uint64_t address;
		const char *name;
	} expected[] = {
		{0xfff, ""},
		{0x1000, "late"},
		{0x100f, "late"},
		{0x1010, ""},
		{0x2010, "LazyCompile:~serve /srv/app.js:3:1"},
		{0x3004, "prefixed"},
		{0xfffffffffffffff8, "round the end"},
	};
	struct perf_map_wish wishes[7];

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		for (size_t i = 0; i < 7; i++)
			wishes[i].address = expected[i].address;
		scan_in_pieces(text, sizeof(text) - 1, piece, false, wishes, 7);
		for (size_t i = 0; i < 7; i++)
			assert_string_equal(wishes[i].name, expected[i].name);
	}
	/* The first line is not known to be one when it is in the middle of the file. */
	wishes[0].address = 0x1000;
	scan_in_pieces("1000 10 half\n2000 10 whole\n", 27, 100, true, wishes, 1);
	assert_string_equal(wishes[0].name, "");
}

static void long_lines_of_a_perf_map(void **state)
{
	struct perf_map_wish wish = {.address = 0x1000};
	size_t length = 100000;
	char *text = malloc(length);

	(void)state;
	memset(text, 'n', length);
	memcpy(text, "1000 10 ", 8);
	memcpy(text + length - 14, "\n1000 10 next\n", 14);
	scan_in_pieces(text, length, 7000, false, &wish, 1);
	assert_string_equal(wish.name, "next");
	text[3000] = '\n';
	scan_in_pieces(text, 3001, 4000, false, &wish, 1);
	assert_int_equal(strlen(wish.name), PERF_MAP_NAME - 1);
	free(text);
}

static void garbage_is_no_perf_map(void **state)
{
	static const char alphabet[] = "0123456789abcdefx \n\n\t-";
	uint32_t random = 3;

	(void)state;
	for (int i = 0; i < SEEDS / 10; i++) {
		struct perf_map_wish wishes[2] = {{.address = 0x10}, {.address = UINT64_MAX}};
		char text[300];
		size_t length = random_next(&random) % sizeof(text);

		for (size_t n = 0; n < length; n++)
			text[n] = alphabet[random_next(&random) % (sizeof(alphabet) - 1)];
		scan_in_pieces(text, length, random_next(&random) % 40 + 1, i % 2, wishes, 2);
		assert_true(strlen(wishes[0].name) < sizeof(text));
	}
}

static void owner_from_a_status(void **state)
{
	char good[] = "Name:\tnode\nUid:\t5\t6\t7\t8\nNSpid:\t4711\t12\t1\n";
	char short_one[] = "Name:\tnode\nUid:\t5\t6\t7\t8\n";
	char named[] = "Name:\tUid: 0 0\nNSpid:\t4711\n";
	char empty[] = "";
	struct jit_owner owner;

	(void)state;
	assert_true(jit_owner_parse(good, &owner));
	assert_int_equal(owner.pid, 1);
	assert_int_equal(owner.uid, 6);
	assert_false(jit_owner_parse(short_one, &owner));
	assert_false(jit_owner_parse(named, &owner));
	assert_false(jit_owner_parse(empty, &owner));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_arrive_as_they_were),
		cmocka_unit_test(long_answers_are_cut),
		cmocka_unit_test(garbage_is_no_answer),
		cmocka_unit_test(questions_arrive_as_they_were),
		cmocka_unit_test(lines_of_maps),
		cmocka_unit_test(garbage_is_no_mapping),
		cmocka_unit_test(names_of_a_perf_map),
		cmocka_unit_test(long_lines_of_a_perf_map),
		cmocka_unit_test(garbage_is_no_perf_map),
		cmocka_unit_test(owner_from_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

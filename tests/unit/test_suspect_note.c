// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A suspect of CLOSE_WAIT in a recording: what is read says what was written; what is damaged is
 * none, or says something else, and never more than memory holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/journal.h"
#include "capture/recording_format.h"
#include "output/output.h"
#include "suspect_note.h"

static const struct stack_frame frames[] = {
	{.address = 0x7f0000001234, .offset = 0x1234, .module = "/lib/libc.so.6"},
	{.address = 0x5580c00193cc,
	 .offset = 0x13cc,
	 .module = "/srv/a\nb",
	 .function = "accept_client",
	 .file = "shopd.c",
	 .line = 140,
	 .inlined = true},
};
static const struct stack stacks[] = {
	{.frames = frames, .count = 2, .end = STACK_WHOLE},
	{.frames = frames + 1, .count = 1, .end = STACK_DEEP},
};
static const struct close_wait_holder holders[] = {
	{.pid = 812, .fd = 7, .comm = "nginx", .cgroup = "/a", .unit = "nginx.service"},
	{.pid = 1,
	 .fd = 2147483647,
	 .comm = {'\xff', '\n', '=', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x',
		  'x'},
	 .container = "0123456789ab",
	 .engine = "docker",
	 .pod = "pod",
	 .foreign = true,
	 .stopped = true},
};
static const struct close_wait_report whole = {
	.time = 5000000000,
	.flow = {.local = {[10] = 0xff, 0xff, 10, 0, 0, 1},
		 .remote = {0x20, 1, 0xd, 0xb8, [15] = 9},
		 .local_port = 443,
		 .remote_port = 65535},
	.netns = 4026531840,
	.uid = 33,
	.cgroup = 77,
	.since = 1000000000,
	.age = 4000000000,
	.unread_bytes = 9,
	.eof_read = true,
	.accepted = true,
	.holders = holders,
	.holder_count = 2,
	.holders_known = true,
	.created = {.how = OWNER_ACCEPT,
		    .task = {.pid = 812, .tid = 813, .comm = "nginx"},
		    .time = 900000000,
		    .stack = &stacks[0]},
	.last_read = {.task = {.pid = 812, .tid = 812, .comm = "nginx"},
		      .time = 1100000000,
		      .stack = &stacks[1]},
	.last_read_bytes = 78,
};

static void add_note(struct buffer *fields, const struct close_wait_report *report)
{
	buffer_init(fields);
	journal_add_string(fields, FIELD_NOTE, SUSPECT_NOTE);
	suspect_note_add(fields, report);
	assert_false(fields->failed);
}

static void show(struct output *output, const struct close_wait_report *report)
{
	*output = (struct output){.format = &output_json};
	output->format->close_wait(output, report);
}

static void assert_same(const struct close_wait_report *report)
{
	struct output before, after;
	struct suspect_note *note;
	struct buffer fields;

	add_note(&fields, report);
	note = suspect_note_read(fields.data, fields.length);
	assert_non_null(note);
	show(&before, report);
	show(&after, suspect_note_report(note));
	assert_int_equal(before.out.length, after.out.length);
	assert_memory_equal(before.out.data, after.out.data, before.out.length);
	assert_memory_equal(&suspect_note_report(note)->flow, &report->flow, sizeof(report->flow));
	suspect_note_free(note);
	buffer_done(&before.out);
	buffer_done(&after.out);
	buffer_done(&fields);
}

static void what_is_read_was_written(void **state)
{
	static const struct close_wait_report nothing = {
		.flow = {.local = {[15] = 1}, .remote = {[15] = 1}}};
	struct close_wait_report report = whole;

	(void)state;
	assert_same(&whole);
	assert_same(&nothing);
	report.since = 0;
	report.holder_count = 0;
	report.created.stack = NULL;
	assert_same(&report);
}

static void damage_is_harmless(void **state)
{
	struct buffer fields;

	(void)state;
	add_note(&fields, &whole);
	for (size_t length = 0; length < fields.length; length++) {
		char *cut = malloc(length ? length : 1);

		memcpy(cut, fields.data, length);
		suspect_note_free(suspect_note_read(cut, length));
		free(cut);
	}
	for (size_t at = 0; at < fields.length; at++) {
		char byte = fields.data[at];

		for (unsigned int i = 0; i < 3; i++) {
			fields.data[at] = (char[]){'9', '\n', (char)(byte ^ 0x80)}[i];
			suspect_note_free(suspect_note_read(fields.data, fields.length));
		}
		fields.data[at] = byte;
	}
	buffer_done(&fields);
}

static void another_note_is_none(void **state)
{
	struct buffer fields;

	(void)state;
	buffer_init(&fields);
	suspect_note_add(&fields, &whole);
	assert_null(suspect_note_read(fields.data, fields.length));
	journal_add_string(&fields, FIELD_NOTE, "weather");
	assert_null(suspect_note_read(fields.data, fields.length));
	buffer_done(&fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_was_written),
		cmocka_unit_test(damage_is_harmless),
		cmocka_unit_test(another_note_is_none),
	};

	return cmocka_run_group_tests_name("suspect_note", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The Journal Export Format, and in it records and names: there and back, hostile, malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/names.h"
#include "journal_given.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint16_t kinds[] = {
	RECORD_STATE,     RECORD_SEGMENT, RECORD_RESET, RECORD_RETRANSMIT, RECORD_TIME_WAIT,
	RECORD_NAMESPACE, RECORD_OWNER,   RECORD_LOSS,  RECORD_END,        RECORD_TICK,
};

static struct buffer out;

static int clear(void **state)
{
	(void)state;
	buffer_done(&out);
	return 0;
}

static void assert_text(const char *text)
{
	buffer_add_char(&out, '\0');
	assert_string_equal(out.data, text);
	buffer_done(&out);
}

/* One field, read from a copy that ends where its memory ends. */
static enum journal_answer read_one(const char *bytes, size_t length, struct journal_field *field)
{
	static char *memory;
	struct journal journal = {.length = length};

	free(memory);
	memory = malloc(length ? length : 1);
	assert_non_null(memory);
	memcpy(memory, bytes, length);
	journal.at = memory;
	return journal_next(&journal, field);
}

/* Text stays text, anything else goes with its length; both come back. */
static void test_journal_values(void **state)
{
	static const struct {
		const char *value;
		size_t length;
		bool text;
	} cases[] = {
		{"", 0, true},
		{"curl", 4, true},
		{"a=b", 3, true},
		{"tab\there", 8, true},
		{"\xc3\xa9", 2, true},
		{"two\nlines", 9, false},
		{"\r", 1, false},
		{"\0", 1, false},
		{"\x1b[31m", 5, false},
		{"\xff\xfe", 2, false},
		{"\xe2\x80\xae", 3, false}, /* turns the direction of writing */
		{"A=1\nB=2\n", 8, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct journal_field field;

		journal_add(&out, "NAME", cases[i].value, cases[i].length);
		assert_int_equal(out.data[4], cases[i].text ? '=' : '\n');
		assert_int_equal(read_one(out.data, out.length, &field), JOURNAL_FIELD);
		assert_true(journal_is(&field, "NAME"));
		assert_int_equal(field.value_length, cases[i].length);
		assert_memory_equal(field.value, cases[i].value, cases[i].length);
		for (size_t cut = 1; cut < out.length; cut++)
			assert_int_equal(read_one(out.data, cut, &field), JOURNAL_BROKEN);
		buffer_clear(&out);
	}
}

static void test_journal_binary_form(void **state)
{
	static const char expected[] = "_COMM\n\x05\0\0\0\0\0\0\0cu\nrl\n";

	(void)state;
	journal_add(&out, "_COMM", "cu\nrl", 5);
	assert_int_equal(out.length, sizeof(expected) - 1);
	assert_memory_equal(out.data, expected, out.length);
}

static void test_journal_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		enum journal_answer answer;
	} cases[] = {
		{"", 0, JOURNAL_END},
		{"\nA=1\n", 5, JOURNAL_END},
		{"=1\n", 3, JOURNAL_BROKEN},
		{"A=1", 3, JOURNAL_BROKEN},
		{"A\n", 2, JOURNAL_BROKEN},
		{"A\n\1\0\0\0\0\0\0\0xx", 12, JOURNAL_BROKEN}, /* no newline behind it */
		{"A\n\xff\xff\xff\xff\xff\xff\xff\xff\n", 11, JOURNAL_BROKEN},
		{"A\n\0\0\0\0\0\0\0\0\n", 11, JOURNAL_FIELD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct journal_field field;

		assert_int_equal(read_one(cases[i].bytes, cases[i].length, &field),
				 cases[i].answer);
	}
}

static void test_journal_numbers(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t number;
	} cases[] = {
		{"0", true, 0},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"99999999999999999999", false, 0},
		{"", false, 0},
		{"-1", false, 0},
		{" 1", false, 0},
		{"1x", false, 0},
		{"0x10", false, 0},
	};
	struct journal_field field;
	uint64_t number;
	int64_t offset;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		field = given_field("N", cases[i].text);
		assert_int_equal(journal_unsigned(&field, &number), cases[i].good);
		if (cases[i].good)
			assert_int_equal(number, cases[i].number);
	}
	field = given_field("N", "-9223372036854775807");
	assert_true(journal_signed(&field, &offset));
	assert_int_equal(offset, -INT64_MAX);
	field = given_field("N", "9223372036854775808");
	assert_false(journal_signed(&field, &offset));
	field = given_field("N", "-");
	assert_false(journal_signed(&field, &offset));
}

/* No byte that means something is forgotten, whatever its value. */
static void test_every_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		for (unsigned int first = 0; first < 255; first++) {
			union any_record record = given_record(kinds[i], (uint8_t)first), back;

			assert_true(record_fields_add(&out, &record.header));
			back = given_back(&out);
			assert_memory_equal(&back, &record, record.header.length);
			buffer_clear(&out);
		}
	}
}

static void test_zeros(void **state)
{
	static const char *const begins[] = {
		"TCPCLOSE_KIND=state\n",     "TCPCLOSE_KIND=segment\n",
		"TCPCLOSE_KIND=reset\n",     "TCPCLOSE_KIND=retransmit\n",
		"TCPCLOSE_KIND=time_wait\n", "TCPCLOSE_KIND=namespace\n",
		"TCPCLOSE_KIND=owner\n",     "TCPCLOSE_KIND=loss\n",
		"TCPCLOSE_KIND=end\n",       "TCPCLOSE_KIND=tick\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t size = record_fields_size(kinds[i]);
		union any_record record = {.header = {.kind = kinds[i], .length = (uint16_t)size}};
		union any_record back;

		assert_true(record_fields_add(&out, &record.header));
		back = given_back(&out);
		assert_memory_equal(&back, &record, size);
		assert_memory_equal(out.data, begins[i], strlen(begins[i]));
		buffer_clear(&out);
	}
}

static const struct owner_record owner_told = {
	.header = {.length = sizeof(struct owner_record),
		   .kind = RECORD_OWNER,
		   .cpu = 3,
		   .time = 1234567890,
		   .netns = 4026531840,
		   .flow = {.local = {[10] = 0xff, 0xff, 10, 0, 0, 5},
			    .remote = {0x20, 0x01, 0x0d, 0xb8, [15] = 9},
			    .local_port = 52344,
			    .remote_port = 80}},
	.socket = 7,
	.owner = {.pid = 812, .how = OWNER_HOLDER, .comm = "nginx: worker"},
};

/* What a recording of today looks like must stay readable. */
static void test_text(void **state)
{
	(void)state;
	assert_true(record_fields_add(&out, &owner_told.header));
	assert_text("TCPCLOSE_KIND=owner\n"
		    "TCPCLOSE_RECORD=1234567890 3 4026531840 10.0.0.5 52344 2001:db8::9 80 7 812 "
		    "4\n"
		    "TCPCLOSE_OWNER_COMM=nginx: worker\n");
}

static void assert_owner_told(void)
{
	union any_record back = given_back(&out);

	assert_memory_equal(&back, &owner_told, sizeof(owner_told));
	buffer_clear(&out);
}

/* ... as must one of format 1, and one to whose row something was added; or it ends early. */
static void test_other_forms(void **state)
{
	(void)state;
	buffer_add_literal(&out, "TCPCLOSE_KIND=owner\nTCPCLOSE_TIME=1234567890\nTCPCLOSE_CPU=3\n"
				 "TCPCLOSE_NETNS=4026531840\nTCPCLOSE_LOCAL=10.0.0.5\n"
				 "TCPCLOSE_LOCAL_PORT=52344\nTCPCLOSE_REMOTE=2001:db8::9\n"
				 "TCPCLOSE_REMOTE_PORT=80\nTCPCLOSE_SOCKET=7\n"
				 "TCPCLOSE_OWNER_PID=812\nTCPCLOSE_OWNER_HOW=4\n"
				 "TCPCLOSE_OWNER_COMM=nginx: worker\n");
	assert_owner_told();
	buffer_add_literal(&out, "TCPCLOSE_KIND=owner\nTCPCLOSE_RECORD=1234567890 3 4026531840 "
				 "10.0.0.5 52344 2001:db8::9 80 7 812 4 5 ::1 new\n"
				 "TCPCLOSE_OWNER_COMM=nginx: worker\n");
	assert_owner_told();
	buffer_add_literal(&out, "TCPCLOSE_KIND=owner\nTCPCLOSE_RECORD=1234567890 3 4026531840 "
				 "10.0.0.5 52344 2001:db8::9 80\nTCPCLOSE_OWNER_HOW=4\n"
				 "TCPCLOSE_SOCKET=7\nTCPCLOSE_OWNER_PID=812\n"
				 "TCPCLOSE_OWNER_COMM=nginx: worker\n");
	assert_owner_told();
}

static void test_hostile_comms(void **state)
{
	static const char comms[][RECORD_COMM_LENGTH] = {
		"TCPCLOSE_TO=7\nX",
		{'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'},
		"\xff\xfe\x80",
		"\nMESSAGE=x\n",
		"<script>",
		" ",
		"\xe2\x80\xae",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(comms); i++) {
		union any_record record = {
			.header = {.kind = RECORD_STATE, .length = sizeof(struct state_record)}};
		union any_record back;

		memcpy(record.state.owner.comm, comms[i], RECORD_COMM_LENGTH);
		memcpy(record.state.task.comm, comms[i], RECORD_COMM_LENGTH);
		record.state.to = 4;
		record_fields_add(&out, &record.header);
		back = given_back(&out);
		assert_memory_equal(&back, &record, sizeof(struct state_record));
		buffer_clear(&out);
	}
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		enum field_answer answer;
	} cases[] = {
		{"TCPCLOSE_FROM", "255", FIELD_TAKEN},
		{"TCPCLOSE_FROM", "256", FIELD_BAD},
		{"TCPCLOSE_LOCAL_PORT", "65536", FIELD_BAD},
		{"TCPCLOSE_NETNS", "4294967296", FIELD_BAD},
		{"TCPCLOSE_TIME", "18446744073709551616", FIELD_BAD},
		{"TCPCLOSE_TIME", "", FIELD_BAD},
		{"TCPCLOSE_LOCAL", "10.0.0", FIELD_BAD},
		{"TCPCLOSE_LOCAL", "", FIELD_BAD},
		{"TCPCLOSE_LOCAL", "2001:db8::1%eth0", FIELD_BAD},
		{"TCPCLOSE_LOCAL", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
		 FIELD_BAD},
		{"TCPCLOSE_TASK_COMM", "0123456789abcdef", FIELD_TAKEN},
		{"TCPCLOSE_TASK_COMM", "0123456789abcdefg", FIELD_BAD},
		{"TCPCLOSE_RECORD", "", FIELD_TAKEN},
		{"TCPCLOSE_RECORD", "1 2 3", FIELD_TAKEN},
		{"TCPCLOSE_RECORD", "1 2 3 ", FIELD_TAKEN},
		{"TCPCLOSE_RECORD", "1 2  3", FIELD_BAD},
		{"TCPCLOSE_RECORD", " 1 2 3", FIELD_BAD},
		{"TCPCLOSE_RECORD", "1 2 x", FIELD_BAD},
		{"TCPCLOSE_RECORD", "1 2 3 4", FIELD_BAD}, /* no address */
		{"TCPCLOSE_RECORD", "1 2 3 ::1 65536", FIELD_BAD},
		{"TCPCLOSE_RECORD", "1 2 3 ::1 65535 :: 80 4 1", FIELD_TAKEN},
		{"TCPCLOSE_RECORD", "1 2 3 ::1 65535 :: 80 4 256", FIELD_BAD},
		{"TCPCLOSE_SEQ", "1", FIELD_UNKNOWN}, /* of another kind */
		{"TCPCLOSE_", "1", FIELD_UNKNOWN},
		{"TIME", "1", FIELD_UNKNOWN},
		{"MESSAGE", "1", FIELD_UNKNOWN},
	};
	struct journal_field field = given_field(RECORD_FIELDS_KIND, "state");
	union any_record record;

	(void)state;
	assert_true(record_fields_begin(&record, &field));
	for (size_t i = 0; i < COUNT(cases); i++) {
		field = given_field(cases[i].name, cases[i].value);
		assert_int_equal(record_fields_take(&record, &field), cases[i].answer);
	}
	/* A name ends where it ends. */
	field = (struct journal_field){"TCPCLOSE_OWNER_COMM", 19, "a\0b", 3};
	assert_int_equal(record_fields_take(&record, &field), FIELD_BAD);
}

static void test_not_recorded(void **state)
{
	struct state_record record = {.header = {.length = sizeof(record) - 1}};
	static const char *const names[] = {"", "wire", "stat", "states"};
	union any_record back;

	(void)state;
	record.header.kind = RECORD_STATE;
	assert_false(record_fields_add(&out, &record.header));
	record.header.length = sizeof(record);
	for (uint16_t kind = RECORD_KINDS; kind < RECORD_KINDS + 2; kind++) {
		record.header.kind = kind;
		assert_false(record_fields_add(&out, &record.header));
	}
	record.header.kind = RECORD_WIRE;
	assert_false(record_fields_add(&out, &record.header));
	record.header.kind = 0;
	assert_false(record_fields_add(&out, &record.header));
	assert_int_equal(out.length, 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct journal_field field = given_field(RECORD_FIELDS_KIND, names[i]);

		assert_false(record_fields_begin(&back, &field));
	}
}

/* Names */

/* A file from anywhere may tell any number of them. */
static void test_names_are_bounded(void **state)
{
	static char text[1 << 16];
	struct names *names = names_new();

	(void)state;
	for (uint64_t i = 0; i < NAMES_KEPT + 3; i++)
		names_set(names, NAME_CGROUP, i, "/");
	assert_int_equal(names_count(names), NAMES_KEPT);
	assert_int_equal(names_forgotten(names), 3);
	assert_null(names_get(names, NAME_CGROUP, 2));
	assert_string_equal(names_get(names, NAME_CGROUP, 3), "/");
	assert_true(names_are_many(names));
	names_clear(names);
	assert_false(names_are_many(names));
	memset(text, 'x', sizeof(text) - 1);
	for (uint64_t i = 0; i < 2 * NAMES_BYTES / sizeof(text); i++)
		names_set(names, NAME_CGROUP, i, text);
	assert_in_range(names_count(names), 1, NAMES_BYTES / (sizeof(text) - 1));
	assert_true(names_are_many(names));
	names_free(names);
}

static void test_names(void **state)
{
	struct names *names = names_new();

	(void)state;
	assert_true(names_set(names, NAME_INTERFACE, 2, "eth0"));
	assert_false(names_set(names, NAME_INTERFACE, 2, "eth0"));
	assert_true(names_set(names, NAME_CGROUP, 2, "/"));
	assert_true(names_set(names, NAME_INTERFACE, 2, "wan"));
	assert_string_equal(names_get(names, NAME_INTERFACE, 2), "wan");
	assert_string_equal(names_get(names, NAME_CGROUP, 2), "/");
	assert_null(names_get(names, NAME_RESET_REASON, 2));
	assert_false(names_set(names, NAME_INTERFACE, 3, NULL));
	assert_true(names_set(names, NAME_INTERFACE, 2, NULL));
	assert_null(names_get(names, NAME_INTERFACE, 2));
	assert_int_equal(names_count(names), 1);
	for (uint64_t i = 0; i < 5000; i++)
		assert_true(names_set(names, NAME_CGROUP, 1000 + i, i % 2 ? "odd" : "even"));
	assert_string_equal(names_get(names, NAME_CGROUP, 5999), "odd");
	names_clear(names);
	assert_int_equal(names_count(names), 0);
	assert_null(names_get(names, NAME_CGROUP, 5999));
	names_free(names);
	names_free(NULL);
}

static void take_all(struct names *names)
{
	struct journal journal = {out.data, out.length};
	struct journal_field field;

	while (journal_next(&journal, &field) == JOURNAL_FIELD)
		assert_true(names_take(names, &field));
	assert_int_equal(journal.length, 0);
	buffer_clear(&out);
}

static void test_names_told(void **state)
{
	struct names *names = names_new(), *back = names_new();
	static const char hostile[] = "/a b\nTCPCLOSE_NAME=none\xff";

	(void)state;
	names_set(names, NAME_INTERFACE, 4026531840ull << 32 | 2, "eth0");
	names_set(names, NAME_CGROUP, UINT64_MAX, hostile);
	names_set(names, NAME_RESET_REASON, 0, "");
	names_tell_all(&out, names);
	take_all(back);
	assert_string_equal(names_get(back, NAME_INTERFACE, 4026531840ull << 32 | 2), "eth0");
	assert_string_equal(names_get(back, NAME_CGROUP, UINT64_MAX), hostile);
	assert_string_equal(names_get(back, NAME_RESET_REASON, 0), "");
	names_tell(&out, NAME_RESET_REASON, 0, NULL);
	take_all(back);
	assert_null(names_get(back, NAME_RESET_REASON, 0));
	assert_int_equal(names_count(back), 2);
	names_tell_none(&out);
	take_all(back);
	assert_int_equal(names_count(back), 0);
	names_free(names);
	names_free(back);
}

static void test_names_malformed(void **state)
{
	static const char *const values[] = {
		"",         "interface",    "interface ", "interface x eth0", "interface  eth0",
		"host 1 x", "interface -1", "none 1",     " interface 1 x",
	};
	struct names *names = names_new();

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct journal_field field = given_field(NAMES_FIELD, values[i]);

		assert_false(names_take(names, &field));
	}
	assert_int_equal(names_count(names), 0);
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_journal_values, clear),
		cmocka_unit_test_teardown(test_journal_binary_form, clear),
		cmocka_unit_test(test_journal_malformed),
		cmocka_unit_test(test_journal_numbers),
		cmocka_unit_test_teardown(test_every_field, clear),
		cmocka_unit_test_teardown(test_zeros, clear),
		cmocka_unit_test_teardown(test_text, clear),
		cmocka_unit_test_teardown(test_other_forms, clear),
		cmocka_unit_test_teardown(test_hostile_comms, clear),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_not_recorded),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_are_bounded),
		cmocka_unit_test_teardown(test_names_told, clear),
		cmocka_unit_test(test_names_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

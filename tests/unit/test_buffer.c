// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <time.h>

#include "base/buffer.h"
#include "base/utf8.h"

static struct buffer buffer;

static int setup(void **state)
{
	(void)state;
	buffer_init(&buffer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buffer_done(&buffer);
	return 0;
}

/* The content as a string; the next call begins anew. */
static const char *text(void)
{
	assert_false(buffer.failed);
	buffer_add_char(&buffer, '\0');
	buffer_clear(&buffer);
	return buffer.data;
}

#define ASSERT_TEXT(call, expected)                                                                \
	do {                                                                                       \
		call;                                                                              \
		assert_string_equal(text(), expected);                                             \
	} while (0)

static void numbers_have_all_their_digits(void **state)
{
	(void)state;
	ASSERT_TEXT(buffer_add_unsigned(&buffer, 0), "0");
	ASSERT_TEXT(buffer_add_unsigned(&buffer, UINT64_MAX), "18446744073709551615");
	ASSERT_TEXT(buffer_add_signed(&buffer, 0), "0");
	ASSERT_TEXT(buffer_add_signed(&buffer, -1), "-1");
	ASSERT_TEXT(buffer_add_signed(&buffer, INT64_MIN), "-9223372036854775808");
	ASSERT_TEXT(buffer_add_signed(&buffer, INT64_MAX), "9223372036854775807");
	for (uint64_t number = 1; number <= UINT64_MAX / 10; number *= 10) {
		char expected[64];

		for (int off = -1; off <= 1; off++) {
			snprintf(expected, sizeof(expected), "%llu",
				 (unsigned long long)(number + (uint64_t)off));
			ASSERT_TEXT(buffer_add_unsigned(&buffer, number + (uint64_t)off), expected);
		}
	}
}

static void hex_has_at_least_the_digits_asked_for(void **state)
{
	(void)state;
	ASSERT_TEXT(buffer_add_hex(&buffer, 0, 0), "0");
	ASSERT_TEXT(buffer_add_hex(&buffer, 0, 4), "0000");
	ASSERT_TEXT(buffer_add_hex(&buffer, 0x1f, 1), "1f");
	ASSERT_TEXT(buffer_add_hex(&buffer, 0xabc, 16), "0000000000000abc");
	ASSERT_TEXT(buffer_add_hex(&buffer, UINT64_MAX, 2), "ffffffffffffffff");
	ASSERT_TEXT(buffer_add_hex(&buffer, 5, 99), "0000000000000005");
}

static void fixed_point_rounds_half_up(void **state)
{
	(void)state;
	ASSERT_TEXT(buffer_add_fixed(&buffer, 4120345, 1000000, 3), "4.120");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 4120500, 1000000, 3), "4.121");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 0, 1000000, 3), "0.000");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 999999, 1000000, 3), "1.000");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 1499999, 1000000, 0), "1");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 1500000, 1000000, 0), "2");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 7, 1, 2), "7.00");
	ASSERT_TEXT(buffer_add_fixed(&buffer, 1, 3, 6), "0.333333");
	ASSERT_TEXT(buffer_add_fixed(&buffer, UINT64_MAX, 1000000000000ull, 6), "18446744.073710");
}

static void timestamps_are_rfc_3339(void **state)
{
	(void)state;
	ASSERT_TEXT(buffer_add_timestamp(&buffer, 0), "1970-01-01T00:00:00.000000000Z");
	ASSERT_TEXT(buffer_add_timestamp(&buffer, -1), "1969-12-31T23:59:59.999999999Z");
	ASSERT_TEXT(buffer_add_timestamp(&buffer, 1795172743123456789),
		    "2026-11-20T11:05:43.123456789Z");
	ASSERT_TEXT(buffer_add_timestamp(&buffer, 951782400000000000),
		    "2000-02-29T00:00:00.000000000Z");
	ASSERT_TEXT(buffer_add_timestamp(&buffer, INT64_MAX), "2262-04-11T23:47:16.854775807Z");
	ASSERT_TEXT(buffer_add_timestamp(&buffer, INT64_MIN), "1677-09-21T00:12:43.145224192Z");
	ASSERT_TEXT(buffer_add_clock(&buffer, 1795172743123999999), "11:05:43.123");
}

static void timestamps_agree_with_strftime(void **state)
{
	(void)state;
	/* every 100,001 s: each day of the calendar, at all hours */
	for (int64_t seconds = -9200000000; seconds < 9200000000; seconds += 100001) {
		time_t when = (time_t)seconds;
		char expected[64];
		struct tm tm;

		assert_non_null(gmtime_r(&when, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000007Z", &tm);
		ASSERT_TEXT(buffer_add_timestamp(&buffer, seconds * 1000000000 + 7), expected);
	}
}

static void add_parsed(const char *address)
{
	uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff};

	if (inet_pton(AF_INET, address, bytes + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, address, bytes), 1);
	buffer_add_address(&buffer, bytes);
}

static void addresses_follow_rfc_5952(void **state)
{
	static const char *const cases[][2] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.1.20.100", "10.1.20.100"},
		{"::ffff:192.0.2.33", "192.0.2.33"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		/* 4.1: no leading zeros; 4.3: lower case */
		{"2001:0DB8::0001", "2001:db8::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3: the first of equals */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3: the longest */
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: not one word */
		{"1:0:0:2:3:4:0:0", "1::2:3:4:0:0"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
		{"0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
		{"fe80::a:b:c:d", "fe80::a:b:c:d"},
		{"::fffe:1.2.3.4", "::fffe:102:304"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ASSERT_TEXT(add_parsed(cases[i][0]), cases[i][1]);
}

/* glibc writes IPv4-compatible addresses, deprecated by RFC 4291, dotted: those are left out. */
static void addresses_agree_with_inet_ntop(void **state)
{
	(void)state;
	srand(1);
	for (unsigned int round = 0; round < 200000; round++) {
		char expected[INET6_ADDRSTRLEN];
		uint8_t bytes[16] = {0};

		for (unsigned int i = 0; i < 16; i += 2)
			if (rand() & 1)
				bytes[i + (rand() & 1)] = (uint8_t)rand();
		bytes[1] |= 1;
		inet_ntop(AF_INET6, bytes, expected, sizeof(expected));
		ASSERT_TEXT(buffer_add_address(&buffer, bytes), expected);
	}
}

static void terminals_get_no_control_byte(void **state)
{
	static const struct {
		const char *string;
		const char *escaped;
		const char *json;
	} cases[] = {
		{"", "", "\"\""},
		{"curl", "curl", "\"curl\""},
		{"a b\\c\"d", "a b\\c\"d", "\"a b\\\\c\\\"d\""},
		{"\033[2J\a\r\n\t\x7f", "\\x1b[2J\\x07\\x0d\\x0a\\x09\\x7f",
		 "\"\\u001b[2J\\u0007\\u000d\\u000a\\u0009\\u007f\""},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		 "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		 "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
		/* C1 control, right-to-left override, zero width space, a tag character */
		{"\xc2\x9b", "\\xc2\\x9b", "\"\\u009b\""},
		{"\xe2\x80\xae", "\\xe2\\x80\\xae", "\"\\u202e\""},
		{"\xe2\x80\x8b", "\\xe2\\x80\\x8b", "\"\\u200b\""},
		{"\xf3\xa0\x80\x81", "\\xf3\\xa0\\x80\\x81", "\"\\udb40\\udc01\""},
		/* not UTF-8: a lone continuation, overlong, a surrogate, past the end, cut short */
		{"\x80", "\\x80", "\"\xef\xbf\xbd\""},
		{"\xc0\xaf", "\\xc0\\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xf4\x90\x80\x80z", "\\xf4\\x90\\x80\\x80z",
		 "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
		{"x\xe2\x82", "x\\xe2\\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xff\xfe", "\\xff\\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASSERT_TEXT(buffer_add_escaped(&buffer, cases[i].string, SIZE_MAX),
			    cases[i].escaped);
		ASSERT_TEXT(buffer_add_json(&buffer, cases[i].string, SIZE_MAX), cases[i].json);
	}
}

static void strings_end_at_their_limit(void **state)
{
	char name[4] = {'a', '\xc3', '\xa9', 'b'};

	(void)state;
	ASSERT_TEXT(buffer_add_escaped(&buffer, name, 4), "a\xc3\xa9"
							  "b");
	ASSERT_TEXT(buffer_add_escaped(&buffer, name, 2), "a\\xc3");
	ASSERT_TEXT(buffer_add_json(&buffer, name, 2), "\"a\xef\xbf\xbd\"");
	ASSERT_TEXT(buffer_add_json(&buffer, name, 0), "\"\"");
}

static void every_byte_string_is_safe(void **state)
{
	(void)state;
	srand(2);
	for (unsigned int round = 0; round < 100000; round++) {
		char bytes[12];
		uint32_t character;
		size_t size;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(rand() | (rand() & 1 ? 0x80 : 0));
		buffer_add_escaped(&buffer, bytes, sizeof(bytes));
		buffer_add_json(&buffer, bytes, sizeof(bytes));
		for (size_t at = 0; at < buffer.length; at += size) {
			size = utf8_decode(buffer.data + at, buffer.length - at, &character);
			assert_true(size);
			assert_false(utf8_is_hidden(character));
		}
		buffer_clear(&buffer);
	}
}

static void it_grows_and_is_consumed(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100000; i++)
		buffer_add_unsigned(&buffer, i % 10);
	assert_int_equal(buffer.length, 100000);
	buffer_consume(&buffer, 99995);
	assert_memory_equal(buffer.data, "56789", 5);
	assert_int_equal(buffer.length, 5);
	buffer_consume(&buffer, 100);
	assert_int_equal(buffer.length, 0);
	ASSERT_TEXT(buffer_add_repeat(&buffer, 'x', 3), "xxx");
	buffer_add(&buffer, "", 0);
	assert_int_equal(buffer.length, 0);
}

static void failure_drops_what_follows(void **state)
{
	(void)state;
	buffer_add_string(&buffer, "kept");
	buffer_add_repeat(&buffer, 'x', SIZE_MAX / 2);
	assert_true(buffer.failed);
	buffer_add_string(&buffer, "dropped");
	buffer_add_unsigned(&buffer, 1);
	buffer_add_address(&buffer, (const uint8_t[16]){0});
	assert_int_equal(buffer.length, 4);
	assert_memory_equal(buffer.data, "kept", 4);
	buffer_clear(&buffer);
	assert_false(buffer.failed);
	ASSERT_TEXT(buffer_add_string(&buffer, "new"), "new");
	buffer_done(NULL);
}

static void width_is_what_a_terminal_shows(void **state)
{
	(void)state;
	assert_int_equal(utf8_width("", 0), 0);
	assert_int_equal(utf8_width("curl", 4), 4);
	assert_int_equal(utf8_width("───▶", strlen("───▶")), 4);
	assert_int_equal(utf8_width("①", strlen("①")), 1);
	assert_int_equal(utf8_width("日本", strlen("日本")), 4);
	assert_int_equal(utf8_width("e\xcc\x81", 3), 1);
	assert_int_equal(utf8_width("\xff\xff", 2), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_have_all_their_digits),  TEST(hex_has_at_least_the_digits_asked_for),
		TEST(fixed_point_rounds_half_up),     TEST(timestamps_are_rfc_3339),
		TEST(timestamps_agree_with_strftime), TEST(addresses_follow_rfc_5952),
		TEST(addresses_agree_with_inet_ntop), TEST(terminals_get_no_control_byte),
		TEST(strings_end_at_their_limit),     TEST(every_byte_string_is_safe),
		TEST(it_grows_and_is_consumed),       TEST(failure_drops_what_follows),
		TEST(width_is_what_a_terminal_shows),
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The page as C writes it: words, packed text, what is left out. What it says: tests/page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "output/page.h"
#include "output/page_pack.h"

#define START 1000000000000ull

static void assert_text(struct buffer *out, const char *expected)
{
	assert_false(out->failed);
	buffer_add_char(out, '\0');
	assert_string_equal(out->data, expected);
	buffer_clear(out);
}

static void add_word(struct page_words *words, struct buffer *out, const char *text,
		     uint64_t expected)
{
	assert_int_equal(page_words_add(words, out, text, strlen(text)), expected);
}

static void test_words(void **state)
{
	struct page_words words;
	struct buffer out;

	(void)state;
	buffer_init(&out);
	assert_int_equal(page_words_init(&words), 0);
	add_word(&words, &out, "curl", 1);
	add_word(&words, &out, "nginx", 2);
	add_word(&words, &out, "curl", 1);
	add_word(&words, &out, "curl2", 3);
	assert_text(&out, "w\"curl\"\nw\"nginx\"\nw\"curl2\"\n");
	page_words_done(&words);
	page_words_done(NULL);
	buffer_done(&out);
}

/* However many there are, what is kept has a bound; a number always means the same word. */
static void test_words_are_forgotten(void **state)
{
	struct page_words words;
	struct buffer out;
	char text[64];
	uint64_t number = 0;

	(void)state;
	buffer_init(&out);
	assert_int_equal(page_words_init(&words), 0);
	for (unsigned int i = 0; i < 200000; i++) {
		snprintf(text, sizeof(text), "a name that nobody has twice %u", i);
		assert_int_equal(page_words_add(&words, &out, text, strlen(text)), ++number);
		assert_in_range(words.bytes, 1, PAGE_WORDS_BYTES);
		buffer_clear(&out);
	}
	snprintf(text, sizeof(text), "a name that nobody has twice %u", 0u);
	add_word(&words, &out, text, number + 1);
	assert_text(&out, "w\"a name that nobody has twice 0\"\n");
	page_words_done(&words);
	buffer_done(&out);
}

static void test_strings(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{"", "\"\""},
		{"four-way", "\"four-way\""},
		{"</script>", "\"\\u003c/script>\""},
		{"<!--", "\"\\u003c!--\""},
		{"\"\\", "\"\\u0022\\u005c\""},
		{"\xc2\xb5s", "\"\\u00b5s\""},
		{"\xe2\x80\xa8", "\"\\u2028\""},
		{"\xf0\x9f\x92\xa9", "\"\\ud83d\\udca9\""},
		{"\xff\n", "\"\\ufffd\\u000a\""},
	};
	struct buffer out;

	(void)state;
	buffer_init(&out);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		page_add_string(&out, cases[i].text, strlen(cases[i].text));
		assert_text(&out, cases[i].written);
	}
	buffer_done(&out);
}

static int value_of(char digit)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(digits, digit);

	assert_true(digit && at);
	return (int)(at - digits);
}

static size_t decode(const char *text, size_t length, unsigned char *bytes)
{
	size_t count = 0;

	assert_int_equal(length % 4, 0);
	for (size_t at = 0; at < length; at += 4) {
		int bits = value_of(text[at]) << 18 | value_of(text[at + 1]) << 12;

		bits |= text[at + 2] == '=' ? 0 : value_of(text[at + 2]) << 6;
		bits |= text[at + 3] == '=' ? 0 : value_of(text[at + 3]);
		bytes[count++] = (unsigned char)(bits >> 16);
		if (text[at + 2] != '=')
			bytes[count++] = (unsigned char)(bits >> 8);
		if (text[at + 3] != '=')
			bytes[count++] = (unsigned char)bits;
	}
	return count;
}

/* Of every length: the last group of base64 has three forms. */
static void test_pack(void **state)
{
	static const char head[] = "<script type=\"text/plain\" class=\"details\">";
	static const char tail[] = "</script>\n";
	struct buffer out, text;
	unsigned char packed[4096], unpacked[4096];

	(void)state;
	buffer_init(&out);
	buffer_init(&text);
	page_pack(&out, "details", &text);
	assert_int_equal(out.length, 0);
	for (size_t length = 1; length < 300; length++) {
		uLongf size = sizeof(unpacked);
		size_t count;

		for (size_t i = 0; i < length; i++)
			buffer_add_char(&text, (char)(i * i));
		page_pack(&out, "details", &text);
		assert_int_equal(text.length, 0);
		assert_memory_equal(out.data, head, sizeof(head) - 1);
		out.length -= sizeof(tail) - 1;
		assert_memory_equal(out.data + out.length, tail, sizeof(tail) - 1);
		count = decode(out.data + sizeof(head) - 1, out.length - (sizeof(head) - 1),
			       packed);
		assert_int_equal(uncompress(unpacked, &size, packed, count), Z_OK);
		assert_int_equal(size, length);
		for (size_t i = 0; i < length; i++)
			assert_int_equal(unpacked[i], (unsigned char)(i * i));
		buffer_clear(&out);
	}
	buffer_done(&out);
	buffer_done(&text);
}

static void tell(struct output *output, enum close_kind kind)
{
	struct connection_view connection = {.id = {1, 2}};
	const struct teardown_report report = {
		.time = START,
		.connection = &connection,
		.verdict = {.kind = kind, .reset_reason = RESET_REASON_NONE},
	};

	output->format->teardown(output, &report);
}

/* What no browser could hold is counted; of ladders those are kept for longer that went wrong. */
static void test_limits(void **state)
{
	struct output output = {.format = &output_page};
	const struct core_stats stats = {.teardowns = 5};
	struct page *page;

	(void)state;
	buffer_init(&output.out);
	output.format->begin(&output);
	page = output.page;
	page->ladders = PAGE_LADDERS - 1;
	tell(&output, KIND_FOUR_WAY);
	assert_int_equal(page->ladders_left_out, 0);
	tell(&output, KIND_FOUR_WAY);
	assert_int_equal(page->ladders_left_out, 1);
	tell(&output, KIND_TIMEOUT);
	assert_int_equal(page->ladders_left_out, 1);
	page->troubles = PAGE_TROUBLES;
	tell(&output, KIND_TIMEOUT);
	assert_int_equal(page->ladders_left_out, 2);
	page->teardowns = PAGE_ROWS;
	tell(&output, KIND_TIMEOUT);
	assert_int_equal(page->teardowns_left_out, 1);
	assert_int_equal(page->ladders_left_out, 2);
	output.format->end(&output, &stats, 0);
	assert_null(output.page);
	buffer_add_char(&output.out, '\0');
	assert_non_null(strstr(output.out.data, "\ne5,0,0,0,0,0,0,1,2,0,"));
	assert_non_null(strstr(output.out.data, "</html>"));
	buffer_done(&output.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),   cmocka_unit_test(test_words_are_forgotten),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_pack),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

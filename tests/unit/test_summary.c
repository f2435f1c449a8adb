// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The summary of `timewait` in each format against its file in tests/unit/golden. After a change
 * that was meant: GOLDEN=write build/tests/unit/test_summary, and read the diff.
 * To be run from the top of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "core/time_wait_summary.h"
#include "golden.h"
#include "output/output.h"
#include "screen_model.h"

#define SECOND 1000000000ull
#define START 100000000000000ull
#define WALL (1795172743123456789ll - (int64_t)START)
#define NETNS 4026531840u

static struct time_wait_summary *summary;
static struct population_entry entries[32];
static size_t entry_count;
static struct population_durations durations;
static uint64_t missed;
static struct output output;

static int setup(void **state)
{
	(void)state;
	summary = time_wait_summary_new();
	assert_non_null(summary);
	memset(&durations, 0, sizeof(durations));
	entry_count = 0;
	missed = 0;
	output = (struct output){.options.wall_offset = WALL};
	buffer_init(&output.out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	time_wait_summary_free(summary);
	buffer_done(&output.out);
	return 0;
}

static bool find_limits(void *context, uint32_t netns, struct port_limits *limits)
{
	(void)context;
	*limits = (struct port_limits){.first = 32768,
				       .last = 60999,
				       .usable = 28230,
				       .widest = 64510,
				       .reserved = 2,
				       .tw_reuse = 2,
				       .reuse_delay = SECOND,
				       .timestamps = true,
				       .fin_timeout = 60,
				       .max_tw_count = 131072};
	return netns == NETNS;
}

static struct population_entry *add_group(uint8_t role, const char *address, uint16_t port,
					  const char *comm, uint64_t entered)
{
	struct population_entry *entry = &entries[entry_count++];

	*entry = (struct population_entry){
		.key = {.netns = NETNS, .port = port, .role = role},
		.counts.entered = entered,
	};
	memcpy(entry->key.local, address, 16);
	memcpy(entry->key.remote, address, 16);
	entry->key.local[15] = 5;
	memcpy(entry->key.comm, comm, strnlen(comm, sizeof(entry->key.comm)));
	return entry;
}

static void show(const char *format, uint64_t time, bool final)
{
	const struct port_lookup lookup = {.limits = find_limits};
	const struct time_wait_reading reading = {
		.time = START + time,
		.groups = entries,
		.group_count = entry_count,
		.durations = &durations,
		.missed = missed,
	};
	const struct time_wait_view *view;

	assert_int_equal(time_wait_summary_feed(summary, &reading), 0);
	view = time_wait_summary_view(summary, &lookup, final);
	assert_non_null(view);
	if (format)
		output_format_find(format)->time_wait_summary(&output, view);
}

static const char v4[16] = {[10] = (char)0xff, (char)0xff, 10, 9, 0, 2};
static const char v6[16] = {0x20, 0x01, 0x0d, (char)0xb8, [15] = 0x22};

static void quiet(const char *format)
{
	show(NULL, 0, false);
	show(format, SECOND, false);
	show(format, 2 * SECOND, true);
}

/* Half of the ports to one destination are used, and a web server closes first. */
static void busy(const char *format)
{
	struct population_entry *wrk, *nginx;

	add_group(ROLE_UNKNOWN, v4, 22, "", 3);
	show(NULL, 0, false);
	wrk = add_group(ROLE_CLIENT, v4, 80, "wrk", 0);
	nginx = add_group(ROLE_SERVER, v6, 443, "nginx", 20);
	add_group(ROLE_CLIENT, v6, 5432, "nginx", 7);
	for (unsigned int second = 1; second < 29; second++) {
		wrk->counts.entered = second * 498;
		nginx->counts.entered = 20 + second;
		show(NULL, second * SECOND, false);
	}
	wrk->counts.entered = 29 * 498;
	wrk->counts.ended[TIME_WAIT_BY_CONNECT] = 12;
	nginx->counts.ended[TIME_WAIT_BY_SYN] = 9;
	nginx->counts.ended[TIME_WAIT_BY_TIMER] = 1;
	entries[0].counts.ended[TIME_WAIT_BY_TIMER] = 3;
	durations.linear[4] = 12;
	durations.linear[8] = 9;
	durations.linear[244] = 4;
	durations.power[20] = 12;
	durations.power[21] = 9;
	durations.power[26] = 4;
	show(format, 29 * SECOND, false);
}

/* Numbers and names as they must never be. */
static void hostile(const char *format)
{
	missed = 17;
	show(NULL, 0, false);
	add_group(ROLE_CLIENT, v4, 80, "\033]0;owned\007\n\"\xff", 1ull << 60);
	for (uint16_t i = 0; i < 14; i++)
		add_group(ROLE_SERVER, v6, (uint16_t)(1000 + i), i % 2 ? "\r\n" : "\xe2\x80\xae",
			  1ull << 33)
			->counts.ended[TIME_WAIT_NEVER] = 1ull << 34;
	/* All that found no room */
	entries[entry_count++] = (struct population_entry){.counts.entered = 12345678901234};
	for (unsigned int i = 0; i < POPULATION_STEPS; i++)
		durations.linear[i] = 1ull << i % 60;
	for (unsigned int i = 0; i < POPULATION_POWERS; i++)
		durations.power[i] = 1ull << i;
	show(format, SECOND, false);
}

static void end(void)
{
	buffer_add_char(&output.out, '\0');
	assert_false(output.out.failed);
	output.out.length--;
}

static const struct {
	const char *name;
	void (*make)(const char *format);
	size_t width;
} stories[] = {
	{"summary-quiet", quiet, 100},
	{"summary-busy", busy, 110},
	{"summary-hostile", hostile, 160},
};

static void summaries_read_as_before(void **state)
{
	static const char *const formats[] = {"text", "table", "json"};

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		for (size_t j = 0; j < sizeof(formats) / sizeof(formats[0]); j++) {
			teardown(NULL);
			setup(NULL);
			stories[i].make(formats[j]);
			end();
			check_lines(&output.out, j ? SIZE_MAX : stories[i].width);
			golden_compare(stories[i].name, formats[j], &output.out);
		}
	}
}

static void no_screen_is_too_small(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		for (unsigned int rows = 1; rows < 64; rows++) {
			teardown(NULL);
			setup(NULL);
			output.options.rows = rows;
			output.options.columns = 20 + rows * 3;
			output.options.color = rows % 2;
			stories[i].make("text");
			end();
			if (i) /* the other draws twice */
				check_screen(&output.out, rows, output.options.columns);
		}
	}
}

static void a_terminal_is_drawn_over(void **state)
{
	(void)state;
	output.options.rows = 24;
	output.options.columns = 80;
	output.options.color = true;
	busy("text");
	end();
	golden_compare("summary-terminal", "text", &output.out);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(summaries_read_as_before),
		TEST(no_screen_is_too_small),
		TEST(a_terminal_is_drawn_over),
	};

	return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}

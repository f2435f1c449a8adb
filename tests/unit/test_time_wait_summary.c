// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/time_wait_summary.h"

#define SECOND 1000000000ull
#define START (1000 * SECOND)
#define NETNS 4026531840u
#define K 1000ull /* rates are per 1000 s */

static struct time_wait_summary *summary;
static struct population_entry entries[64];
static size_t entry_count;
static struct population_durations durations;
static struct port_limits limits;
static bool limits_known;

static int setup(void **state)
{
	(void)state;
	summary = time_wait_summary_new();
	assert_non_null(summary);
	memset(&durations, 0, sizeof(durations));
	entry_count = 0;
	limits_known = true;
	limits = (struct port_limits){.first = 32768,
				      .last = 60999,
				      .usable = 28232,
				      .widest = 64512,
				      .reuse_delay = SECOND,
				      .timestamps = true,
				      .fin_timeout = 60,
				      .max_tw_count = 65536};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	time_wait_summary_free(summary);
	return 0;
}

static bool find_limits(void *context, uint32_t netns, struct port_limits *found)
{
	(void)context;
	assert_int_equal(netns, NETNS);
	*found = limits;
	return limits_known;
}

static struct population_entry *add_group(uint8_t role, uint8_t remote, uint16_t port,
					  const char *comm, uint64_t entered)
{
	struct population_entry *entry = &entries[entry_count++];

	*entry = (struct population_entry){
		.key = {.local = {[10] = 0xff, 0xff, 10, 0, 0, 5},
			.remote = {[10] = 0xff, 0xff, 10, 0, 0, remote},
			.netns = NETNS,
			.port = port,
			.role = role},
		.counts.entered = entered,
	};
	strncpy(entry->key.comm, comm, sizeof(entry->key.comm));
	return entry;
}

static void feed(uint64_t time)
{
	const struct time_wait_reading reading = {
		.time = START + time,
		.groups = entries,
		.group_count = entry_count,
		.durations = &durations,
		.crowded_out = 3,
		.missed = 4,
	};

	assert_int_equal(time_wait_summary_feed(summary, &reading), 0);
}

static const struct time_wait_view *show(uint64_t time)
{
	const struct port_lookup lookup = {.limits = find_limits};
	const struct time_wait_view *view;

	feed(time);
	view = time_wait_summary_view(summary, &lookup, false);
	assert_non_null(view);
	return view;
}

static void nothing_is_a_view_too(void **state)
{
	const struct time_wait_view *view;

	(void)state;
	view = show(0);
	assert_int_equal(view->interval, 0);
	view = show(SECOND);
	assert_int_equal(view->interval, SECOND);
	assert_int_equal(view->total.now + view->total.entered + view->entered_rate, 0);
	assert_int_equal(view->linear_count + view->log_count + view->port_count, 0);
	assert_int_equal(view->tables[TABLE_PROGRAMS].count, 0);
	assert_int_equal(view->crowded_out, 3);
	assert_int_equal(view->missed, 4);
	/* Two readings in the same moment */
	view = show(SECOND);
	assert_int_equal(view->entered_rate, 0);
}

static void rates_are_of_the_last_interval(void **state)
{
	const struct time_wait_view *view;
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_CLIENT, 9, 80, "wrk", 100);
	view = show(0);
	/* What was there at the start entered in no interval. */
	assert_int_equal(view->found, 100);
	assert_int_equal(view->total.now, 100);
	assert_int_equal(view->entered_rate, 0);
	entry->counts.entered = 600;
	entry->counts.ended[TIME_WAIT_BY_TIMER] = 30;
	entry->counts.ended[TIME_WAIT_BY_SYN] = 20;
	entry->counts.ended[TIME_WAIT_NEVER] = 7;
	view = show(2 * SECOND);
	assert_int_equal(view->total.now, 550);
	assert_int_equal(view->total.entered, 600);
	assert_int_equal(view->total.left, 50);
	assert_int_equal(view->entered_rate, 250 * K);
	assert_int_equal(view->left_rate, 25 * K);
	assert_int_equal(view->ended_lately[TIME_WAIT_NEVER], 7);
	assert_int_equal(view->found, 100);
	view = show(5 * SECOND / 2);
	assert_int_equal(view->interval, SECOND / 2);
	assert_int_equal(view->entered_rate + view->left_rate, 0);
	assert_int_equal(view->ended_lately[TIME_WAIT_NEVER], 0);
	entry->counts.entered += 1;
	view = show(11 * SECOND / 2);
	assert_int_equal(view->entered_rate, 333);
}

static void rows_are_sums_over_groups(void **state)
{
	const struct tally_table *table;
	const struct time_wait_view *view;

	(void)state;
	add_group(ROLE_CLIENT, 9, 80, "wrk", 10);
	add_group(ROLE_CLIENT, 9, 80, "curl", 5);
	add_group(ROLE_CLIENT, 9, 443, "curl", 4);
	add_group(ROLE_SERVER, 7, 22, "sshd", 3);
	add_group(ROLE_UNKNOWN, 7, 22, "", 2);
	show(0);
	entries[1].counts.entered = 25;
	view = show(SECOND);
	table = &view->tables[TABLE_LOCAL_PORTS];
	assert_int_equal(table->top_count, 2);
	assert_int_equal(table->top[0]->key.port, 0);
	assert_int_equal(table->top[0]->tally.now, 39);
	assert_int_equal(table->top[1]->key.port, 22);
	assert_int_equal(table->top[1]->tally.now, 5);
	table = &view->tables[TABLE_REMOTES];
	assert_int_equal(table->top_count, 3);
	assert_int_equal(table->top[0]->key.port, 80);
	assert_int_equal(table->top[0]->tally.now, 35);
	assert_int_equal(table->top[0]->tally.entered_lately, 20);
	assert_int_equal(table->top[1]->key.port, 0);
	assert_int_equal(table->top[1]->key.address[15], 7);
	assert_int_equal(table->top[2]->key.port, 443);
	table = &view->tables[TABLE_PROGRAMS];
	assert_int_equal(table->top_count, 4);
	assert_string_equal(table->top[0]->key.comm, "curl");
	assert_int_equal(table->top[0]->tally.now, 29);
	assert_string_equal(table->top[3]->key.comm, "");
	assert_int_equal(view->by_role[ROLE_CLIENT], 39);
	assert_int_equal(view->by_role[ROLE_SERVER], 3);
	assert_int_equal(view->by_role[ROLE_UNKNOWN], 2);
}

static void what_is_not_in_the_top_is_one_sum(void **state)
{
	const struct tally_table *table;

	(void)state;
	for (uint16_t i = 0; i < 25; i++)
		add_group(ROLE_SERVER, 9, (uint16_t)(1000 + i), "nginx", 1 + (i * 7) % 25);
	/* Those that had no room for a group of their own */
	entries[entry_count++] = (struct population_entry){.counts.entered = 1000};
	table = &show(0)->tables[TABLE_LOCAL_PORTS];
	assert_int_equal(table->count, 25);
	assert_int_equal(table->top_count, TALLY_TOP);
	for (size_t i = 0; i < TALLY_TOP; i++)
		assert_int_equal(table->top[i]->tally.now, 25 - i);
	assert_int_equal(table->others.now, 1000 + 15 * 16 / 2);
	table = &show(SECOND)->tables[TABLE_PROGRAMS];
	assert_int_equal(table->top_count, 1);
	assert_int_equal(table->others.now, 1000);
}

static void counts_never_go_backwards(void **state)
{
	const struct time_wait_view *view;
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_CLIENT, 9, 80, "wrk", 500);
	entry->counts.ended[TIME_WAIT_BY_TIMER] = 500;
	add_group(ROLE_SERVER, 9, 22, "sshd", 1);
	show(0);
	/* Evicted: its counts stay, nobody of it waits. */
	entries[0] = entries[1];
	entry_count = 1;
	view = show(SECOND);
	assert_int_equal(view->total.entered, 501);
	assert_int_equal(view->total.ended[TIME_WAIT_BY_TIMER], 500);
	assert_int_equal(view->total.now, 1);
	assert_int_equal(view->port_count, 0);
	/* Back again, from 0 on */
	add_group(ROLE_CLIENT, 9, 80, "wrk", 40);
	view = show(2 * SECOND);
	assert_int_equal(view->total.entered, 541);
	assert_int_equal(view->total.now, 41);
	assert_int_equal(view->entered_rate, 40 * K);
	entries[1].counts.entered = 60;
	view = show(3 * SECOND);
	assert_int_equal(view->total.entered, 561);
	assert_int_equal(view->entered_rate, 20 * K);
	/* More ended than entered, as far as was counted */
	entries[1].counts.ended[TIME_WAIT_BY_TIMER] = 100;
	view = show(4 * SECOND);
	assert_int_equal(view->total.now, 1);
	assert_int_equal(view->total.ended[TIME_WAIT_BY_TIMER], 600);
}

/* As many as a machine under attack may have: memory is bounded, sums stay. */
static void groups_that_are_gone_are_let_go(void **state)
{
	const struct time_wait_view *view;
	uint64_t entered = 0;

	(void)state;
	for (uint32_t round = 0; round < 1200; round++) {
		entry_count = 0;
		for (uint16_t i = 0; i < 60; i++) {
			struct population_entry *entry =
				add_group(ROLE_CLIENT, (uint8_t)(round % 250),
					  (uint16_t)(1 + i + 60 * (round / 250)), "scan", 2);

			entry->key.remote[14] = (uint8_t)(round / 250);
			entry->counts.ended[TIME_WAIT_BY_RESET] = 1;
			entered += 2;
		}
		feed(round * SECOND);
	}
	view = show(1200 * SECOND);
	assert_int_equal(view->total.entered, entered);
	assert_int_equal(view->total.ended[TIME_WAIT_BY_RESET], entered / 2);
	assert_int_equal(view->total.now, 60);
	assert_true(view->destinations <= 2 * POPULATION_GROUPS + 60);
}

static void counters_may_be_large(void **state)
{
	const uint64_t large = 1ull << 40;
	const struct time_wait_view *view;
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_SERVER, 9, 80, "nginx", large);
	entry->counts.ended[TIME_WAIT_BY_TIMER] = large - 10;
	show(0);
	entry->counts.entered += 1ull << 33;
	entry->counts.ended[TIME_WAIT_BY_TIMER] += 1ull << 33;
	view = show(SECOND);
	assert_int_equal(view->total.entered, large + (1ull << 33));
	assert_int_equal(view->total.now, 10);
	assert_int_equal(view->entered_rate, (1ull << 33) * K);
	entry->key.role = ROLE_CLIENT; /* of which the last minute is kept in less */
	show(2 * SECOND);
	entry->counts.entered += 1ull << 33;
	view = show(3 * SECOND);
	assert_int_equal(view->port_count, 1);
	assert_true(view->ports[0].forecast.exhausts);
}

static void a_histogram_is_few_rows(void **state)
{
	const struct time_wait_view *view;

	(void)state;
	durations.linear[240] = 5; /* 60.00 to 60.25 s */
	durations.linear[247] = 7;
	durations.power[26] = 12; /* 33.6 to 67.1 s */
	view = show(0);
	assert_int_equal(view->linear_count, 8);
	assert_int_equal(view->linear[0].from, 60 * SECOND);
	assert_int_equal(view->linear[0].to, 60 * SECOND + SECOND / 4);
	assert_int_equal(view->linear[0].count, 5);
	assert_int_equal(view->linear[1].count, 0);
	assert_int_equal(view->linear[7].count, 7);
	assert_int_equal(view->log_count, 1);
	assert_int_equal(view->log[0].from, 33554432000);
	assert_int_equal(view->log[0].to, 67108864000);
	durations.linear[4] = 1; /* 1 s */
	durations.linear[0] = 9;
	durations.power[0] = 9; /* less than 1 us */
	durations.power[20] = 1;
	view = show(SECOND);
	/* 0 to 62 s in rows of 6 s */
	assert_int_equal(view->linear_count, 11);
	assert_int_equal(view->linear[0].count, 10);
	assert_int_equal(view->linear[0].to, 6 * SECOND);
	assert_int_equal(view->linear[10].count, 12);
	assert_int_equal(view->log_count, 7);
	assert_int_equal(view->log[0].from, 0);
	assert_int_equal(view->log[0].to, 8000);
	assert_int_equal(view->log[6].count, 12);
	/* The last fine one has no end. */
	durations.linear[POPULATION_STEPS - 1] = 2;
	durations.power[POPULATION_POWERS - 1] = 2;
	view = show(2 * SECOND);
	assert_int_equal(view->linear_count, 11);
	assert_int_equal(view->linear[10].to, UINT64_MAX);
	assert_int_equal(view->log[view->log_count - 1].to, UINT64_MAX);
	for (unsigned int i = 0; i < POPULATION_STEPS; i++)
		durations.linear[i] = 1;
	view = show(3 * SECOND);
	assert_true(view->linear_count <= DURATION_ROWS);
}

static void the_wait_is_that_of_timers(void **state)
{
	const struct time_wait_view *view;
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_CLIENT, 9, 80, "wrk", 100);
	assert_int_equal(show(0)->wait, 0);
	durations.linear[4] = 50;  /* taken over after 1 s */
	durations.linear[242] = 3; /* 60.5 to 60.75 s */
	durations.linear[244] = 1; /* 61 s */
	entry->counts.ended[TIME_WAIT_BY_CONNECT] = 50;
	entry->counts.ended[TIME_WAIT_BY_TIMER] = 4;
	view = show(SECOND);
	assert_int_equal(view->wait, 60750000000); /* (3 * 60.625 + 61.125) / 4 */
	assert_int_equal(view->ports[0].demand.wait, 60750000000);
}

/* A client that closes 500 a second from the first moment: what is said when half of the ports
 * are used, against what then happens. */
static void the_forecast_is_right_at_half(void **state)
{
	static const uint64_t rates[] = {500, 1000, 9000};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct time_wait_view *view = NULL;
		struct population_entry *entry;
		uint64_t time = 0, step = SECOND / 4, truth;

		teardown(NULL);
		setup(NULL);
		show(0);
		entry = add_group(ROLE_CLIENT, 9, 80, "wrk", 0);
		while (entry->counts.entered < 14116) {
			time += step;
			entry->counts.entered = rates[i] * time / SECOND;
			view = show(time);
		}
		truth = 28232 * SECOND / rates[i] - time;
		assert_int_equal(view->port_count, 1);
		assert_true(view->ports[0].forecast.exhausts);
		assert_true(view->ports[0].forecast.exhausted_in <= truth + truth / 100);
		assert_true(view->ports[0].forecast.exhausted_in >= truth - truth / 100);
		assert_int_equal(view->ports[0].demand.rate, rates[i] * K);
		assert_true(view->ports[0].advice_count > 0);
	}
}

/* A client that connects as fast as it can: past half of the ports each connect() searches long. */
static void the_turn_at_half_is_noticed(void **state)
{
	const struct time_wait_view *view = NULL;
	struct population_entry *entry;
	uint64_t time = 0, next = SECOND, slow = 0, truth;

	(void)state;
	show(0);
	entry = add_group(ROLE_CLIENT, 9, 80, "ab", 0);
	while (!slow || next < 4 * SECOND) {
		time += SECOND / 10;
		entry->counts.entered += slow ? 45 : 800;
		if (!slow && entry->counts.entered >= 14116)
			slow = time;
		if (time < next) {
			if (view && view->turning)
				feed(time);
			continue;
		}
		view = show(time);
		next += SECOND;
		if (time == SECOND)
			assert_true(view->turning);
		if (slow)
			break;
	}
	assert_int_equal(slow, 18 * SECOND / 10);
	assert_int_equal(time, 2 * SECOND);
	assert_int_equal(view->total.now, 18 * 800 + 2 * 45);
	assert_int_equal(view->total.entered_lately, 8 * 800 + 2 * 45);
	truth = (28232 - view->total.now) * SECOND / 450;
	assert_int_equal(view->ports[0].demand.rate, 450 * K);
	assert_true(view->ports[0].forecast.exhausted_in <= truth + truth / 100);
	assert_true(view->ports[0].forecast.exhausted_in >= truth - truth / 100);
}

/* It came from nowhere: no reading lies between the turn and the view. */
static void a_turn_that_nobody_saw_coming(void **state)
{
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_CLIENT, 9, 80, "ab", 0);
	show(0);
	entry->counts.entered = 1000;
	show(SECOND);
	assert_false(time_wait_summary_unsure(summary));
	entry->counts.entered = 14200;
	feed(2 * SECOND);
	assert_true(time_wait_summary_unsure(summary));
	entry->counts.entered = 14230;
	feed(21 * SECOND / 10);
	assert_false(time_wait_summary_unsure(summary));
	assert_int_equal(show(22 * SECOND / 10)->ports[0].demand.rate, 150 * K);
	entry->counts.ended[TIME_WAIT_BY_TIMER] = 14000;
	feed(3 * SECOND);
	entry->counts.entered = 30000;
	feed(4 * SECOND);
	assert_true(time_wait_summary_unsure(summary));
}

/* 400 a second for five minutes: 24400 at once, for ever. Then 600: it lasts a while. */
static void those_that_leave_are_foreseen(void **state)
{
	const struct time_wait_view *view = NULL;
	struct population_entry *entry;
	uint64_t entered[400] = {0};
	unsigned int time;

	(void)state;
	show(0);
	entry = add_group(ROLE_CLIENT, 9, 80, "wrk", 0);
	for (time = 1; time < 400; time++) {
		entered[time] = entered[time - 1] + (time <= 300 ? 400 : 600);
		entry->counts.entered = entered[time];
		if (time > 61)
			entry->counts.ended[TIME_WAIT_BY_TIMER] = entered[time - 61];
		view = show(time * SECOND);
		if (time <= 300)
			assert_false(view->ports[0].forecast.exhausts);
		if (time == 310)
			break;
	}
	assert_int_equal(view->total.now, 24400 + 10 * 200);
	/* 1832 are free, and 200 more are taken than left each second. */
	assert_true(view->ports[0].forecast.exhausts);
	assert_int_equal(view->ports[0].forecast.exhausted_in / (SECOND / 10), 91);
}

static void found_ones_leave_evenly(void **state)
{
	const struct time_wait_view *view = NULL;
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_CLIENT, 9, 80, "wrk", 24400);
	show(0);
	entry->counts.entered += 6000;
	entry->counts.ended[TIME_WAIT_BY_TIMER] = 4000;
	view = show(10 * SECOND);
	assert_int_equal(view->ports[0].demand.in_time_wait, 26400);
	/* 26400 now; 600 enter and 400 * 26400 / 26400 leave in a second */
	assert_true(view->ports[0].forecast.exhausts);
	assert_int_equal(view->ports[0].forecast.exhausted_in / (SECOND / 10), 91);
}

static void the_tightest_comes_first(void **state)
{
	const struct time_wait_view *view;

	(void)state;
	show(0);
	for (uint16_t i = 0; i < 20; i++)
		add_group(ROLE_CLIENT, 9, (uint16_t)(100 + i), "wrk", 100 + i);
	add_group(ROLE_CLIENT, 8, 443, "curl", 20000);
	add_group(ROLE_CLIENT, 8, 443, "other", 2000);
	add_group(ROLE_SERVER, 8, 8080, "nginx", 50000);
	view = show(40 * SECOND);
	assert_int_equal(view->port_count, PORT_ROWS);
	assert_int_equal(view->destinations, 21);
	assert_int_equal(view->ports[0].demand.remote_port, 443);
	assert_int_equal(view->ports[0].demand.in_time_wait, 22000);
	assert_string_equal(view->ports[0].demand.comm, "curl");
	assert_true(view->ports[0].forecast.exhausts);
	assert_int_equal(view->ports[1].demand.remote_port, 119);
	assert_int_equal(view->ports[9].demand.remote_port, 111);
	assert_int_equal(view->ports[9].advice_count, 0);
	limits_known = false;
	view = show(41 * SECOND);
	assert_false(view->ports[0].known);
	assert_int_equal(view->ports[0].advice_count, 0);
	assert_int_equal(view->advice_count, 0);
}

static void servers_that_close_first_are_told_of(void **state)
{
	const struct time_wait_view *view;
	struct population_entry *entry;

	(void)state;
	entry = add_group(ROLE_SERVER, 9, 80, "nginx", 32768);
	add_group(ROLE_CLIENT, 9, 5432, "nginx", 10);
	entry->counts.ended[TIME_WAIT_NEVER] = 5;
	view = show(0);
	assert_int_equal(view->advice_count, 2);
	assert_string_equal(view->advice,
			    "5 never waited: net.ipv4.tcp_max_tw_buckets is 65536 and was reached; "
			    "a late segment of theirs may hit the next connection of the same "
			    "ports");
	assert_string_equal(view->advice + strlen(view->advice) + 1,
			    "32768 wait at services here, which closed first: no ports run out by "
			    "these, they only take memory; net.ipv4.tcp_max_tw_buckets is 65536, "
			    "of which 50 % are taken");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_a_view_too),         TEST(rates_are_of_the_last_interval),
		TEST(rows_are_sums_over_groups),     TEST(what_is_not_in_the_top_is_one_sum),
		TEST(counts_never_go_backwards),     TEST(groups_that_are_gone_are_let_go),
		TEST(counters_may_be_large),         TEST(a_histogram_is_few_rows),
		TEST(the_wait_is_that_of_timers),    TEST(the_forecast_is_right_at_half),
		TEST(the_turn_at_half_is_noticed),   TEST(a_turn_that_nobody_saw_coming),
		TEST(those_that_leave_are_foreseen), TEST(found_ones_leave_evenly),
		TEST(the_tightest_comes_first),      TEST(servers_that_close_first_are_told_of),
	};

	return cmocka_run_group_tests_name("time_wait_summary", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/port_pressure.h"

#define SECOND 1000000000ull
#define K 1000ull /* rates are per 1000 s */

static const struct port_limits defaults = {
	.first = 32768,
	.last = 60999,
	.usable = 28232,
	.widest = 64512,
	.tw_reuse = 2,
	.reuse_delay = SECOND,
	.timestamps = true,
	.fin_timeout = 60,
	.max_tw_count = 65536,
};

static struct port_demand demand_of(uint64_t in_time_wait, uint64_t rate)
{
	struct port_demand demand = {
		.local = {[10] = 0xff, 0xff, 10, 0, 0, 5},
		.remote = {[10] = 0xff, 0xff, 10, 0, 0, 9},
		.remote_port = 80,
		.comm = "wrk",
		.in_time_wait = in_time_wait,
		.rate = rate,
		.net_rate = rate,
		.wait = 61 * SECOND,
	};

	return demand;
}

/* All of 61 s, in seconds; below 0: the ports last. */
static double runs_out(const struct port_limits *limits, const struct port_demand *demand)
{
	struct port_forecast forecast = port_forecast(limits, demand);

	return forecast.exhausts ? (double)forecast.exhausted_in / (double)SECOND : -1;
}

#define assert_near(value, expected)                                                               \
	do {                                                                                       \
		double found = (value);                                                            \
                                                                                                   \
		if (found < (expected)-0.001 || found > (expected) + 0.001)                        \
			fail_msg("%f instead of %f", found, (double)(expected));                   \
	} while (0)

static void reserved_ports_are_not_usable(void **state)
{
	(void)state;
	assert_int_equal(ports_usable(32768, 60999, ""), 28232);
	assert_int_equal(ports_usable(32768, 60999, "\n"), 28232);
	assert_int_equal(ports_usable(32768, 60999, NULL), 28232);
	assert_int_equal(ports_usable(32768, 60999, "32768-40000,50000\n"), 28232 - 7233 - 1);
	assert_int_equal(ports_usable(32768, 60999, "1-100,8080,61000-65535\n"), 28232);
	assert_int_equal(ports_usable(32768, 60999, "60999,40000,40000,39999-40001"), 28232 - 4);
	assert_int_equal(ports_usable(1024, 65535, ""), 64512);
	assert_int_equal(ports_usable(1024, 65535, "0-65535"), 0);
	assert_int_equal(ports_usable(5000, 5000, ""), 1);
	assert_int_equal(ports_usable(5000, 5000, "5000"), 0);
	assert_int_equal(ports_usable(5001, 5000, ""), 0);
	assert_int_equal(ports_usable(0, UINT32_MAX, ""), 65536);
	/* No kernel writes these: what can be read counts. */
	assert_int_equal(ports_usable(1, 100, "5,x,7"), 99);
	assert_int_equal(ports_usable(1, 100, "5-"), 100);
	assert_int_equal(ports_usable(1, 100, "9-5"), 100);
	assert_int_equal(ports_usable(1, 100, "99999999999999999999"), 100);
}

static void nothing_asked_for_runs_out_never(void **state)
{
	struct port_demand demand = demand_of(0, 0);

	(void)state;
	assert_near(runs_out(&defaults, &demand), -1);
	demand = demand_of(5000, 0);
	assert_near(runs_out(&defaults, &demand), -1);
}

/* Nothing leaves in the first minute: what is free, divided by the rate. */
static void half_of_the_ports_are_used(void **state)
{
	struct port_leaving leaving = {.to = 60 * SECOND, .count = 14116};
	struct port_demand demand = demand_of(14116, 500 * K);

	(void)state;
	/* They entered in the last 28.232 s, so the first leaves in 32.768 s. */
	leaving.from = 61 * SECOND - 28232000000ull;
	leaving.to = 61 * SECOND;
	demand.leaving = &leaving;
	demand.leaving_count = 1;
	assert_near(runs_out(&defaults, &demand), 28.232);
	demand.in_use = 100;
	assert_near(runs_out(&defaults, &demand), 28.032);
	demand = demand_of(14116, 14116 * K);
	leaving.from = 60 * SECOND;
	demand.leaving = &leaving;
	demand.leaving_count = 1;
	assert_near(runs_out(&defaults, &demand), 1);
}

static void a_rate_that_the_ports_can_bear_lasts(void **state)
{
	struct port_leaving leaving = {.from = 31 * SECOND, .to = 61 * SECOND, .count = 12000};
	struct port_demand demand = demand_of(12000, 400 * K);

	(void)state;
	demand.leaving = &leaving;
	demand.leaving_count = 1;
	/* 400 * 61 = 24400 at most */
	assert_near(runs_out(&defaults, &demand), -1);
	demand.in_use = 4000;
	/* 28232 - 16000 = 12232 free, 30.58 s: before any leaves */
	assert_near(runs_out(&defaults, &demand), 30.58);
}

/* In balance at 400 a second until it became 600: 200 more each second. */
static void a_faster_rate_meets_those_that_leave(void **state)
{
	struct port_leaving leaving = {.from = 0, .to = 61 * SECOND, .count = 24400};
	struct port_demand demand = demand_of(24400, 600 * K);

	(void)state;
	demand.leaving = &leaving;
	demand.leaving_count = 1;
	assert_near(runs_out(&defaults, &demand), (28232 - 24400) / 200.0);
	/* Half of them are gone already, evenly: those that are left leave half as fast. */
	demand.in_time_wait = 12200;
	assert_near(runs_out(&defaults, &demand), (28232 - 12200) / 400.0);
	/* Three of four end early: what enters for long is 150 a second. */
	demand = demand_of(6000, 600 * K);
	demand.net_rate = 150 * K;
	assert_near(runs_out(&defaults, &demand), -1);
}

static void those_of_one_moment_leave_at_once(void **state)
{
	struct port_leaving leaving = {.from = 5 * SECOND, .to = 5 * SECOND, .count = 20000};
	struct port_demand demand = demand_of(20000, 1000 * K);

	(void)state;
	demand.leaving = &leaving;
	demand.leaving_count = 1;
	/* 25000 at 5 s, 5000 without them, 23232 more at 1000 a second */
	assert_near(runs_out(&defaults, &demand), 5 + 23.232);
}

static void no_ports_are_left(void **state)
{
	struct port_demand demand = demand_of(28232, 463 * K);
	struct port_limits limits = defaults;

	(void)state;
	assert_near(runs_out(&defaults, &demand), 0);
	demand.in_time_wait = 28232 - 141;
	assert_near(runs_out(&defaults, &demand), 0);
	demand.in_time_wait = 40000;
	assert_near(runs_out(&defaults, &demand), 0);
	/* All of the range is reserved. */
	limits.usable = 0;
	demand = demand_of(0, 1 * K);
	assert_near(runs_out(&limits, &demand), 0);
	/* Far beyond what any machine has */
	demand = demand_of(1ull << 40, 1ull << 40);
	assert_near(runs_out(&defaults, &demand), 0);
}

static void ports_that_may_be_reused_last(void **state)
{
	struct port_demand demand = demand_of(28000, 2000 * K);
	struct port_limits limits = defaults;

	(void)state;
	limits.tw_reuse = 1;
	assert_near(runs_out(&limits, &demand), -1);
	assert_true(port_forecast(&limits, &demand).reusable);
	limits.tw_reuse = 0;
	assert_true(runs_out(&limits, &demand) >= 0);
	/* Loopback only */
	limits.tw_reuse = 2;
	assert_true(runs_out(&limits, &demand) >= 0);
	demand.remote[12] = 127;
	assert_near(runs_out(&limits, &demand), -1);
	memset(demand.remote, 0, 16);
	demand.remote[15] = 1;
	assert_near(runs_out(&limits, &demand), -1);
	limits.timestamps = false;
	assert_true(runs_out(&limits, &demand) >= 0);
	limits.timestamps = true;
	/* More than all in one second */
	demand.rate = 56464 * K;
	demand.in_time_wait = 14116;
	assert_near(runs_out(&limits, &demand), 0.25);
	limits.reuse_delay = SECOND / 4;
	assert_near(runs_out(&limits, &demand), -1);
}

/* The sentences of advice, each in a line. */
static const char *advice_of(const struct port_limits *limits, const struct port_demand *demand)
{
	static struct buffer text;
	struct port_forecast forecast = port_forecast(limits, demand);
	unsigned int count, found = 0;

	buffer_clear(&text);
	count = port_advice(&text, limits, demand, &forecast);
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i])
			continue;
		text.data[i] = '\n';
		found++;
	}
	assert_int_equal(count, found);
	buffer_add_char(&text, '\0');
	return text.data;
}

static void advice_names_the_present_values(void **state)
{
	struct port_demand demand = demand_of(20000, 1000 * K);
	struct port_limits limits = defaults;

	(void)state;
	assert_string_equal(
		advice_of(&defaults, &demand),
		"net.ipv4.tcp_tw_reuse is 2 (loopback only): set to 1, it lets connect() take over "
		"a port after 1 s in TIME_WAIT; both sides must use TCP timestamps "
		"(net.ipv4.tcp_timestamps is 1 here)\n"
		"net.ipv4.ip_local_port_range is 32768 60999 (28232 ports): 1024 65535 gives "
		"64512, enough at this rate; ports of services in it belong in "
		"ip_local_reserved_ports\n"
		"wrk closes 1000 connections to this destination per second: keep them open and "
		"use them again (keep-alive, a connection pool)\n"
		"TIME_WAIT is on the side that closes first, here wrk: let the other side close "
		"first\n"
		"each further address, local or remote, or remote port, gives another 28232 "
		"ports\n"
		"net.ipv4.tcp_fin_timeout is 60 and does not shorten TIME_WAIT, which is fixed at "
		"60 s\n");
	limits.first = 1024;
	limits.last = 65535;
	limits.widest = limits.usable = 64512;
	limits.tw_reuse = 1;
	limits.timestamps = false;
	limits.reuse_delay = SECOND / 2;
	demand.comm[0] = '\0';
	demand.rate = demand.net_rate = 1500 * K;
	assert_string_equal(
		advice_of(&limits, &demand),
		"net.ipv4.tcp_tw_reuse is 1 (on): it lets connect() take over a port after 0.5 s "
		"in TIME_WAIT; both sides must use TCP timestamps (net.ipv4.tcp_timestamps is 0 "
		"here: set it to 1)\n"
		"the program closes 1500 connections to this destination per second: keep them "
		"open and use them again (keep-alive, a connection pool)\n"
		"TIME_WAIT is on the side that closes first, here the one that connected: let the "
		"other side close first\n"
		"each further address, local or remote, or remote port, gives another 64512 "
		"ports\n"
		"net.ipv4.tcp_fin_timeout is 60 and does not shorten TIME_WAIT, which is fixed at "
		"60 s\n");
}

static void advice_fits_what_presses(void **state)
{
	struct port_demand demand = demand_of(14000, 100 * K);
	struct port_limits limits = defaults;

	(void)state;
	/* Less than half, and it lasts */
	assert_string_equal(advice_of(&defaults, &demand), "");
	/* More than half, though it lasts */
	demand.in_use = 200;
	assert_non_null(strstr(advice_of(&defaults, &demand), "tcp_tw_reuse"));
	demand = demand_of(20000, 2000 * K);
	limits.reserved = 1000;
	limits.usable -= 1000;
	limits.widest -= 1000;
	assert_non_null(strstr(advice_of(&limits, &demand),
			       "is 32768 60999 (27232 ports, without 1000 of "
			       "ip_local_reserved_ports): 1024 65535 gives 63512, which puts it "
			       "off but is not enough at this rate; "));
	/* Reuse is on and bears it: nothing to say */
	limits.tw_reuse = 1;
	assert_string_equal(advice_of(&limits, &demand), "");
	/* A name that would move a cursor */
	limits.tw_reuse = 0;
	memcpy(demand.comm, "\033[2Jevil name!!!", 16);
	assert_null(strchr(advice_of(&limits, &demand), '\033'));
	assert_non_null(strstr(advice_of(&limits, &demand), "here \\x1b[2Jevil name!!!: let"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_ports_are_not_usable),
		cmocka_unit_test(nothing_asked_for_runs_out_never),
		cmocka_unit_test(half_of_the_ports_are_used),
		cmocka_unit_test(a_rate_that_the_ports_can_bear_lasts),
		cmocka_unit_test(a_faster_rate_meets_those_that_leave),
		cmocka_unit_test(those_of_one_moment_leave_at_once),
		cmocka_unit_test(no_ports_are_left),
		cmocka_unit_test(ports_that_may_be_reused_last),
		cmocka_unit_test(advice_names_the_present_values),
		cmocka_unit_test(advice_fits_what_presses),
	};

	return cmocka_run_group_tests_name("port_pressure", tests, NULL, NULL);
}

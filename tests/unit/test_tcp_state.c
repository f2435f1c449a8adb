// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/tcp.h>

#include "core/tcp_state.h"

static void numbers_are_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(TCP_STATE_ESTABLISHED, TCP_ESTABLISHED);
	assert_int_equal(TCP_STATE_FIN_WAIT2, TCP_FIN_WAIT2);
	assert_int_equal(TCP_STATE_TIME_WAIT, TCP_TIME_WAIT);
	assert_int_equal(TCP_STATE_CLOSED, TCP_CLOSE);
	assert_int_equal(TCP_STATE_CLOSE_WAIT, TCP_CLOSE_WAIT);
	assert_int_equal(TCP_STATE_CLOSING, TCP_CLOSING);
}

static void names_are_read_back(void **state)
{
	(void)state;
	for (unsigned int i = 1; i < TCP_STATES; i++)
		assert_int_equal(tcp_state_parse(tcp_state_name(i)), i);
	assert_string_equal(tcp_state_name(TCP_STATE_FIN_WAIT1), "FIN_WAIT1");
	assert_string_equal(tcp_state_name(0), "UNKNOWN");
	assert_string_equal(tcp_state_name(TCP_STATES), "UNKNOWN");
	assert_string_equal(tcp_state_name(UINT32_MAX), "UNKNOWN");
}

static void spellings_are_accepted(void **state)
{
	static const struct {
		const char *text;
		enum tcp_state state;
	} cases[] = {
		{"fin-wait-1", TCP_STATE_FIN_WAIT1},  {"FinWait1", TCP_STATE_FIN_WAIT1},
		{"FIN-WAIT-2", TCP_STATE_FIN_WAIT2},  {"time_wait", TCP_STATE_TIME_WAIT},
		{"close", TCP_STATE_CLOSED},          {"Closed", TCP_STATE_CLOSED},
		{"UNCONN", TCP_STATE_CLOSED},         {"ESTAB", TCP_STATE_ESTABLISHED},
		{"syn-received", TCP_STATE_SYN_RECV}, {"SYN_RCVD", TCP_STATE_SYN_RECV},
		{"last ack", TCP_STATE_LAST_ACK},     {"", TCP_STATE_UNKNOWN},
		{"fin", TCP_STATE_UNKNOWN},           {"fin-wait-12", TCP_STATE_UNKNOWN},
		{"UNKNOWN", TCP_STATE_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(tcp_state_parse(cases[i].text), cases[i].state);
}

static void closing_begins_with_a_fin(void **state)
{
	(void)state;
	assert_true(tcp_state_is_closing(TCP_STATE_FIN_WAIT1));
	assert_true(tcp_state_is_closing(TCP_STATE_CLOSE_WAIT));
	assert_true(tcp_state_is_closing(TCP_STATE_TIME_WAIT));
	assert_false(tcp_state_is_closing(TCP_STATE_ESTABLISHED));
	assert_false(tcp_state_is_closing(TCP_STATE_SYN_SENT));
	assert_false(tcp_state_is_closing(TCP_STATE_CLOSED));
	assert_false(tcp_state_is_closing(99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_the_kernels),
		cmocka_unit_test(names_are_read_back),
		cmocka_unit_test(spellings_are_accepted),
		cmocka_unit_test(closing_begins_with_a_fin),
	};

	return cmocka_run_group_tests_name("tcp_state", tests, NULL, NULL);
}

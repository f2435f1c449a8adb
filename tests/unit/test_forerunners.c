// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What is told before the socket that it concerns: which of several is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/forerunners.h"

#define PORT 8080
#define MS 1000000ull

static struct state_record closing_listener(uint64_t time, uint16_t port, uint32_t pid)
{
	return (struct state_record){
		.header = {.kind = RECORD_STATE, .time = time, .flow.local_port = port},
		.from = TCP_STATE_LISTEN,
		.to = TCP_STATE_CLOSED,
		.context = CONTEXT_CALL | CONTEXT_LAST_REF,
		.task.pid = pid,
	};
}

/* Who closed the listener on whose queue a connection of PORT was, 0: nobody. */
static uint32_t closer(const struct forerunners *forerunners, uint64_t time)
{
	struct state_record record = closing_listener(time, PORT, 0);
	struct connection *connection = calloc(1, sizeof(*connection));
	struct socket_facts *socket;
	uint32_t pid;

	assert_non_null(connection);
	socket = &connection->view.ends[1].socket;
	socket->never_accepted = true;
	forerunners_apply_listener(forerunners, connection, 1, &record);
	pid = socket->listener_closed ? socket->close_task.pid : 0;
	free(connection);
	return pid;
}

static void the_newest_of_a_port_is_meant(void **state)
{
	struct forerunners *forerunners = calloc(1, sizeof(*forerunners));
	struct state_record record;

	(void)state;
	assert_non_null(forerunners);
	/* What comes round stands in front of what is older. */
	for (unsigned int i = 1; i <= FORERUNNER_LISTENERS + 2; i++) {
		record = closing_listener(i * MS, i < FORERUNNER_LISTENERS ? i : PORT, i);
		forerunners_add_listener(forerunners, &record);
		if (i >= FORERUNNER_LISTENERS)
			assert_int_equal(closer(forerunners, i * MS), i);
	}
	assert_int_equal(closer(forerunners, 2000 * MS), 0); /* a later connection's own end */
	free(forerunners);
}

/* Whether a socket, now that it is known, was told to have received a RST. */
static bool has_reset(struct forerunners *forerunners, uint64_t socket, uint16_t source)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct socket_facts *facts;
	bool reset;

	assert_non_null(connection);
	facts = &connection->view.ends[0].socket;
	facts->id = socket;
	facts->source = source;
	forerunners_apply_reset(forerunners, connection, 0);
	reset = facts->reset_received;
	free(connection);
	return reset;
}

static void tell_reset(struct forerunners *forerunners, uint64_t socket, uint16_t source)
{
	struct reset_record record = {.header = {.kind = RECORD_RESET, .source = source},
				      .socket = socket,
				      .direction = RESET_RECEIVED};

	forerunners_add_reset(forerunners, &record);
}

static void a_reset_is_of_one_socket_and_once(void **state)
{
	struct forerunners *forerunners = calloc(1, sizeof(*forerunners));

	(void)state;
	assert_non_null(forerunners);
	assert_false(has_reset(forerunners, 0, 0));
	assert_false(has_reset(forerunners, 7, 0));
	tell_reset(forerunners, 7, 1);
	assert_false(has_reset(forerunners, 7, 0)); /* of the other recording */
	assert_true(has_reset(forerunners, 7, 1));
	assert_false(has_reset(forerunners, 7, 1));
	free(forerunners);
}

static void the_newest_resets_are_kept(void **state)
{
	struct forerunners *forerunners = calloc(1, sizeof(*forerunners));
	unsigned int found = 0;

	(void)state;
	assert_non_null(forerunners);
	for (uint64_t socket = 1; socket <= 2 * FORERUNNER_RESETS; socket++)
		tell_reset(forerunners, socket, 0);
	assert_true(has_reset(forerunners, 2 * FORERUNNER_RESETS, 0));
	for (uint64_t socket = 1; socket <= 2 * FORERUNNER_RESETS; socket++)
		found += has_reset(forerunners, socket, 0);
	assert_in_range(found, FORERUNNER_RESETS / 2, FORERUNNER_RESETS - 1);
	for (uint64_t socket = 1; socket <= 2 * FORERUNNER_RESETS; socket++)
		assert_false(has_reset(forerunners, socket, 0));
	free(forerunners);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_of_a_port_is_meant),
		cmocka_unit_test(a_reset_is_of_one_socket_and_once),
		cmocka_unit_test(the_newest_resets_are_kept),
	};

	return cmocka_run_group_tests_name("forerunners", tests, NULL, NULL);
}

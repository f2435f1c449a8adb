// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the core takes for a record. What it makes of them: tests/scenarios and tests/properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/connection.h"
#include "core/correlator.h"

static struct teardown_report latest;

static bool teardown(void *context, const struct teardown_report *report)
{
	(void)context;
	latest = *report;
	return true;
}

static void time_wait(void *context, const struct time_wait_report *report)
{
	(void)context;
	(void)report;
}

static int open_core(void **state)
{
	const struct correlator_listener listener = {.teardown = teardown, .time_wait = time_wait};

	*state = correlator_new(&correlator_defaults, &listener);
	return *state ? 0 : -1;
}

static int close_core(void **state)
{
	correlator_free(*state);
	return 0;
}

static const size_t sizes[RECORD_KINDS] = {
	[RECORD_STATE] = sizeof(struct state_record),
	[RECORD_SEGMENT] = sizeof(struct segment_record),
	[RECORD_RESET] = sizeof(struct reset_record),
	[RECORD_RETRANSMIT] = sizeof(struct retransmit_record),
	[RECORD_TIME_WAIT] = sizeof(struct time_wait_record),
	[RECORD_NAMESPACE] = sizeof(struct namespace_record),
	[RECORD_OWNER] = sizeof(struct owner_record),
	[RECORD_LOSS] = sizeof(struct loss_record),
	[RECORD_WIRE] = sizeof(struct wire_record),
	[RECORD_TICK] = sizeof(struct record),
};

/* In memory of its own, as long as what is delivered. */
static bool feed(struct correlator *core, struct record header, size_t delivered)
{
	struct record *record = calloc(1, delivered);
	bool taken;

	assert_non_null(record);
	memcpy(record, &header, delivered < sizeof(header) ? delivered : sizeof(header));
	taken = correlator_feed(core, record, delivered);
	free(record);
	return taken;
}

static void whole_records_are_taken(void **state)
{
	for (uint16_t kind = 1; kind < RECORD_KINDS; kind++)
		if (sizes[kind])
			assert_true(feed(*state,
					 (struct record){.length = (uint16_t)sizes[kind],
							 .kind = kind,
							 .time = 1000000000},
					 sizes[kind]));
	assert_int_equal(correlator_stats(*state)->bad_records, 0);
}

/* Who feeds it knows, so that it hands them to nobody else. */
static void others_are_refused_and_counted(void **state)
{
	uint64_t bad = 0;

	for (uint16_t kind = 1; kind < RECORD_KINDS; kind++) {
		struct record header = {.length = (uint16_t)sizes[kind], .kind = kind};

		if (!sizes[kind])
			continue;
		assert_false(feed(*state, header, sizes[kind] - 1));
		assert_false(feed(*state, header, 8));
		header.length--;
		assert_false(feed(*state, header, sizes[kind]));
		bad += 3;
		assert_int_equal(correlator_stats(*state)->bad_records, bad);
	}
	assert_false(feed(*state, (struct record){.length = 56, .kind = 0}, 56));
	assert_false(feed(*state, (struct record){.length = 56, .kind = RECORD_KINDS}, 56));
	assert_int_equal(correlator_stats(*state)->bad_records, bad + 2);
	assert_int_equal(correlator_stats(*state)->records, 0);
}

static void values_stand_for_something(void **state)
{
	struct state_record change = {
		.header = {.length = sizeof(change), .kind = RECORD_STATE},
		.from = 1,
		.to = 200,
	};
	struct loss_record loss = {
		.header = {.length = sizeof(loss), .kind = RECORD_LOSS},
		.lost_kind = RECORD_KINDS,
	};

	assert_false(correlator_feed(*state, &change.header, sizeof(change)));
	assert_false(correlator_feed(*state, &loss.header, sizeof(loss)));
	assert_int_equal(correlator_stats(*state)->bad_records, 2);
}

/* No socket makes so many; what is beyond is a loss, not a silence. */
static void changes_beyond_the_bound_are_lost(void **state)
{
	struct state_record change = {
		.header = {.length = sizeof(change), .kind = RECORD_STATE, .time = 1000000000},
		.socket = 1,
		.born = 1,
		.from = TCP_STATE_ESTABLISHED,
		.to = TCP_STATE_FIN_WAIT1,
	};
	const struct record end = {
		.length = sizeof(end), .kind = RECORD_END, .time = UINT64_MAX / 2};

	for (unsigned int i = 0; i < CONNECTION_STATES + 3; i++) {
		assert_true(correlator_feed(*state, &change.header, sizeof(change)));
		change.header.time += 20000000;
		change.from = change.to;
		change.to = change.to == TCP_STATE_FIN_WAIT1 ? TCP_STATE_FIN_WAIT2
							     : TCP_STATE_FIN_WAIT1;
	}
	correlator_feed(*state, &end, sizeof(end));
	assert_int_equal(latest.incomplete, INCOMPLETE_LOST_RECORDS | INCOMPLETE_STOPPED);
	assert_int_equal(correlator_stats(*state)->lost[RECORD_STATE], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_records_are_taken, open_core, close_core),
		cmocka_unit_test_setup_teardown(others_are_refused_and_counted, open_core,
						close_core),
		cmocka_unit_test_setup_teardown(values_stand_for_something, open_core, close_core),
		cmocka_unit_test_setup_teardown(changes_beyond_the_bound_are_lost, open_core,
						close_core),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

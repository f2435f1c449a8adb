// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The line for people that each record of a recording has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "output/record_message.h"

#define FLOW                                                                                       \
	{                                                                                          \
		.local = {[10] = 0xff, 0xff, 10, 0, 0, 5},                                         \
		.remote = {[0] = 0x20, 0x01, 0x0d, 0xb8, [15] = 9}, .local_port = 52344,           \
		.remote_port = 80                                                                  \
	}
#define BETWEEN "10.0.0.5:52344 → [2001:db8::9]:80  "

static const char *reset_reason(void *context, uint32_t reason)
{
	(void)context;
	return reason == 7 ? "TCP_\033ABORT" : NULL;
}

static void assert_message(const void *record, const char *expected)
{
	const struct output_lookup lookup = {.reset_reason = reset_reason};
	const struct output_lookup nothing = {.context = NULL};
	struct buffer out = {0};

	record_message_add(&out, &nothing, record);
	buffer_clear(&out);
	record_message_add(&out, &lookup, record);
	buffer_add_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buffer_done(&out);
}

static void test_states(void **state)
{
	struct state_record record = {
		.header = {.kind = RECORD_STATE, .flow = FLOW},
		.from = TCP_STATE_ESTABLISHED,
		.to = TCP_STATE_FIN_WAIT1,
		.context = CONTEXT_CALL | CONTEXT_LAST_REF,
		.owner = {.pid = 812, .comm = "nginx"},
		.task = {.pid = 991, .comm = "curl"},
	};

	(void)state;
	assert_message(&record, BETWEEN "ESTABLISHED → FIN_WAIT1  curl[991] close()");
	record.context |= CONTEXT_EXITING;
	assert_message(&record, BETWEEN "ESTABLISHED → FIN_WAIT1  curl[991] exit");
	record.context = CONTEXT_CALL;
	assert_message(&record, BETWEEN "ESTABLISHED → FIN_WAIT1  curl[991] shutdown()");
	record.context = CONTEXT_CALL | CONTEXT_PROXY;
	assert_message(&record, BETWEEN "ESTABLISHED → FIN_WAIT1  curl[991]");
	/* Not by the task that was on the CPU. */
	record.context = 0;
	record.to = TCP_STATE_CLOSE_WAIT;
	assert_message(&record, BETWEEN "ESTABLISHED → CLOSE_WAIT  of nginx[812]");
	record.owner.pid = 0;
	record.to = TCP_STATE_CLOSED;
	record.error = ECONNRESET;
	assert_message(&record, BETWEEN "ESTABLISHED → CLOSED  ECONNRESET");
	record.error = 65535;
	record.from = 255;
	assert_message(&record, BETWEEN "UNKNOWN → CLOSED");
	record.context = CONTEXT_SNAPSHOT;
	record.to = TCP_STATE_CLOSE_WAIT;
	assert_message(&record, BETWEEN "found in CLOSE_WAIT");
}

/* A connect() is a call, but closes nothing. */
static void test_opening(void **state)
{
	struct state_record record = {
		.header = {.kind = RECORD_STATE, .flow = FLOW},
		.from = TCP_STATE_CLOSED,
		.to = TCP_STATE_SYN_SENT,
		.context = CONTEXT_CALL,
		.task = {.pid = 991, .comm = "curl"},
	};

	(void)state;
	assert_message(&record, BETWEEN "CLOSED → SYN_SENT  curl[991]");
}

static void test_hostile_name(void **state)
{
	struct owner_record record = {.header = {.kind = RECORD_OWNER},
				      .owner = {.pid = 1, .how = OWNER_HOLDER}};

	(void)state;
	memcpy(record.owner.comm,
	       "a\nb\033\xff\xe2\x80\xae"
	       "01234567",
	       16);
	assert_message(&record,
		       "owner found: a\\x0ab\\x1b\\xff\\xe2\\x80\\xae01234567[1] (holder)");
	record.owner = (struct owner){.pid = 2, .how = 77, .comm = "x"};
	assert_message(&record, "owner found: x[2]");
}

static void test_resets(void **state)
{
	struct reset_record record = {
		.header = {.kind = RECORD_RESET, .flow = FLOW},
		.reason = 7,
		.direction = RESET_SENT,
		.state = TCP_STATE_ESTABLISHED,
	};

	(void)state;
	assert_message(&record, BETWEEN "RST sent in ESTABLISHED: TCP_\\x1bABORT");
	record.reason = 8;
	assert_message(&record, BETWEEN "RST sent in ESTABLISHED: reason 8");
	record.reason = RESET_REASON_NONE;
	record.direction = RESET_RECEIVED;
	assert_message(&record, BETWEEN "RST received in ESTABLISHED");
	memset(&record.header.flow, 0, sizeof(record.header.flow));
	record.state = 0;
	record.direction = RESET_SENT;
	assert_message(&record, "RST sent");
}

static void test_time_waits(void **state)
{
	struct time_wait_record record = {
		.header = {.kind = RECORD_TIME_WAIT, .netns = 7},
		.event = TIME_WAIT_BEGIN,
		.substate = TCP_STATE_TIME_WAIT,
		.timeout_ms = 60000,
	};

	(void)state;
	assert_message(&record, "TIME_WAIT began, 60.000 s");
	record.event = TIME_WAIT_RESTART;
	assert_message(&record, "TIME_WAIT began anew, 60.000 s");
	record.event = TIME_WAIT_FOUND;
	assert_message(&record, "found in TIME_WAIT, 60.000 s are left");
	record.timeout_ms = 0;
	assert_message(&record, "found in TIME_WAIT");
	record.event = TIME_WAIT_EXPIRED;
	assert_message(&record, "TIME_WAIT ended: its timer ran out");
	record.substate = TCP_STATE_FIN_WAIT2;
	assert_message(&record, "orphaned FIN_WAIT2 ended: its timer ran out");
	record.substate = 0;
	record.event = TIME_WAIT_TAKEN;
	record.role = ROLE_CLIENT;
	assert_message(&record, "TIME_WAIT ended: a connect() took its addresses");
	record.role = ROLE_SERVER;
	assert_message(&record, "TIME_WAIT ended: a peer's SYN took its addresses");
	record.event = TIME_WAIT_REMOVED;
	assert_message(&record, "TIME_WAIT removed before its time");
	record.removal = REMOVED_BY_ABORT;
	assert_message(&record, "TIME_WAIT removed by an administrator");
	record.removal = REMOVED_UNSEEN;
	assert_message(&record, "TIME_WAIT gone when it was looked for");
	record.event = TIME_WAIT_EMPTY;
	assert_message(&record, "network namespace 7 was deleted, and every TIME_WAIT with it");
	record.event = 200;
	assert_message(&record, "TIME_WAIT");
}

static void test_others(void **state)
{
	const struct retransmit_record retransmit = {
		.header = {.kind = RECORD_RETRANSMIT, .flow = FLOW},
		.flags = SEGMENT_FIN | SEGMENT_ACK,
		.state = TCP_STATE_FIN_WAIT1,
	};
	const struct namespace_record namespace = {
		.header = {.kind = RECORD_NAMESPACE, .netns = 4026531840}, .pid = 1};
	struct loss_record loss = {.header = {.kind = RECORD_LOSS}, .count = 3, .lost_kind = 5};
	const struct record end = {.kind = RECORD_END}, tick = {.kind = RECORD_TICK};

	(void)state;
	assert_message(&retransmit, BETWEEN "FIN,ACK sent again in FIN_WAIT1");
	assert_message(&namespace, "the first socket of network namespace 4026531840");
	assert_message(&loss, "lost: 3 of time_wait");
	loss.lost_kind = 99;
	assert_message(&loss, "lost: 3 of an unknown kind");
	assert_message(&end, "the recording ends");
	assert_message(&tick, "time went by: what was due is told");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),       cmocka_unit_test(test_opening),
		cmocka_unit_test(test_hostile_name), cmocka_unit_test(test_resets),
		cmocka_unit_test(test_time_waits),   cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "join.h"
#include "output/joining.h"

#define MS 1000000ull
#define START (1784000000000 * MS)
#define RECORDS 64

/* A recording in memory. */
struct tape {
	union {
		struct record header;
		struct segment_record segment;
		struct state_record state;
		struct time_wait_record time_wait;
		struct wire_record wire;
		unsigned char room[512];
	} records[RECORDS];
	size_t count, next;
	int64_t wall_offset;
	int rewinds; /* what rewinding answers */
};

struct pair {
	struct tape tapes[JOIN_SOURCES];
	struct join *join;
	struct clock_estimate clock;
};

static const struct record *next(void *context)
{
	struct tape *tape = context;

	return tape->next < tape->count ? &tape->records[tape->next++].header : NULL;
}

static int again(void *context)
{
	struct tape *tape = context;

	tape->next = 0;
	return tape->rewinds;
}

static int64_t wall_offset(void *context)
{
	const struct tape *tape = context;

	return tape->wall_offset;
}

static void *add(struct tape *tape, uint16_t kind, size_t size, uint64_t time)
{
	struct record *record = &tape->records[tape->count++].header;

	assert_true(tape->count <= RECORDS);
	record->length = (uint16_t)size;
	record->kind = kind;
	record->time = time;
	return record;
}

static void add_segment(struct tape *tape, uint64_t time, uint8_t client, uint32_t seq)
{
	struct segment_record *segment = add(tape, RECORD_SEGMENT, sizeof(*segment), time);

	segment->seq = seq;
	segment->flags = SEGMENT_FIN | SEGMENT_ACK;
	segment->ack = 7;
	segment->header.flow.local[0] = !client;
	segment->header.flow.remote[0] = client;
}

static int begin(struct pair *pair)
{
	struct record_source sources[JOIN_SOURCES];

	for (unsigned int i = 0; i < JOIN_SOURCES; i++)
		sources[i] = (struct record_source){.next = next,
						    .rewind = again,
						    .wall_offset = wall_offset,
						    .context = &pair->tapes[i]};
	pair->join = join_new(sources);
	assert_non_null(pair->join);
	return join_estimate(pair->join, &pair->clock);
}

/* Two segments, one each way, 10 ms on their way; the second clock is a second ahead. */
static void add_exchange(struct pair *pair, uint64_t time)
{
	add_segment(&pair->tapes[0], time, 1, (uint32_t)time | 1);
	add_segment(&pair->tapes[1], time + 1010 * MS, 1, (uint32_t)time | 1);
	add_segment(&pair->tapes[1], time + 1020 * MS, 0, (uint32_t)time | 2);
	add_segment(&pair->tapes[0], time + 30 * MS, 0, (uint32_t)time | 2);
}

static void expect(struct pair *pair, unsigned int source, uint16_t kind, uint64_t time)
{
	const struct record *record = join_next(pair->join);

	assert_non_null(record);
	assert_int_equal(record->kind, kind);
	assert_int_equal(record->source, source);
	assert_int_equal(record->time, time);
}

static void expect_end(struct pair *pair)
{
	assert_null(join_next(pair->join));
	assert_null(join_next(pair->join));
	join_free(pair->join);
}

static void both_in_the_order_of_one_clock(void **state)
{
	static struct pair pair;

	(void)state;
	add_exchange(&pair, START);
	add_segment(&pair.tapes[0], START + 100 * MS, 1, 99);
	assert_int_equal(begin(&pair), 0);
	assert_int_equal(pair.clock.knowledge, CLOCK_BETWEEN);
	assert_int_equal(pair.clock.offset, 1000 * MS);
	assert_int_equal(pair.clock.error, 10 * MS);
	expect(&pair, 0, RECORD_SEGMENT, START);
	expect(&pair, 1, RECORD_SEGMENT, START + 10 * MS);
	expect(&pair, 1, RECORD_SEGMENT, START + 20 * MS);
	/* One at its end has told what it had until then. */
	expect(&pair, 1, RECORD_END, START + 20 * MS);
	expect(&pair, 0, RECORD_SEGMENT, START + 30 * MS);
	expect(&pair, 0, RECORD_SEGMENT, START + 100 * MS);
	expect(&pair, 0, RECORD_END, START + 100 * MS);
	expect_end(&pair);
}

/* A recording of ours counts from its host's start. */
static void boot_clocks_are_translated(void **state)
{
	static struct pair pair;
	struct state_record *change;
	struct time_wait_record *taken;
	struct wire_record *wire;

	(void)state;
	pair.tapes[0].wall_offset = START - 1000 * MS;
	add(&pair.tapes[0], RECORD_TICK, sizeof(struct record), 1000 * MS);
	change = add(&pair.tapes[0], RECORD_STATE, sizeof(*change), 1001 * MS);
	change->born = 900 * MS;
	change = add(&pair.tapes[0], RECORD_STATE, sizeof(*change), 1002 * MS);
	taken = add(&pair.tapes[0], RECORD_TIME_WAIT, sizeof(*taken), 1003 * MS);
	taken->taken = 950 * MS;
	wire = add(&pair.tapes[1], RECORD_WIRE, sizeof(*wire), START + 4 * MS);
	wire->born = START - 5 * MS;
	assert_int_equal(begin(&pair), 0);
	assert_int_equal(pair.clock.knowledge, CLOCK_UNKNOWN);
	expect(&pair, 0, RECORD_TICK, START);
	change = (void *)join_next(pair.join);
	assert_int_equal(change->header.time, START + MS);
	assert_int_equal(change->born, START - 100 * MS);
	change = (void *)join_next(pair.join);
	assert_int_equal(change->born, 0); /* not known stays so */
	taken = (void *)join_next(pair.join);
	assert_int_equal(taken->taken, START - 50 * MS);
	expect(&pair, 0, RECORD_END, START + 3 * MS);
	wire = (void *)join_next(pair.join);
	assert_int_equal(wire->header.source, 1);
	assert_int_equal(wire->born, START - 5 * MS);
	expect(&pair, 1, RECORD_END, START + 4 * MS);
	expect_end(&pair);
}

/* One frame with a time of its own does not keep back those behind it. */
static void one_time_far_ahead(void **state)
{
	static struct pair pair;

	(void)state;
	add_segment(&pair.tapes[0], START + 1, 1, 1);
	add_segment(&pair.tapes[0], START + 1000000 * MS, 1, 2);
	add_segment(&pair.tapes[0], START + 3, 1, 3);
	add_segment(&pair.tapes[1], START + 2, 1, 4);
	add_segment(&pair.tapes[1], START + 4, 1, 5);
	assert_int_equal(begin(&pair), 0);
	expect(&pair, 0, RECORD_SEGMENT, START + 1);
	expect(&pair, 1, RECORD_SEGMENT, START + 2);
	expect(&pair, 0, RECORD_SEGMENT, START + 1000000 * MS);
	expect(&pair, 0, RECORD_SEGMENT, START + 3);
	expect(&pair, 1, RECORD_SEGMENT, START + 4);
	expect(&pair, 1, RECORD_END, START + 4);
	expect(&pair, 0, RECORD_END, START + 1000000 * MS);
	expect_end(&pair);
}

/* The files' own ends are where the last record is, wherever the files say. */
static void ends_come_last(void **state)
{
	static struct pair pair;

	(void)state;
	add(&pair.tapes[0], RECORD_END, sizeof(struct record), START + 5 * MS);
	add_segment(&pair.tapes[0], START + 1, 1, 1);
	add(&pair.tapes[1], RECORD_END, sizeof(struct record), START + 9 * MS);
	assert_int_equal(begin(&pair), 0);
	expect(&pair, 0, RECORD_SEGMENT, START + 1);
	expect(&pair, 0, RECORD_END, START + 5 * MS);
	expect(&pair, 1, RECORD_END, START + 9 * MS);
	expect_end(&pair);
}

static void what_is_longer_than_any_record_is_passed_over(void **state)
{
	static struct pair pair;

	(void)state;
	add(&pair.tapes[0], RECORD_KINDS, 512, START);
	add(&pair.tapes[0], RECORD_TICK, sizeof(struct record), START + 1);
	assert_int_equal(begin(&pair), 0);
	expect(&pair, 1, RECORD_END, 0);
	expect(&pair, 0, RECORD_TICK, START + 1);
	expect(&pair, 0, RECORD_END, START + 1);
	expect_end(&pair);
}

static void a_pipe_cannot_be_read_twice(void **state)
{
	static struct pair pair;

	(void)state;
	pair.tapes[1].rewinds = -ESPIPE;
	assert_int_equal(begin(&pair), -ESPIPE);
	join_free(pair.join);
	join_free(NULL);
}

static void what_comes_late_is_waited_for(void **state)
{
	struct clock_estimate clock = {.error = 700 * MS};
	struct correlator_settings settings = join_settings(&clock, false);

	(void)state;
	assert_int_equal(settings.sources, 2);
	assert_false(settings.wire);
	assert_true(settings.settle >= 2000 * MS + 2 * clock.error);
	assert_true(join_settings(&clock, true).wire);
	clock.error = UINT64_MAX;
	assert_true(join_settings(&clock, true).settle < 1000000 * MS);
}

static void heading(const struct output_join *join, const char *expected)
{
	struct buffer out;

	buffer_init(&out);
	joining_add_sentence(&out, join);
	buffer_add_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buffer_done(&out);
}

static void the_heading_says_what_is_known(void **state)
{
	struct output_join join = {.names = {"/tmp/a.pcap", "/tmp/b.pcap"}};

	(void)state;
	heading(&join, "a.pcap and b.pcap: no segment is in both; their clocks are taken to agree");
	join.clock = (struct clock_estimate){.knowledge = CLOCK_BETWEEN,
					     .offset = 3250012345,
					     .error = 21000,
					     .segments = 24,
					     .agreeing = 24};
	heading(&join, "a.pcap and b.pcap: the second clock is ~3250.012 ± 0.021 ms ahead "
		       "(24 segments are in both)");
	join.clock.offset = -1;
	join.clock.drift = -20500000;
	join.clock.agreeing = 20;
	heading(&join, "a.pcap and b.pcap: the second clock is ~0.000 ± 0.021 ms behind and loses "
		       "~20.500 ppm (24 segments are in both; what 4 of them say does not fit)");
	join.clock = (struct clock_estimate){
		.knowledge = CLOCK_AT_MOST, .offset = -2000000, .segments = 1, .agreeing = 1};
	heading(&join,
		"a.pcap and b.pcap: the second clock is at least ~2.000 ms behind "
		"(1 segment is in both, all in one direction; the fastest counts as no time)");
	join.clock.knowledge = CLOCK_AT_LEAST;
	join.clock.offset = 2000000;
	heading(&join,
		"a.pcap and b.pcap: the second clock is at least ~2.000 ms ahead "
		"(1 segment is in both, all in one direction; the fastest counts as no time)");
	join.clock.knowledge = CLOCK_ABOUT;
	heading(&join, "a.pcap and b.pcap: the second clock is about ~2.000 ms ahead "
		       "(1 segment is in both; which end sent them does not show)");
	/* Names are from outside; alike without their folders, they keep them. */
	join.clock = (struct clock_estimate){0};
	join.names[0] = "x/\033[31m.pcap";
	join.names[1] = "y/\033[31m.pcap";
	heading(&join, "x/\\x1b[31m.pcap and y/\\x1b[31m.pcap: no segment is in both; their clocks "
		       "are taken to agree");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_in_the_order_of_one_clock),
		cmocka_unit_test(boot_clocks_are_translated),
		cmocka_unit_test(one_time_far_ahead),
		cmocka_unit_test(ends_come_last),
		cmocka_unit_test(what_is_longer_than_any_record_is_passed_over),
		cmocka_unit_test(a_pipe_cannot_be_read_twice),
		cmocka_unit_test(what_comes_late_is_waited_for),
		cmocka_unit_test(the_heading_says_what_is_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

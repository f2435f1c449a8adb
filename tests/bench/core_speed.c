// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * `core_speed FILE [ROUNDS]`: records per second that the core alone takes, on one core. The
 * recording is decoded into memory first; a round is a new correlator that is given all of it, and
 * whose reports go nowhere. Prints the number of the median round, once as given and once with the
 * reports written as JSON lines into memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/correlator.h"
#include "output/output.h"
#include "reading.h"

#define ROUNDS 9
#define WRITE_AT (1 << 16)

/* Records one after the other, each at a multiple of eight. */
struct tape {
	struct buffer bytes;
	size_t count;
};

static void ignore(void *context)
{
	(void)context;
}

static void ignore_note(void *context, const char *fields, size_t length)
{
	(void)context;
	(void)fields;
	(void)length;
}

static bool no_teardown(void *context, const struct teardown_report *report)
{
	(void)context;
	(void)report;
	return true;
}

static void no_time_wait(void *context, const struct time_wait_report *report)
{
	(void)context;
	(void)report;
}

static void clear(struct output *output)
{
	if (output->out.length >= WRITE_AT)
		buffer_clear(&output->out);
}

static bool json_teardown(void *context, const struct teardown_report *report)
{
	struct output *output = context;

	output->format->teardown(output, report);
	clear(output);
	return true;
}

static void json_time_wait(void *context, const struct time_wait_report *report)
{
	struct output *output = context;

	output->format->time_wait(output, report);
	clear(output);
}

static bool decode(struct tape *tape, const char *path)
{
	const struct reading_settings settings = {
		.path = path, .idle = ignore, .moved = ignore, .note = ignore_note};
	struct reading *reading = NULL;
	const struct record *record;
	bool good;

	if (reading_open(&reading, &settings))
		return false;
	good = !reading_begin(reading) && reading_is_recording(reading);
	while (good && (record = reading_next(reading))) {
		buffer_add(&tape->bytes, record, record->length);
		buffer_add_repeat(&tape->bytes, '\0', -tape->bytes.length & 7);
		tape->count += record->kind != RECORD_TICK;
	}
	good &= !tape->bytes.failed && tape->count;
	reading_close(reading);
	return good;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of one round; 0: it failed. */
static double play(const struct tape *tape, const struct correlator_listener *listener)
{
	struct correlator *core = correlator_new(&correlator_defaults, listener);
	double begun = seconds(), taken;

	if (!core)
		return 0;
	for (size_t at = 0; at < tape->bytes.length;) {
		const struct record *record = (const void *)(tape->bytes.data + at);

		correlator_feed(core, record, record->length);
		at += (record->length + 7u) & ~7u;
	}
	taken = seconds() - begun;
	correlator_free(core);
	return taken > 0 ? (double)tape->count / taken : 0;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double median(const struct tape *tape, const struct correlator_listener *listener,
		     size_t rounds)
{
	double *speeds = calloc(rounds, sizeof(*speeds)), speed = 0;

	for (size_t i = 0; speeds && i < rounds; i++)
		speeds[i] = play(tape, listener);
	if (speeds) {
		qsort(speeds, rounds, sizeof(*speeds), compare);
		speed = speeds[rounds / 2];
	}
	free(speeds);
	return speed;
}

int main(int argc, char **argv)
{
	struct output output = {.format = &output_json};
	const struct correlator_listener silent = {.teardown = no_teardown,
						   .time_wait = no_time_wait};
	const struct correlator_listener told = {
		.teardown = json_teardown, .time_wait = json_time_wait, .context = &output};
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : ROUNDS;
	struct tape tape = {0};

	if (argc < 2 || !rounds) {
		fprintf(stderr, "usage: core_speed FILE [ROUNDS]\n");
		return 2;
	}
	if (!decode(&tape, argv[1])) {
		fprintf(stderr, "core_speed: %s gives no records\n", argv[1]);
		return 1;
	}
	printf("%zu records, %.0f per second, %.0f per second with JSON\n", tape.count,
	       median(&tape, &silent, rounds), median(&tape, &told, rounds));
	buffer_done(&tape.bytes);
	buffer_done(&output.out);
	return 0;
}

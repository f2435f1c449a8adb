// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "replay.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "confinement.h"
#include "core/correlator.h"
#include "core/time_wait_counts.h"
#include "filter.h"
#include "host/log.h"
#include "host/stop_signals.h"
#include "join.h"
#include "progress.h"
#include "reading.h"
#include "suspect_note.h"
#include "teller.h"

struct replay {
	const struct options *options;
	struct reading *readings[OPTIONS_READS];
	struct join *join; /* NULL: one file */
	struct output_join joined;
	struct correlator *correlator;
	struct time_wait_counts *counts; /* timewait: nothing else is told; else NULL */
	struct teller teller;
	struct progress progress;
	uint64_t notes_bad;
	uint64_t notes_left_out;
	uint64_t started;
	uint64_t time;
	bool ended; /* by the recording's own word */
};

static bool tell_teardown(void *context, const struct teardown_report *report)
{
	struct replay *replay = context;

	if (replay->counts)
		return true;
	return teller_teardown(&replay->teller, report);
}

static void tell_time_wait(void *context, const struct time_wait_report *report)
{
	struct replay *replay = context;

	if (!replay->counts)
		teller_time_wait(&replay->teller, report);
	else if (filter_socket_flow(&replay->teller.filter, &report->flow))
		time_wait_counts_end(replay->counts, report);
}

static void begin_time_wait(void *context, const struct time_wait_start *start)
{
	struct replay *replay = context;

	if (replay->counts && filter_socket_flow(&replay->teller.filter, &start->flow))
		time_wait_counts_begin(replay->counts, start);
}

/* Live there was somebody to ask; the answers are records. */
static void question(void *context, const struct flow *flow, uint32_t netns)
{
	(void)context;
	(void)flow;
	(void)netns;
}

static void idle(void *context)
{
	struct replay *replay = context;

	progress_clear(&replay->progress);
	teller_write(&replay->teller);
}

static void moved(void *context)
{
	struct replay *replay = context;

	if (replay->correlator)
		progress_show(&replay->progress, replay->readings[0],
			      correlator_stats(replay->correlator)->teardowns);
}

/* A suspect of the day; of two recordings there are two clocks, so it is only counted. */
static void take_note(void *context, const char *fields, size_t length)
{
	struct replay *replay = context;
	struct suspect_note *note;

	/* Joined files are read twice; the first time there is no correlator. */
	if (!replay->correlator)
		return;
	note = suspect_note_read(fields, length);
	if (!note)
		replay->notes_bad++;
	else if (replay->join)
		replay->notes_left_out++;
	else if (!replay->counts)
		teller_close_wait(&replay->teller, suspect_note_report(note));
	suspect_note_free(note);
}

static int open_readings(struct replay *replay)
{
	for (unsigned int i = 0; i < replay->options->read_count; i++) {
		const struct reading_settings settings = {
			.path = replay->options->reads[i],
			.source = (uint16_t)i,
			.idle = idle,
			.moved = moved,
			.note = take_note,
			.context = replay,
		};
		int error = reading_open(&replay->readings[i], &settings);

		if (error)
			return error;
	}
	return 0;
}

static int open_page(struct replay *replay)
{
	const char *page = replay->options->page;
	int error = page ? sink_open(&replay->teller.sink, page) : 0;

	if (error)
		log_error("cannot write to %s: %s; give another --output", page, strerror(-error));
	return error;
}

static int begin_readings(struct replay *replay)
{
	int error = 0;

	for (unsigned int i = 0; i < replay->options->read_count && !error; i++)
		error = reading_begin(replay->readings[i]);
	return error;
}

static const struct record *next_of_file(void *context)
{
	return reading_next(context);
}

static int rewind_file(void *context)
{
	return reading_rewind(context);
}

static int64_t offset_of_file(void *context)
{
	return reading_start(context)->wall_offset;
}

/* How far the clocks of two files are apart. */
static int open_join(struct replay *replay)
{
	struct record_source sources[JOIN_SOURCES];
	int error;

	if (replay->options->read_count < JOIN_SOURCES)
		return 0;
	for (unsigned int i = 0; i < JOIN_SOURCES; i++) {
		replay->joined.names[i] = replay->options->reads[i];
		sources[i] = (struct record_source){
			.next = next_of_file,
			.rewind = rewind_file,
			.wall_offset = offset_of_file,
			.context = replay->readings[i],
		};
	}
	replay->joined.lookup = reading_lookup(replay->readings[1]);
	replay->join = join_new(sources);
	error = replay->join ? join_estimate(replay->join, &replay->joined.clock) : -ENOMEM;
	if (!error && replay->joined.clock.knowledge == CLOCK_UNKNOWN)
		log_warning("no segment of a close is in both files: their clocks are taken to "
			    "agree");
	return error;
}

static struct correlator_settings correlator_settings_of(const struct replay *replay)
{
	bool captures = false;

	for (unsigned int i = 0; i < replay->options->read_count; i++)
		captures |= !reading_is_recording(replay->readings[i]);
	if (replay->join)
		return join_settings(&replay->joined.clock, captures);
	return captures ? correlator_of_capture : correlator_defaults;
}

static int open_correlator(struct replay *replay)
{
	const struct correlator_settings settings = correlator_settings_of(replay);
	bool questions = !replay->join && reading_start(replay->readings[0])->questions;
	const struct correlator_listener listener = {
		.teardown = tell_teardown,
		.time_wait = tell_time_wait,
		.time_wait_began = begin_time_wait,
		.question = questions ? question : NULL,
		.context = replay,
	};

	replay->correlator = correlator_new(&settings, &listener);
	if (!replay->correlator)
		return -ENOMEM;
	if (replay->options->command != COMMAND_TIMEWAIT)
		return 0;
	replay->counts = time_wait_counts_new();
	return replay->counts ? 0 : -ENOMEM;
}

static void open_teller(struct replay *replay)
{
	const struct recording_start *start = reading_start(replay->readings[0]);
	const struct output_lookup lookup = reading_lookup(replay->readings[0]);
	struct options options = *replay->options;

	if (options.page) {
		options.format = &output_page;
		replay->teller.output.options.subject = options.reads[0];
	}
	if (replay->join)
		replay->teller.output.options.join = &replay->joined;
	else if (!options.count)
		options.count = start->count;
	replay->teller.filter = options_filter(&options, 0, 0);
	teller_open(&replay->teller, &options, replay->join ? 0 : start->wall_offset, &lookup);
}

static void feed(struct replay *replay, const struct record *record)
{
	if (!replay->started)
		replay->started = record->time;
	replay->time = record->time;
	replay->ended = record->kind == RECORD_END;
	correlator_feed(replay->correlator, record, record->length);
}

/* A recording goes on to its end when its own --count is reached: TIME_WAITs follow. */
static bool goes_on(const struct replay *replay)
{
	return !sink_failed(&replay->teller.sink) &&
	       !(replay->teller.stop && replay->options->count);
}

static const struct record *next_record(struct replay *replay)
{
	return replay->join ? join_next(replay->join) : reading_next(replay->readings[0]);
}

static void run(struct replay *replay)
{
	const struct record *record;
	struct record end = {.length = sizeof(end), .kind = RECORD_END};
	uint16_t sources = (uint16_t)replay->options->read_count;

	while (goes_on(replay) && (record = next_record(replay)))
		feed(replay, record);
	progress_clear(&replay->progress);
	end.time = replay->join ? replay->time : reading_time(replay->readings[0]);
	for (bool ended = replay->ended; !ended && end.source < sources; end.source++)
		feed(replay, &end);
}

/* Of another machine, or another time: its settings are not known. */
static bool no_limits(void *context, uint32_t netns, struct port_limits *limits)
{
	(void)context;
	(void)netns;
	(void)limits;
	return false;
}

/* All of it in one view, as `timewait` ends with. */
static int show_time_waits(struct replay *replay, uint64_t started)
{
	const struct port_lookup lookup = {.limits = no_limits};
	static const struct population_durations none;
	struct time_wait_reading reading = {.time = started, .durations = &none};
	struct time_wait_summary *summary = time_wait_summary_new();
	const struct time_wait_view *view = NULL;
	struct output *output = &replay->teller.output;
	int error = summary ? time_wait_summary_feed(summary, &reading) : -ENOMEM;

	reading = time_wait_counts_reading(replay->counts, replay->time);
	if (!error)
		error = time_wait_summary_feed(summary, &reading);
	if (!error)
		view = time_wait_summary_view(summary, &lookup, true);
	if (view)
		output->format->time_wait_summary(output, view);
	else
		log_error("cannot count TIME_WAITs: %s", strerror(ENOMEM));
	time_wait_summary_free(summary);
	return view ? 0 : -ENOMEM;
}

static void warn_of_notes(const struct replay *replay)
{
	if (replay->notes_bad)
		log_warning("%llu suspects of CLOSE_WAIT could not be understood and were left out",
			    (unsigned long long)replay->notes_bad);
	if (replay->notes_left_out)
		log_warning("%llu suspects of CLOSE_WAIT were left out; read each file alone to "
			    "see them",
			    (unsigned long long)replay->notes_left_out);
}

static enum exit_status finish(struct replay *replay)
{
	const struct core_stats *stats = correlator_stats(replay->correlator);
	uint64_t started = replay->started;
	bool whole = true;

	for (unsigned int i = 0; i < replay->options->read_count; i++)
		whole &= reading_judge(replay->readings[i]);
	if (!replay->join && reading_start(replay->readings[0])->started)
		started = reading_start(replay->readings[0])->started;
	if (replay->counts)
		whole &= !show_time_waits(replay, started);
	warn_of_notes(replay);
	teller_end(&replay->teller, stats, replay->time > started ? replay->time - started : 0);
	return teller_done(&replay->teller, stats) && whole ? EXIT_DONE : EXIT_FAILED;
}

static enum exit_status open_all(struct replay *replay)
{
	int error = open_join(replay);

	if (!error)
		error = open_correlator(replay);
	if (error)
		log_error("cannot start: %s", strerror(-error));
	else
		open_teller(replay);
	return error ? EXIT_FAILED : EXIT_DONE;
}

enum exit_status replay_run(const struct options *options)
{
	struct replay replay = {.options = options};
	enum exit_status status = EXIT_FAILED;

	stop_signals_open();
	progress_init(&replay.progress, options->page != NULL);
	if (!open_readings(&replay) && !open_page(&replay)) {
		/* Before the first byte of what somebody else has made is looked at. */
		confine_replay();
		if (!begin_readings(&replay))
			status = open_all(&replay);
	}
	if (status == EXIT_DONE) {
		run(&replay);
		status = finish(&replay);
	}
	teller_close(&replay.teller);
	correlator_free(replay.correlator);
	time_wait_counts_free(replay.counts);
	join_free(replay.join);
	for (unsigned int i = 0; i < OPTIONS_READS; i++)
		reading_close(replay.readings[i]);
	stop_signals_close();
	return status;
}

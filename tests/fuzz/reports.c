// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "reports.h"

#include "base/utf8.h"
#include "core/time_wait_summary.h"
#include "fuzz.h"

static const struct output_format *const formats[REPORTS_FORMATS] = {&output_timeline,
								     &output_table, &output_json};

/* Of all that is written, nothing moves a cursor or ends a line of JSON. */
static void check_text(struct buffer *out)
{
	FUZZ_CHECK(!out->failed);
	for (size_t at = 0; at < out->length;) {
		uint32_t character;
		size_t size = utf8_decode(out->data + at, out->length - at, &character);

		FUZZ_CHECK(size && (character == '\n' || !utf8_is_hidden(character)));
		at += size;
	}
	buffer_clear(out);
}

static bool on_teardown(void *context, const struct teardown_report *report)
{
	struct reports *reports = context;

	for (unsigned int i = 0; i < REPORTS_FORMATS; i++) {
		formats[i]->teardown(&reports->outputs[i], report);
		check_text(&reports->outputs[i].out);
	}
	if (reports->page.format)
		output_page.teardown(&reports->page, report);
	return true;
}

static void on_time_wait(void *context, const struct time_wait_report *report)
{
	struct reports *reports = context;

	for (unsigned int i = 0; i < REPORTS_FORMATS; i++) {
		formats[i]->time_wait(&reports->outputs[i], report);
		check_text(&reports->outputs[i].out);
	}
	if (reports->page.format)
		output_page.time_wait(&reports->page, report);
	if (reports->counts)
		time_wait_counts_end(reports->counts, report);
}

static void on_time_wait_began(void *context, const struct time_wait_start *start)
{
	struct reports *reports = context;

	if (reports->counts)
		time_wait_counts_begin(reports->counts, start);
}

static void on_question(void *context, const struct flow *flow, uint32_t netns)
{
	(void)context;
	(void)flow;
	(void)netns;
}

/* Limits so low that an input reaches them. */
static struct correlator *open_correlator(struct reports *reports,
					  const struct reports_settings *settings)
{
	const struct correlator_listener listener = {
		.teardown = on_teardown,
		.time_wait = on_time_wait,
		.time_wait_began = on_time_wait_began,
		.question = settings->choice & 1 ? on_question : NULL,
		.context = reports,
	};
	struct correlator_settings limits =
		settings->wire ? correlator_of_capture : correlator_defaults;

	limits.sources = settings->two ? 2 : 1;
	limits.connections = 6;
	limits.time_waits = 6;
	limits.unclaimed = 4;
	limits.segments = 8;
	return correlator_new(&limits, &listener);
}

static void open_output(struct output *output, const struct output_format *format,
			const struct reports_settings *settings)
{
	output->format = format;
	output->options.lookup = settings->lookup;
	if (format->begin)
		format->begin(output);
}

void reports_open(struct reports *reports, const struct reports_settings *settings)
{
	*reports = (struct reports){.two = settings->two};
	reports->correlator = open_correlator(reports, settings);
	FUZZ_CHECK(reports->correlator);
	for (unsigned int i = 0; i < REPORTS_FORMATS; i++)
		open_output(&reports->outputs[i], formats[i], settings);
	/* Both cost more time than the rest. */
	if (settings->choice / 2 % 8 == 0)
		open_output(&reports->page, &output_page, settings);
	if (settings->choice / 2 % 8 == 1)
		FUZZ_CHECK((reports->counts = time_wait_counts_new()));
}

void reports_set_offset(struct reports *reports, int64_t wall_offset)
{
	for (unsigned int i = 0; i < REPORTS_FORMATS; i++)
		reports->outputs[i].options.wall_offset = wall_offset;
	reports->page.options.wall_offset = wall_offset;
}

void reports_feed(struct reports *reports, const struct record *record, size_t length)
{
	if (length >= sizeof(*record)) {
		if (!reports->first)
			reports->first = record->time;
		reports->last = record->time;
	}
	correlator_feed(reports->correlator, record, length);
}

static bool no_limits(void *context, uint32_t netns, struct port_limits *limits)
{
	(void)context;
	(void)netns;
	(void)limits;
	return false;
}

/* As `timewait` of a file: from nothing to what there was. */
static void show_summary(struct reports *reports)
{
	const struct port_lookup lookup = {.limits = no_limits};
	struct time_wait_reading reading =
		time_wait_counts_reading(reports->counts, reports->first);
	struct time_wait_summary *summary = time_wait_summary_new();
	const struct time_wait_view *view;

	FUZZ_CHECK(summary);
	reading.group_count = 0;
	time_wait_summary_feed(summary, &reading);
	reading = time_wait_counts_reading(reports->counts, reports->last);
	time_wait_summary_feed(summary, &reading);
	view = time_wait_summary_view(summary, &lookup, true);
	FUZZ_CHECK(view);
	for (unsigned int i = 0; i < REPORTS_FORMATS; i++) {
		formats[i]->time_wait_summary(&reports->outputs[i], view);
		check_text(&reports->outputs[i].out);
	}
	time_wait_summary_free(summary);
	time_wait_counts_free(reports->counts);
}

void reports_close(struct reports *reports)
{
	const struct core_stats *stats = correlator_stats(reports->correlator);
	struct record end = {.length = sizeof(end), .kind = RECORD_END, .time = reports->last};

	for (; end.source <= reports->two; end.source++)
		correlator_feed(reports->correlator, &end, sizeof(end));
	if (reports->counts)
		show_summary(reports);
	for (unsigned int i = 0; i < REPORTS_FORMATS; i++) {
		if (formats[i]->end)
			formats[i]->end(&reports->outputs[i], stats, 0);
		check_text(&reports->outputs[i].out);
		buffer_done(&reports->outputs[i].out);
	}
	if (reports->page.format)
		output_page.end(&reports->page, stats, 0);
	FUZZ_CHECK(!reports->page.out.failed);
	buffer_done(&reports->page.out);
	correlator_free(reports->correlator);
}

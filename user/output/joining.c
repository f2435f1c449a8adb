// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/joining.h"

#include "core/joined.h"
#include "output/facts.h"
#include "output/json_values.h"
#include "output/text.h"

#define MS 1000000
#define PPM 1000000 /* in ps that a second gains */
#define NAME_WIDTH 48

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void joining_add_name(struct buffer *out, const struct output_join *join, unsigned int source)
{
	const char *name = join->names[source];

	if (strcmp(last_part(join->names[0]), last_part(join->names[1])) != 0)
		name = last_part(name);
	text_add_path(out, name, NAME_WIDTH);
}

static void add_magnitude(struct buffer *out, int64_t number, uint64_t unit, unsigned int places)
{
	buffer_add_fixed(out, number < 0 ? -(uint64_t)number : (uint64_t)number, unit, places);
}

static void add_evidence(struct buffer *out, const struct clock_estimate *clock)
{
	buffer_add_literal(out, " (");
	buffer_add_unsigned(out, clock->segments);
	buffer_add_string(out,
			  clock->segments == 1 ? " segment is in both" : " segments are in both");
	if (clock->agreeing < clock->segments) {
		buffer_add_literal(out, "; what ");
		buffer_add_unsigned(out, clock->segments - clock->agreeing);
		buffer_add_literal(out, " of them say does not fit");
	}
	if (clock->knowledge == CLOCK_AT_MOST || clock->knowledge == CLOCK_AT_LEAST)
		buffer_add_literal(out, ", all in one direction; the fastest counts as no time");
	else if (clock->knowledge == CLOCK_ABOUT)
		buffer_add_literal(out, "; which end sent them does not show");
	buffer_add_char(out, ')');
}

/* An upper bound of what is behind is a lower bound of how much. */
static void add_bound(struct buffer *out, const struct clock_estimate *clock)
{
	bool ahead = clock->offset >= 0;

	if (clock->knowledge == CLOCK_ABOUT)
		buffer_add_literal(out, "about ");
	else if (clock->knowledge != CLOCK_BETWEEN)
		buffer_add_string(out, (clock->knowledge == CLOCK_AT_MOST) == ahead ? "at most "
										    : "at least ");
}

void joining_add_sentence(struct buffer *out, const struct output_join *join)
{
	const struct clock_estimate *clock = &join->clock;

	joining_add_name(out, join, 0);
	buffer_add_literal(out, " and ");
	joining_add_name(out, join, 1);
	if (clock->knowledge == CLOCK_UNKNOWN) {
		buffer_add_literal(out, ": no segment is in both; their clocks are taken to agree");
		return;
	}
	buffer_add_literal(out, ": the second clock is ");
	add_bound(out, clock);
	buffer_add_char(out, '~');
	add_magnitude(out, clock->offset, MS, 3);
	if (clock->knowledge == CLOCK_BETWEEN) {
		buffer_add_literal(out, " ± ");
		buffer_add_fixed(out, clock->error, MS, 3);
	}
	buffer_add_string(out, clock->offset < 0 ? " ms behind" : " ms ahead");
	if (clock->drift) {
		buffer_add_string(out, clock->drift < 0 ? " and loses ~" : " and gains ~");
		add_magnitude(out, clock->drift, PPM, 3);
		buffer_add_literal(out, " ppm");
	}
	add_evidence(out, clock);
}

static void add_drift(struct buffer *out, int64_t drift)
{
	buffer_add_string(out, drift < 0 ? ",\"drift_ppm\":-" : ",\"drift_ppm\":");
	add_magnitude(out, drift, PPM, 6);
}

void joining_json(struct output *output)
{
	static const char *const knowledges[CLOCK_KNOWLEDGES] = {
		[CLOCK_UNKNOWN] = "unknown", [CLOCK_BETWEEN] = "between",
		[CLOCK_AT_MOST] = "at-most", [CLOCK_AT_LEAST] = "at-least",
		[CLOCK_ABOUT] = "about",
	};
	const struct output_join *join = output->options.join;
	const struct clock_estimate *clock = &join->clock;
	struct buffer *out = &output->out;

	buffer_add_literal(out, "{\"type\":\"clock_offset\",\"schema\":1,\"sources\":[");
	for (unsigned int i = 0; i < OUTPUT_SOURCES; i++) {
		if (i)
			buffer_add_char(out, ',');
		buffer_add_json(out, join->names[i], SIZE_MAX);
	}
	buffer_add_literal(out, "],\"knowledge\":");
	add_name(out, knowledges[clock->knowledge]);
	if (clock->knowledge != CLOCK_UNKNOWN) {
		buffer_add_literal(out, ",\"ts\":\"");
		buffer_add_timestamp(out, (int64_t)clock->time);
		buffer_add_literal(out, "\",\"offset_ns\":");
		buffer_add_signed(out, clock->offset);
		if (clock->knowledge == CLOCK_BETWEEN)
			ADD_UNSIGNED(out, "error_ns", clock->error);
		if (clock->drift)
			add_drift(out, clock->drift);
	}
	ADD_UNSIGNED(out, "segments", clock->segments);
	ADD_UNSIGNED(out, "agreeing", clock->agreeing);
	ADD_UNSIGNED(out, "left_out", clock->left_out);
	if (clock->knowledge != CLOCK_UNKNOWN)
		buffer_add_literal(out, ",\"inferred\":[\"offset_ns\",\"error_ns\",\"drift_ppm\"]");
	buffer_add_literal(out, "}\n");
}

/* Where NAT is between: what the other end's addresses are there. */
static void add_remote_view(struct buffer *out, const struct teardown_report *report)
{
	struct flow flow = end_flow(report->connection, !report->local);

	if (!ends_differ(report->connection))
		return;
	buffer_add_literal(out, ",\"remote_view\":{");
	json_add_sides(out, &flow, 0, 0);
	buffer_add_char(out, '}');
}

void joining_json_teardown(struct output *output, const struct teardown_report *report)
{
	const struct clock_estimate *clock = &output->options.join->clock;
	struct buffer *out = &output->out;

	buffer_add_literal(out, ",\"joined\":{\"local_source\":");
	buffer_add_unsigned(out, local_end(report)->source);
	ADD_UNSIGNED(out, "remote_source", remote_end(report)->source);
	buffer_add_literal(out, ",\"offset_ns\":");
	buffer_add_signed(out, clock_estimate_at(clock, report->time));
	if (clock->knowledge == CLOCK_BETWEEN)
		ADD_UNSIGNED(out, "error_ns", clock->error);
	add_remote_view(out, report);
	buffer_add_literal(out, ",\"inferred\":[\"offset_ns\",\"error_ns\",\"one_way_ns\"]}");
}

void joining_json_segment(struct buffer *out, const struct connection_view *connection,
			  const struct segment *segment)
{
	int64_t delay;

	if (!joined_delay(connection, segment, &delay))
		return;
	buffer_add_literal(out, ",\"one_way_ns\":");
	buffer_add_signed(out, delay);
}

void joining_add_delay(struct buffer *out, const struct connection_view *connection,
		       const struct segment *segment)
{
	int64_t delay;

	if (joined_delay(connection, segment, &delay)) {
		buffer_add_string(out, delay < 0 ? "~-" : "~");
		add_magnitude(out, delay, MS, 3);
	} else if (!joined_sighting(connection, segment, !segment->sender)) {
		buffer_add_literal(out, "not seen");
	}
}

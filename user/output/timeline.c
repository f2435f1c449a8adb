// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The text format: a ladder for each close, a line for each TIME_WAIT. Two sockets of this machine
 * that are one connection share a ladder; the left end is then the one that closed first.
 */
#include "output/facts.h"
#include "output/joining.h"
#include "output/ladder.h"
#include "output/leaks.h"
#include "output/summary.h"
#include "output/text.h"

#define S 1000000000ull

/* Two sockets of this machine are reported one after the other: the second one's ladder would
 * have the same rows. */
static bool was_shown(struct output *output, const struct connection_view *connection)
{
	uint64_t shown[3] = {connection->id[0], connection->id[1],
			     (uint64_t)connection->ends[0].state_count +
				     connection->ends[1].state_count + connection->segment_count};

	if (!connection->ends[0].has_socket || !connection->ends[1].has_socket)
		return false;
	if (!memcmp(output->shown, shown, sizeof(shown)))
		return true;
	memcpy(output->shown, shown, sizeof(shown));
	return false;
}

static void timeline_begin(struct output *output)
{
	const struct output_join *join = output->options.join;
	struct buffer sentence;

	if (!join)
		return;
	buffer_init(&sentence);
	joining_add_sentence(&sentence, join);
	text_add_wrapped(&output->out, sentence.data, sentence.length, 0, 4, TEXT_WIDTH);
	buffer_add_literal(&output->out, "\n\n");
	output->out.failed |= sentence.failed;
	buffer_done(&sentence);
}

/* A report as the ladder shows it: from the side of the socket that closed first, if both are of
 * this machine, and counting from the first event of either. */
static struct teardown_report turn(const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	struct teardown_report turned = *report;

	if (report->twin && report->verdict.closed_by == CLOSED_BY_PEER) {
		turned.local = !report->local;
		turned.verdict = classify(connection, turned.local);
	}
	for (unsigned int end = 0; end < 2; end++)
		if (connection->ends[end].state_count &&
		    connection->ends[end].states[0].time < turned.time)
			turned.time = connection->ends[end].states[0].time;
	return turned;
}

static void timeline_teardown(struct output *output, const struct teardown_report *report)
{
	struct teardown_report turned;

	if (was_shown(output, report->connection))
		return;
	if (output->after_line)
		buffer_add_char(&output->out, '\n');
	output->after_line = false;
	turned = turn(report);
	ladder_add(output, &turned);
	buffer_add_char(&output->out, '\n');
}

/* As exactly as the timer wheel rounds. */
static void add_seconds(struct buffer *out, uint64_t ns)
{
	buffer_add_fixed(out, ns, S, 3);
	buffer_add_literal(out, " s");
}

static const char *why_ended(const struct time_wait_report *report)
{
	static const char *const ends[TIME_WAIT_ENDS] = {
		[TIME_WAIT_ENDED] = "then something other than its timer ended it",
		[TIME_WAIT_BY_TIMER] = "until its timer ran out",
		[TIME_WAIT_BY_CONNECT] = "until a connect() took its ports",
		[TIME_WAIT_BY_SYN] = "until a SYN of the peer took its ports",
		[TIME_WAIT_BY_RESET] = "until a RST removed it",
		[TIME_WAIT_DESTROYED] =
			"until it was removed: by ss -K or with its network namespace",
	};

	return ends[report->ended_by];
}

/* What the kernel asked for, and what moved the end. */
static void add_asked(struct buffer *out, const struct time_wait_report *report)
{
	if (report->ended_by == TIME_WAIT_BY_TIMER && report->end_seen && report->timeout) {
		buffer_add_literal(out, " (asked for ");
		add_seconds(out, report->timeout);
		buffer_add_char(out, ')');
	}
	if (report->restarts) {
		buffer_add_literal(out, ", started again ");
		buffer_add_unsigned(out, report->restarts);
		buffer_add_string(out, report->restarts == 1 ? " time" : " times");
	}
	if (report->late_count) {
		buffer_add_literal(out, ", ");
		buffer_add_unsigned(out, report->late_count);
		buffer_add_string(out,
				  report->late_count == 1 ? " late segment" : " late segments");
	}
	if (report->start_inferred && (report->id[0] || report->id[1]))
		buffer_add_literal(out, "; ~its begin was not seen");
	else if (report->start_inferred)
		buffer_add_literal(out, "; ~begun before the tracer");
}

/* Those that go on are told of together, at the end. */
static void timeline_time_wait(struct output *output, const struct time_wait_report *report)
{
	bool orphan = report->substate == TCP_STATE_FIN_WAIT2;
	struct buffer *out = &output->out;

	if (report->ended_by == TIME_WAIT_STOPPED) {
		if (orphan)
			return; /* its ladder says so */
		output->still_waiting++;
		if (report->left > output->longest_wait)
			output->longest_wait = report->left;
		return;
	}
	text_add_endpoint(out, report->flow.local, report->flow.local_port);
	buffer_add_literal(out, " → ");
	text_add_endpoint(out, report->flow.remote, report->flow.remote_port);
	buffer_add_string(out, orphan         ? "   FIN_WAIT2 without a program "
			       : report->wire ? "   ~TIME_WAIT "
					      : "   TIME_WAIT ");
	if (report->ended_by == TIME_WAIT_NEVER) {
		buffer_add_literal(out, "never began: tcp_max_tw_buckets left no room");
	} else if (report->end_inferred) {
		buffer_add_literal(out, "is over, ~by its timer; its end was not seen");
	} else if (!report->end_seen) {
		buffer_add_literal(out, "is over, its end was not seen");
	} else if (report->started_late) {
		buffer_add_literal(out, "went on ");
		buffer_add_string(out, why_ended(report));
	} else {
		buffer_add_literal(out, "lasted ");
		add_seconds(out, report->duration);
		buffer_add_literal(out, ", ");
		buffer_add_string(out, why_ended(report));
	}
	add_asked(out, report);
	buffer_add_char(out, '\n');
	output->after_line = true;
}

static void timeline_end(struct output *output, const struct core_stats *stats, uint64_t duration)
{
	struct buffer *out = &output->out;

	(void)stats;
	(void)duration;
	if (!output->still_waiting)
		return;
	buffer_add_unsigned(out, output->still_waiting);
	buffer_add_string(out, output->still_waiting == 1 ? " socket is" : " sockets are");
	buffer_add_literal(out, " still in TIME_WAIT, for another ");
	add_seconds(out, output->longest_wait);
	if (output->still_waiting > 1)
		buffer_add_literal(out, " at most");
	buffer_add_char(out, '\n');
}

const struct output_format output_timeline = {
	.name = "text",
	.begin = timeline_begin,
	.teardown = timeline_teardown,
	.time_wait = timeline_time_wait,
	.time_wait_summary = screen_time_wait_summary,
	.close_wait = text_close_wait,
	.close_wait_view = screen_close_wait_view,
	.end = timeline_end,
};

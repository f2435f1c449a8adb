/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Plays a world to the core and holds every report against the truth of its story. What was
 * reported is kept as JSON lines, so that two tellings of one world can be compared.
 */
#ifndef TCPCLOSE_TESTS_JUDGE_H
#define TCPCLOSE_TESTS_JUDGE_H

#include <stdarg.h>

#include "core/flow.h"
#include "output/output.h"
#include "world.h"

struct judge {
	const struct world *world;
	struct correlator *correlator;
	struct output output;
	char **lines;
	size_t line_count, line_room;
	struct core_stats stats;
	/* By cookie. */
	uint8_t teardowns[2 * WORLD_STORIES + 3];
	uint8_t waits[2 * WORLD_STORIES + 3];
	uint64_t now;       /* the latest time that was told */
	char failure[1500]; /* the first; empty: none */
	int story;          /* of it, or -1 */
};

__attribute__((format(printf, 3, 4))) static void blame(struct judge *judge, int story,
							const char *format, ...)
{
	va_list arguments;

	if (judge->failure[0])
		return;
	judge->story = story;
	va_start(arguments, format);
	vsnprintf(judge->failure, sizeof(judge->failure), format, arguments);
	va_end(arguments);
}

static void keep_line(struct judge *judge)
{
	if (judge->line_count == judge->line_room) {
		judge->line_room = judge->line_room ? judge->line_room * 2 : 1024;
		judge->lines = realloc(judge->lines, judge->line_room * sizeof(*judge->lines));
		assert(judge->lines);
	}
	judge->lines[judge->line_count++] =
		strndup(judge->output.out.data, judge->output.out.length);
	buffer_clear(&judge->output.out);
}

static const char *kind_name(enum close_kind kind)
{
	return close_kind_info(kind)->name;
}

/* How a mini-socket ends is told by its segment or by its timer, whichever is seen first. */
static bool is_near(uint64_t time, uint64_t truth)
{
	return time <= truth + 10 * US && time + 10 * US >= truth;
}

static bool is_time(const struct side *side, const struct state_change *truth, uint64_t time)
{
	if (truth->from != TCP_STATE_FIN_WAIT2 || !side->mini_told)
		return time == truth->time;
	return is_near(time, truth->time);
}

/* Each change that is called observed was one, in this order. */
static void judge_states(struct judge *judge, int number, const struct side *side,
			 const struct teardown_report *report)
{
	const struct connection_end *end = &report->connection->ends[report->local];
	unsigned int at = 0;
	bool whole = !judge->world->stories[number].damaged && !judge->world->stops_early &&
		     !report->incomplete;

	for (uint32_t i = 0; i < end->state_count; i++) {
		const struct state_change *state = &end->states[i];

		if (!state->observed)
			continue;
		for (; at < side->state_count; at++)
			if (side->states[at].from == state->from &&
			    side->states[at].to == state->to &&
			    is_time(side, &side->states[at], state->time))
				break;
		if (at++ == side->state_count) {
			blame(judge, number, "%s to %s is called observed and was not",
			      tcp_state_name(state->from), tcp_state_name(state->to));
			return;
		}
	}
	if (whole && end->state_count != side->state_count)
		blame(judge, number, "%u changes of state are reported of %u", end->state_count,
		      side->state_count);
}

/* In order of time, and nothing of the time to come. */
static void judge_times(struct judge *judge, int number, const struct teardown_report *report)
{
	const struct connection_view *view = report->connection;
	const struct connection_end *end = &view->ends[report->local];
	uint64_t last = 0;

	for (uint32_t i = 0; i < end->state_count; last = end->states[i++].time)
		if (end->states[i].time < last || end->states[i].time > judge->now)
			blame(judge, number, "change %u of state is out of time", i);
	last = 0;
	for (uint32_t i = 0; i < view->segment_count; last = view->segments[i++].time)
		if (view->segments[i].time < last || view->segments[i].time > judge->now)
			blame(judge, number, "segment %u is out of time", i);
	if (report->time > judge->now)
		blame(judge, number, "its time is to come");
}

static void judge_segments(struct judge *judge, int number, const struct teardown_report *report,
			   bool client_first)
{
	const struct connection_view *view = report->connection;
	const struct story *story = &judge->world->stories[number];
	const struct side *side = &story->sides[client_first ? report->local : !report->local];
	bool used[STORY_SEEN] = {false};

	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *segment = &view->segments[i];
		unsigned int sender = client_first ? segment->sender : !segment->sender, k = 0;

		for (; k < story->seen_count; k++) {
			const struct seen *seen = &story->seen[k];

			if (!used[k] && seen->sender == sender && seen->seq == segment->seq &&
			    seen->ack == segment->ack && seen->flags == segment->flags &&
			    segment->time >= seen->time && segment->time <= seen->last)
				break;
		}
		if (k == story->seen_count) {
			blame(judge, number, "a segment is reported (%u of it) that was not sent",
			      i);
			return;
		}
		used[k] = true;
	}
	/* What was on its way when the teardown was over may come too late; a capture does not show
	 * whether a RST was the end. */
	if (story->sight == SIGHT_WIRE && first_seen(story, SEGMENT_RST))
		return;
	for (unsigned int k = 0; k < story->seen_count && !judge->world->lossy; k++)
		if (!used[k] && story->seen[k].time && story->seen[k].time <= side->over) {
			blame(judge, number, "a segment (%u) is missing", k);
			return;
		}
}

/* Whatever was lost: what is neither marked as incomplete nor as inferred is true. */
static void judge_verdict(struct judge *judge, int number, unsigned int index,
			  const struct teardown_report *report)
{
	const struct story *story = &judge->world->stories[number];
	const struct verdict *verdict = &report->verdict;
	enum close_kind kind = story_kind(story, index);
	enum closed_by closer = story_closer(story, index);
	bool excused = report->incomplete || verdict->inferred || verdict->kind == KIND_UNKNOWN;
	bool lossless = !judge->world->lossy;

	/* Who was first of two that reset, their own states do not say. */
	if (story->sight == SIGHT_STATES && kind == KIND_RESET)
		closer = verdict->closed_by;
	if (report->incomplete & ~(uint32_t)INCOMPLETE_STOPPED && lossless)
		blame(judge, number, "incomplete (%u) though nothing was lost", report->incomplete);
	if (story->sides[index].ending == ENDING_NONE) {
		if (!excused)
			blame(judge, number, "%s is reported of a socket that goes on",
			      kind_name(verdict->kind));
		return;
	}
	if (verdict->kind != kind && (!excused || (lossless && story->sight == SIGHT_BOTH)))
		blame(judge, number, "it was %s and is reported as %s (incomplete %u%s)",
		      kind_name(kind), kind_name(verdict->kind), report->incomplete,
		      verdict->inferred ? ", inferred" : "");
	if (verdict->closed_by != closer && verdict->closed_by != CLOSED_BY_UNKNOWN &&
	    (!excused || (lossless && story->sight == SIGHT_BOTH)))
		blame(judge, number, "closed by %s and reported as by %s (%s)",
		      closed_by_name(closer), closed_by_name(verdict->closed_by), kind_name(kind));
	/* Of one that did not pass CLOSING the crossing of the FINs is all that says so. */
	if (lossless && story->sight == SIGHT_BOTH && verdict->inferred &&
	    (kind != KIND_SIMULTANEOUS || story->sides[index].passed_closing))
		blame(judge, number, "%s is called inferred and was seen", kind_name(kind));
}

/* Of a capture the numbers of both SYNs say which it is. */
static int story_of(const struct world *world, const struct connection_end *ends)
{
	for (unsigned int i = 0; i < world->count; i++) {
		const uint32_t *isn = world->stories[i].plot.isn;

		if ((ends[0].isn == isn[0] && ends[1].isn == isn[1]) ||
		    (ends[0].isn == isn[1] && ends[1].isn == isn[0]))
			return (int)i;
	}
	return -1;
}

static bool judge_captured(struct judge *judge, const struct teardown_report *report)
{
	const struct connection_end *ends = report->connection->ends;
	int number = story_of(judge->world, ends);
	const struct story *story;
	bool client;

	if (number < 0) {
		blame(judge, -1, "a report of no connection of ours");
		return true;
	}
	story = &judge->world->stories[number];
	client = ends[report->local].isn == story->plot.isn[0];
	if (judge->teardowns[story->sides[0].cookie]++)
		blame(judge, number, "it is reported twice");
	if (!report->verdict.inferred)
		blame(judge, number, "a capture is called an observation");
	judge_times(judge, number, report);
	judge_segments(judge, number, report, client == (report->local == 0));
	if (story->plot.loss || story->plot.vanishes || report->incomplete)
		return true;
	if (story->sides[0].ending == ENDING_FINS && story->sides[1].ending == ENDING_FINS &&
	    report->verdict.kind != story_kind(story, !client))
		blame(judge, number, "it was %s and is reported as %s",
		      kind_name(story_kind(story, !client)), kind_name(report->verdict.kind));
	return true;
}

static bool on_teardown(void *context, const struct teardown_report *report)
{
	struct judge *judge = context;
	const struct connection_end *end = &report->connection->ends[report->local];
	uint64_t cookie = end->socket.id;
	unsigned int number = (unsigned int)(cookie - 1) / 2, index = (cookie - 1) % 2;

	judge->output.format->teardown(&judge->output, report);
	keep_line(judge);
	if (judge->world->sight == SIGHT_WIRE)
		return judge_captured(judge, report);
	if (!end->has_socket || !cookie || number >= judge->world->count) {
		blame(judge, -1, "a report of no socket of ours");
		return true;
	}
	/* One that was evicted may be heard of again. */
	if (judge->teardowns[cookie]++ && !judge->world->limited)
		blame(judge, (int)number, "its teardown is reported twice");
	judge_states(judge, (int)number, &judge->world->stories[number].sides[index], report);
	judge_segments(judge, (int)number, report, index == report->local);
	judge_times(judge, (int)number, report);
	judge_verdict(judge, (int)number, index, report);
	return true;
}

/* Of what waits there is at most one report, and it names what ended it. */
static void on_time_wait(void *context, const struct time_wait_report *report)
{
	struct judge *judge = context;
	const struct world *world = judge->world;

	judge->output.format->time_wait(&judge->output, report);
	keep_line(judge);
	if (report->start + report->duration > judge->now)
		blame(judge, -1, "a TIME_WAIT lasts into the time to come");
	for (unsigned int i = 0; i < world->count; i++)
		for (unsigned int index = 0; index < 2; index++) {
			const struct story *story = &world->stories[i];
			const struct side *side = &story->sides[index];
			enum time_wait_end told = report->ended_by;

			if (report->substate != TCP_STATE_TIME_WAIT || !side->waits ||
			    !side->traced || side->netns != report->netns ||
			    !flow_equal(&side->flow, &report->flow) ||
			    (report->start_inferred ? report->start > side->wait_over
						    : !is_near(report->start, side->mini_since)))
				continue;
			if (judge->waits[side->cookie]++ && !world->limited)
				blame(judge, (int)i, "its TIME_WAIT is reported twice");
			if (told != side->wait_end && told != TIME_WAIT_ENDED)
				blame(judge, (int)i, "TIME_WAIT ended by %d and reported as by %d",
				      side->wait_end, told);
			return;
		}
}

/* Each connection whose close is in the capture is told of once. */
static void judge_capture_counts(struct judge *judge)
{
	const struct world *world = judge->world;

	for (unsigned int i = 0; i < world->count; i++) {
		const struct story *story = &world->stories[i];
		unsigned int told = judge->teardowns[story->sides[0].cookie];

		if (world->kept[i] && told != (story->seen_count > 0))
			blame(judge, (int)i, "its close is reported %u times", told);
	}
}

/* Each socket that began to close ended once: reported, or counted as unfinished. */
static void judge_counts(struct judge *judge)
{
	const struct world *world = judge->world;
	uint64_t sockets = 0;

	for (unsigned int i = 0; i < world->count; i++)
		for (unsigned int index = 0; index < 2; index++) {
			const struct side *side = &world->stories[i].sides[index];
			bool began = false;

			for (size_t k = 0; k < world->told_count; k++)
				began |= world->told[k].record.header.kind == RECORD_STATE &&
					 world->told[k].record.state.socket == side->cookie;
			if (!began || world->sight == SIGHT_WIRE)
				continue;
			sockets++;
			if (judge->teardowns[side->cookie] != 1)
				blame(judge, (int)i, "its %s is reported %u times",
				      index ? "server" : "client", judge->teardowns[side->cookie]);
			if (!world->lossy && side->waits && judge->waits[side->cookie] != 1)
				blame(judge, (int)i, "the TIME_WAIT of its %s is reported %u times",
				      index ? "server" : "client", judge->waits[side->cookie]);
		}
	if (judge->stats.teardowns + judge->stats.unfinished != sockets)
		blame(judge, -1, "%lu sockets, but %lu teardowns and %lu unfinished", sockets,
		      judge->stats.teardowns, judge->stats.unfinished);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void judge_done(struct judge *judge)
{
	for (size_t i = 0; i < judge->line_count; i++)
		free(judge->lines[i]);
	free(judge->lines);
	buffer_done(&judge->output.out);
}

static void judge_begin(struct judge *judge, const struct world *world)
{
	judge_done(judge);
	*judge = (struct judge){.world = world, .story = -1};
	judge->output = (struct output){.format = &output_json,
					.options = {.wall_offset = 1784000000000000000}};
}

static void judge_open(struct judge *judge, const struct correlator_settings *settings)
{
	const struct correlator_listener listener = {
		.teardown = on_teardown, .time_wait = on_time_wait, .context = judge};

	judge->correlator = correlator_new(settings, &listener);
	assert(judge->correlator);
}

static void judge_feed(struct judge *judge, const struct record *record)
{
	if (record->time > judge->now)
		judge->now = record->time;
	correlator_feed(judge->correlator, record, record->length);
}

static void judge_close(struct judge *judge)
{
	judge->stats = *correlator_stats(judge->correlator);
	correlator_free(judge->correlator);
	if (judge->line_count)
		qsort(judge->lines, judge->line_count, sizeof(*judge->lines), compare_lines);
}

static void judge_play(struct judge *judge, const struct correlator_settings *settings)
{
	const struct world *world = judge->world;

	judge_open(judge, settings);
	for (size_t i = 0; i < world->told_count; i++)
		judge_feed(judge, &world->told[i].record.header);
	judge_close(judge);
}

/* Both tell the same. */
static void judge_alike(struct judge *judge, const struct judge *other)
{
	for (size_t i = 0; i < judge->line_count && i < other->line_count; i++)
		if (strcmp(judge->lines[i], other->lines[i]) != 0) {
			size_t at = 0, from;

			while (judge->lines[i][at] == other->lines[i][at])
				at++;
			from = at > 60 ? at - 60 : 0;
			blame(judge, -1, "it is told otherwise:\n#   ..%.200s\n#   ..%.200s",
			      other->lines[i] + from, judge->lines[i] + from);
			return;
		}
	if (judge->line_count != other->line_count)
		blame(judge, -1, "%zu reports instead of %zu", judge->line_count,
		      other->line_count);
}

#endif

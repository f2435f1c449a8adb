// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "scribe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/recorder.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/writing.h"
#include "output/record_message.h"
#include "output/sentence.h"
#include "output/text.h"
#include "suspect_note.h"

struct scribe {
	struct recorder *recorder;
	struct output_lookup lookup;
	struct buffer text;
};

static const char *note(struct scribe *scribe, enum name_kind kind, uint64_t number,
			const char *name)
{
	recorder_name(scribe->recorder, kind, number, name);
	return name;
}

static const char *interface_name(void *context, uint32_t netns, uint32_t interface)
{
	struct scribe *scribe = context;
	const struct output_lookup *live = &scribe->lookup;

	return note(scribe, NAME_INTERFACE, (uint64_t)netns << 32 | interface,
		    live->interface_name(live->context, netns, interface));
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	struct scribe *scribe = context;
	const struct output_lookup *live = &scribe->lookup;

	return note(scribe, NAME_CGROUP, cgroup, live->cgroup_path(live->context, cgroup));
}

static const char *reset_reason(void *context, uint32_t reason)
{
	struct scribe *scribe = context;
	const struct output_lookup *live = &scribe->lookup;

	return note(scribe, NAME_RESET_REASON, reason, live->reset_reason(live->context, reason));
}

struct output_lookup scribe_lookup(struct scribe *scribe)
{
	return (struct output_lookup){
		.context = scribe,
		.interface_name = interface_name,
		.cgroup_path = cgroup_path,
		.reset_reason = reset_reason,
	};
}

static void describe(void *context, struct buffer *out, const struct record *record)
{
	const struct scribe *scribe = context;

	record_message_add(out, &scribe->lookup, record);
}

int scribe_open(struct scribe **result, const struct scribe_settings *settings)
{
	const struct options *options = settings->options;
	struct recorder_settings recorder = {
		.path = options->write,
		.size = options->rotate_size,
		.interval = options->rotate_interval,
		.files = (uint32_t)options->rotate_count,
		.wall_offset = settings->wall_offset,
		.count = options->count,
		.questions = settings->questions,
		.program = "tcpclose-trace " VERSION,
		.describe = describe,
	};
	struct scribe *scribe = calloc(1, sizeof(*scribe));
	struct buffer reason;
	int error = -ENOMEM;

	buffer_init(&reason);
	if (!scribe)
		goto out;
	buffer_init(&scribe->text);
	scribe->lookup = *settings->lookup;
	recorder.context = scribe;
	error = recorder_open(&scribe->recorder, &recorder, clock_boot(), &reason);
out:
	if (error) {
		log_error("cannot record to %s: %.*s; give another --write", options->write,
			  reason.length ? (int)reason.length : 9,
			  reason.length ? reason.data : "no memory");
		scribe_close(scribe);
		scribe = NULL;
	}
	buffer_done(&reason);
	*result = scribe;
	return error;
}

/* A pipe that nobody reads any more ends quietly. */
static bool say(const char *path, int error)
{
	if (error && error != -EPIPE)
		log_error("cannot write to %s: %s; what was recorded before can be read", path,
			  writing_error(error));
	return !error || error == -EPIPE;
}

bool scribe_close(struct scribe *scribe)
{
	bool written = true;

	if (!scribe)
		return true;
	if (scribe->recorder) {
		struct buffer path;
		int error;

		buffer_init(&path);
		buffer_add_string(&path, recorder_path(scribe->recorder));
		buffer_add_char(&path, '\0');
		error = recorder_close(scribe->recorder);
		written = say(path.failed ? "the recording" : path.data, error);
		buffer_done(&path);
	}
	buffer_done(&scribe->text);
	free(scribe);
	return written;
}

void scribe_add(struct scribe *scribe, const struct record *record)
{
	const struct segment_record *segment = (const struct segment_record *)record;

	if (record->kind == RECORD_SEGMENT)
		interface_name(scribe, record->netns, segment->interface);
	recorder_add(scribe->recorder, record);
}

/* All that any format may want to look up, whichever is written now; of the interfaces
 * scribe_add() has told. */
static void note_names(struct scribe *scribe, const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;

	for (unsigned int end = 0; end < 2; end++)
		if (connection->ends[end].has_socket && connection->ends[end].socket.cgroup)
			cgroup_path(scribe, connection->ends[end].socket.cgroup);
	if (report->verdict.has_reset && report->verdict.reset_reason != RESET_REASON_NONE)
		reset_reason(scribe, report->verdict.reset_reason);
}

/* Whose verdict it is, and in words. */
static void add_verdict(struct buffer *out, const struct output *output,
			const struct teardown_report *report)
{
	const struct connection_end *local = &report->connection->ends[report->local];

	if (local->has_socket) {
		text_add_endpoint(out, local->socket.flow.local, local->socket.flow.local_port);
		buffer_add_literal(out, " → ");
		text_add_endpoint(out, local->socket.flow.remote, local->socket.flow.remote_port);
		buffer_add_literal(out, ": ");
	}
	sentence_add(out, output, report);
}

void scribe_report(struct scribe *scribe, const struct output *output,
		   const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	const struct connection_end *local = &connection->ends[report->local];
	struct recorder_place place, *at = NULL;
	uint64_t time = report->time;

	note_names(scribe, report);
	buffer_clear(&scribe->text);
	add_verdict(&scribe->text, output, report);
	if (local->state_count)
		time = local->states[local->state_count - 1].time;
	if (connection->segment_count) {
		const struct segment *last = &connection->segments[connection->segment_count - 1];
		const struct sighting *seen = &last->sightings[0];

		place = (struct recorder_place){
			.time = seen->time,
			.netns = seen->netns,
			.interface = seen->interface,
			.hook = seen->hook,
			.seq = last->seq,
			.ack = last->ack,
		};
		at = &place;
	}
	if (!scribe->text.failed)
		recorder_comment(scribe->recorder, at, time, scribe->text.data,
				 scribe->text.length);
}

/* The line of the text format, for people. */
static void add_suspect(struct buffer *out, const struct output *output,
			const struct close_wait_report *report)
{
	struct output line = {.options = output->options};

	line.options.color = false;
	output_timeline.close_wait(&line, report);
	while (line.out.length && line.out.data[line.out.length - 1] == '\n')
		line.out.length--;
	buffer_add(out, line.out.data, line.out.length);
	out->failed |= line.out.failed;
	buffer_done(&line.out);
}

void scribe_suspect(struct scribe *scribe, const struct output *output,
		    const struct close_wait_report *report)
{
	struct buffer fields = {0};

	if (report->cgroup)
		cgroup_path(scribe, report->cgroup);
	suspect_note_add(&fields, report);
	buffer_clear(&scribe->text);
	add_suspect(&scribe->text, output, report);
	recorder_note(scribe->recorder, report->time, SUSPECT_NOTE, &fields, &scribe->text);
	buffer_done(&fields);
}

bool scribe_advance(struct scribe *scribe, uint64_t now)
{
	return !recorder_advance(scribe->recorder, now) && !recorder_full(scribe->recorder);
}

uint64_t scribe_deadline(const struct scribe *scribe)
{
	return recorder_deadline(scribe->recorder);
}

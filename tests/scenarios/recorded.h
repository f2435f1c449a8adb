/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A run that is recorded, and a replay of it: what the session does with -w and -r, for play.c.
 */
#ifndef TCPCLOSE_TESTS_RECORDED_H
#define TCPCLOSE_TESTS_RECORDED_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/recorder.h"
#include "capture/recording.h"
#include "output/record_message.h"
#include "output/sentence.h"

static void recorded_fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(2);
}

static void recorded_describe(void *context, struct buffer *out, const struct record *record)
{
	record_message_add(out, context, record);
}

/* `lookup`: what MESSAGE fields may ask. */
static struct recorder *recorded_begin(const char *path, const struct output_options *options,
				       const struct output_lookup *lookup, bool questions,
				       uint64_t now)
{
	const struct recorder_settings settings = {
		.path = path,
		.wall_offset = options->wall_offset,
		.questions = questions,
		.program = "play",
		.describe = recorded_describe,
		.context = (void *)lookup,
	};
	struct recorder *recorder;
	struct buffer reason = {0};

	if (!recorder_open(&recorder, &settings, now, &reason))
		return recorder;
	buffer_add_char(&reason, '\0');
	recorded_fail(path, reason.data);
	return NULL;
}

/* The verdict, on the last segment of the close. */
static inline void recorded_verdict(struct recorder *recorder, const struct output *output,
				    const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	struct recorder_place place = {0};
	struct buffer sentence = {0};
	const struct segment *last = NULL;

	if (connection->segment_count)
		last = &connection->segments[connection->segment_count - 1];
	if (last)
		place = (struct recorder_place){.time = last->sightings[0].time,
						.netns = last->sightings[0].netns,
						.interface = last->sightings[0].interface,
						.hook = last->sightings[0].hook,
						.seq = last->seq,
						.ack = last->ack};
	sentence_add(&sentence, output, report);
	recorder_comment(recorder, last ? &place : NULL, report->time, sentence.data,
			 sentence.length);
	buffer_done(&sentence);
}

static ssize_t recorded_read(void *context, void *bytes, size_t room)
{
	return read(*(int *)context, bytes, room);
}

static void recorded_replay(const char *path, const struct recording_listener *listener,
			    struct names *names)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	const struct capture_source source = {.read = recorded_read, .context = &descriptor};
	struct capture_file *file = capture_file_open(&source);
	struct recording *recording = recording_new(listener, names);
	struct capture_item item;

	if (descriptor < 0 || !file || !recording)
		recorded_fail(path, "cannot be opened");
	while ((item = capture_file_next(file)).kind == CAPTURE_PACKET ||
	       item.kind == CAPTURE_JOURNAL)
		if (!recording_take(recording, &item))
			recorded_fail(path, "holds something else");
	recording_end(recording);
	if (item.kind == CAPTURE_BROKEN)
		recorded_fail(path, capture_file_trouble(file));
	if (recording_bad(recording))
		recorded_fail(path, "holds entries that say nothing");
	recording_free(recording);
	capture_file_close(file);
	close(descriptor);
}

#endif

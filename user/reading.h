/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A file as a source of records: a recording of ours gives back what the core took, of anybody's
 * capture the segments of closes are told as live ones would be. It must not know what is made of
 * the records.
 */
#ifndef TCPCLOSE_READING_H
#define TCPCLOSE_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/conversations.h"
#include "capture/recording.h"
#include "output/output.h"
#include "record.h"

struct reading;

struct reading_settings {
	const char *path; /* "-": standard input */
	uint16_t source;  /* for the headers of records */
	/* Before it waits for a writer: what has gathered may leave. */
	void (*idle)(void *context);
	/* Some more was read. */
	void (*moved)(void *context);
	/* What a recording tells besides its records (recorder_note()), between the record that
	 * reading_next() gave last and the one that it gives next. */
	void (*note)(void *context, const char *fields, size_t length);
	void *context; /* of all */
};

/* Reads nothing. 0; or a negative errno, and it has said why. */
int reading_open(struct reading **reading, const struct reading_settings *settings);
/* Reads as far as it takes to know what it is. As reading_open(). */
int reading_begin(struct reading *reading);
void reading_close(struct reading *reading);
/* From the beginning again. As reading_open(). */
int reading_rewind(struct reading *reading);

/* The next record, valid until the next call; NULL: there are no more. */
const struct record *reading_next(struct reading *reading);

/* A recording; else somebody's capture, with times since 1970. */
bool reading_is_recording(const struct reading *reading);
/* Of a recording; zero for a capture. */
const struct recording_start *reading_start(const struct reading *reading);
/* Of the last frame or record so far. */
uint64_t reading_time(const struct reading *reading);
/* Names as the file has them. */
struct output_lookup reading_lookup(struct reading *reading);

struct reading_progress {
	uint64_t bytes;
	uint64_t size; /* 0: not known */
};
struct reading_progress reading_progress(const struct reading *reading);

/* Says on stderr what was wrong with the file, if anything. False: it could not be read to its end.
 */
bool reading_judge(const struct reading *reading);

#endif

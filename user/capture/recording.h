/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads a recording: what recorder.h wrote, back in the order in which the core took it. It is
 * given the items of a capture file one by one, and tells of itself whether they are a recording's.
 * It must not know how a close is judged.
 */
#ifndef TCPCLOSE_CAPTURE_RECORDING_H
#define TCPCLOSE_CAPTURE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/capture_file.h"
#include "capture/names.h"
#include "record.h"

struct recording_start {
	int64_t wall_offset;
	uint64_t count;   /* --count, 0: none */
	uint64_t run[2];  /* the same in all files of one run */
	uint64_t started; /* boot clock */
	bool questions;   /* the core's listener took questions: let it take them again */
};

struct recording_listener {
	/* The recording's first entry, before any record: also of each further section. */
	void (*start)(void *context, const struct recording_start *start);
	/* One call of the core; RECORD_TICK stands for correlator_advance(). */
	void (*take)(void *context, const struct record *record, size_t length);
	/* recorder_note(): a journal entry's fields, FIELD_NOTE among them. May be NULL. */
	void (*note)(void *context, const char *fields, size_t length);
	void *context;
	uint16_t source; /* for the headers of records */
};

struct recording;

/* NULL without memory. Names are set when the core's call that looked them up comes. */
struct recording *recording_new(const struct recording_listener *listener, struct names *names);
void recording_free(struct recording *recording);

/* True: the item is part of a recording. False: it is somebody else's frame or journal entry. */
bool recording_take(struct recording *recording, const struct capture_item *item);
/* The file ended: what still waits for its turn is told. */
void recording_end(struct recording *recording);
/* Entries of ours that could not be understood. */
uint64_t recording_bad(const struct recording *recording);

#endif

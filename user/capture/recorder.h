/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Writes a recording: records in, pcapng out. Packets and journal entries lie in order of time; a
 * number in each says in which order the core took them, so that a replay is the same calls of the
 * core again. Blocks wait half a second before they are written, for what is older and for the
 * verdict on the packet that ended a close. It must not know how a close is judged.
 */
#ifndef TCPCLOSE_CAPTURE_RECORDER_H
#define TCPCLOSE_CAPTURE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "capture/names.h"
#include "record.h"

/* Strings are to outlive the recorder. */
struct recorder_settings {
	const char *path;    /* "-": standard output */
	uint64_t size;       /* bytes after which the next file begins (-C), 0: never */
	uint64_t interval;   /* ns after which the next file begins (-G), 0: never */
	uint32_t files;      /* at most (-W), 0: no limit */
	int64_t wall_offset; /* realtime = boot clock + this, ns */
	uint64_t count;      /* --count of the run: a replay shows no more teardowns either */
	bool questions; /* the core's listener takes questions: without, it decides otherwise */
	const char *program; /* "tcpclose-trace 0.1.0" */
	/* A sentence for people about a record: the MESSAGE of its journal entry. */
	void (*describe)(void *context, struct buffer *out, const struct record *record);
	void *context;
};

struct recorder;

/* The file is there and begun. 0, or a negative errno and a clause in reason: why not. */
int recorder_open(struct recorder **recorder, const struct recorder_settings *settings,
		  uint64_t now, struct buffer *reason);

/* One call of the core, after it was made: correlator_feed() of this record, or RECORD_TICK for
 * correlator_advance(), of which only those need be told that had something to do. A replay makes
 * the same calls in the same order. */
void recorder_add(struct recorder *recorder, const struct record *record);
/* What a number is called, NULL: not known. To be told, before recorder_add(), of all that was
 * looked up because of the call, in this order; and of an interface before its first segment. Only
 * what is news is written. */
void recorder_name(struct recorder *recorder, enum name_kind kind, uint64_t number,
		   const char *name);

/* What user space told besides, as fields of a journal entry, in its place between the calls of the
 * core; `kind` is for who reads it, `message` for people. Names as for a call. */
void recorder_note(struct recorder *recorder, uint64_t time, const char *kind,
		   const struct buffer *fields, const struct buffer *message);

/* A segment, and where and when it was seen. */
struct recorder_place {
	uint64_t time;
	uint32_t netns;
	uint32_t interface;
	uint8_t hook;
	uint32_t seq;
	uint32_t ack;
};

/* The verdict on a close: a comment on the packet seen then and there, if it still waits, else a
 * journal entry of its own. segment NULL: no segment was seen. */
void recorder_comment(struct recorder *recorder, const struct recorder_place *segment,
		      uint64_t time, const char *text, size_t length);

/* Writes what has waited long enough. 0 or the first error: a negative errno; from then on nothing
 * more is written, and all before is readable. */
int recorder_advance(struct recorder *recorder, uint64_t now);
/* When it has something to do; UINT64_MAX: nothing. */
uint64_t recorder_deadline(const struct recorder *recorder);
/* The last file that is to be written (an interval and a limit of files) had its time as of the
 * latest recorder_advance(). What is still added goes to its end. */
bool recorder_full(const struct recorder *recorder);
/* Writes all that waits and closes. The first error of all, as above. */
int recorder_close(struct recorder *recorder);

/* The file that is written now, for messages. */
const char *recorder_path(const struct recorder *recorder);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One file of a recording as blocks: its start, the interfaces as they come up, and what was
 * pending. Complete by itself. It must not know files, nor when something is written.
 */
#ifndef TCPCLOSE_CAPTURE_SECTION_H
#define TCPCLOSE_CAPTURE_SECTION_H

#include <sys/utsname.h>

#include "capture/names.h"
#include "capture/pending.h"
#include "capture/recorder.h"

struct section {
	const struct recorder_settings *settings;
	const struct names *names; /* all that were told so far */
	struct utsname host;
	uint64_t run[2]; /* the same in all files of a recording */
	uint64_t started;
	struct map interfaces; /* that this file has told of */
	/* Of the block being made. */
	struct buffer fields;
	struct buffer entry;
	struct buffer message; /* or comments */
};

/* 0 or a negative errno; section_done() in any case. */
int section_init(struct section *section, const struct recorder_settings *settings,
		 const struct names *names, uint64_t now);
void section_done(struct section *section);

/* A file tells of so many interfaces by name; the packets of all others share one. */
#define SECTION_INTERFACES ((1u << 16) - 1)

/* The first blocks of a file whose lowest number is `sequence`. */
void section_begin(struct section *section, struct buffer *out, uint64_t time, uint64_t sequence);
void section_add(struct section *section, struct buffer *out, const struct pending *pending);

#endif

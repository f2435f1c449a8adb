/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The recording of a live session: every call of the core, what numbers are called, the verdicts.
 * What is recorded is also what the session's own output looks names up in, so that a replay says
 * the same. It must not know how a recording is laid out.
 */
#ifndef TCPCLOSE_SCRIBE_H
#define TCPCLOSE_SCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/correlator.h"
#include "options.h"
#include "output/output.h"

struct scribe;

struct scribe_settings {
	const struct options *options;
	const struct output_lookup *lookup; /* of the live source; copied */
	int64_t wall_offset;
	bool questions; /* the core has somebody to ask: it goes on otherwise without */
};

/* 0; or a negative errno, and it has said why. */
int scribe_open(struct scribe **scribe, const struct scribe_settings *settings);
/* NULL is fine. False: not all was written, which was said. */
bool scribe_close(struct scribe *scribe);

struct output_lookup scribe_lookup(struct scribe *scribe);

/* The core took this record. */
void scribe_add(struct scribe *scribe, const struct record *record);
/* The core is about to make this report. */
void scribe_report(struct scribe *scribe, const struct output *output,
		   const struct teardown_report *report);

/* A suspect is about to be told of. */
void scribe_suspect(struct scribe *scribe, const struct output *output,
		    const struct close_wait_report *report);

/* Writes what is due. False: nothing more can be written, or no further file is wanted. */
bool scribe_advance(struct scribe *scribe, uint64_t now);
uint64_t scribe_deadline(const struct scribe *scribe); /* UINT64_MAX: nothing waits */

#endif

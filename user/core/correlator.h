/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Records in, teardown reports out: five verbs (new, feed, advance, deadline, free). Time is an
 * argument; memory is bounded by the limits; bad input is counted, never fatal. It must not know
 * whether its records are live, replayed or a snapshot.
 */
#ifndef TCPCLOSE_CORE_CORRELATOR_H
#define TCPCLOSE_CORE_CORRELATOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/report.h"
#include "record.h"

struct correlator_settings {
	size_t connections;       /* kept at most; the oldest is evicted and reported as such */
	size_t time_waits;        /* watched at most; the oldest is evicted and reported as such */
	size_t unclaimed;         /* kept without a socket of ours: closes in transit, strays */
	uint32_t segments;        /* kept of one connection */
	uint64_t settle;          /* wait after the end of a teardown for its last segments */
	uint64_t settle_whole;    /* the same where nothing of it can be missing */
	uint64_t tolerance;       /* how late a record may arrive behind a newer one */
	uint64_t linger;          /* after the report: late segments are still recognised */
	uint64_t unclaimed_life;  /* how long segments wait for a socket to claim them */
	uint64_t orphan_limit;    /* the longest an orphan's mini-socket can wait for the FIN */
	uint64_t time_wait_limit; /* the longest that a TIME_WAIT can last */
	uint64_t silence;     /* after a close that the wire shows whole: what the kernel has not
				 told by then was lost */
	unsigned int sources; /* recordings that are read together: header.source is below that */
	bool wire;            /* there are no sockets (a capture): report connections themselves */
};

/* What live tracing uses, and what a foreign capture is analysed with. */
extern const struct correlator_settings correlator_defaults;
extern const struct correlator_settings correlator_of_capture;

struct correlator;

/* Where results go. */
struct correlator_listener {
	/* False: nothing more of this connection is wanted. */
	bool (*teardown)(void *context, const struct teardown_report *report);
	void (*time_wait)(void *context, const struct time_wait_report *report);
	void (*time_wait_began)(void *context, const struct time_wait_start *start); /* or NULL */
	/* Is the mini-socket of these addresses still there? It is answered by a record
	 * (TIME_WAIT_FOUND, TIME_WAIT_REMOVED) or not at all. May be NULL. */
	void (*question)(void *context, const struct flow *flow, uint32_t netns);
	void *context;
};

/* NULL without memory. */
struct correlator *correlator_new(const struct correlator_settings *settings,
				  const struct correlator_listener *listener);
void correlator_free(struct correlator *correlator);

/* Takes one record; `length` is what the source delivered. It is held back until nothing older is
 * to be expected: until one comes that is newer by the tolerance, or correlator_advance(). False:
 * it is none (cut short, of no known kind, with values that mean nothing), which was counted. */
bool correlator_feed(struct correlator *correlator, const struct record *record, size_t length);

/* Every record up to `now` has been fed: what was held back is taken, what is due leaves. */
void correlator_advance(struct correlator *correlator, uint64_t now);

/* When correlator_advance() has something to do next; UINT64_MAX: nothing. */
uint64_t correlator_deadline(const struct correlator *correlator);

/* How many mini-sockets the core knows of in a namespace, so that it can be compared with the
 * kernel's own count; and to ask after each of them. */
size_t correlator_mini_sockets(const struct correlator *correlator, uint32_t netns);
/* The namespaces that have any: how many were written to netns, of at most `room`. */
size_t correlator_places(const struct correlator *correlator, uint32_t *netns, size_t room);
/* Surely none anywhere. */
bool correlator_is_empty(const struct correlator *correlator);
void correlator_question_all(struct correlator *correlator, uint32_t netns);

const struct core_stats *correlator_stats(const struct correlator *correlator);

#endif

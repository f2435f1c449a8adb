/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sockets that wait in TIME_WAIT, each until something ends it: a small entry for each, since there
 * may be a hundred thousand. It must not know how its facts were found, nor what ends a wait.
 */
#ifndef TCPCLOSE_CORE_TIME_WAIT_H
#define TCPCLOSE_CORE_TIME_WAIT_H

#include <stddef.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/pool.h"
#include "core/flow.h"
#include "core/report.h"

#define TIME_WAIT_LATE 8 /* late segments that are kept of one */

/* Of the few of which there is more to tell. */
struct time_wait_notes {
	struct heap_item question; /* when to ask what became of it */
	struct time_wait *wait;
	uint64_t gone;  /* the kernel has removed it, what for is not known yet; 0: it has not */
	uint64_t reset; /* when a RST came that may have removed it; 0: none did */
	uint16_t questions; /* asked so far */
	bool overdue;       /* its timer ought to have run out */
	uint16_t late_count;
	struct late_segment late[TIME_WAIT_LATE];
};

/* What tells whether it is the one looked for stands together. */
struct time_wait {
	struct map_link link; /* by addresses and namespace */
	struct flow flow;     /* as its socket saw it */
	uint32_t netns;
	uint8_t source;        /* of several recordings: which tells of it */
	bool found : 1;        /* older than the tracer: start follows from the time it had left */
	bool start_unseen : 1; /* it follows from how it ended */
	bool wire : 1;         /* nothing but segments tells of it */
	bool heard_on_segment : 1; /* the last restart follows from a segment */
	uint16_t restarts;
	uint32_t rcv_nxt; /* the number after the peer's FIN; 0: not known */
	struct time_wait *newer;
	struct time_wait *older;
	uint64_t id[2]; /* of the connection; 0: not known */
	uint64_t start;
	uint64_t heard; /* the last that may have restarted its timer */
	struct time_wait_notes *notes;
};

_Static_assert(sizeof(struct time_wait) <= 120, "small enough for many");

/* Those of one network namespace. */
struct time_wait_place {
	struct map_link link;
	struct time_wait_place *next;
	struct time_wait_place **previous; /* what points here */
	uint32_t netns;
	size_t count;
};

/* By when they were heard of, the oldest first. */
struct time_waits {
	struct map by_flow;
	struct map places;
	struct time_wait_place *newest_place;
	struct heap questions;
	struct pool pool;
	struct time_wait *oldest;
	struct time_wait *newest;
	size_t count;
};

int time_waits_init(struct time_waits *waits); /* 0 or -ENOMEM */
void time_waits_done(struct time_waits *waits);

/* One more, a copy of `like` (without links and notes), heard of at its start. NULL without
 * memory. */
struct time_wait *time_waits_add(struct time_waits *waits, const struct time_wait *like);
/* Its timer is set again, or it was found to go on: it is the newest now. */
void time_waits_hear(struct time_waits *waits, struct time_wait *wait, uint64_t time);
void time_waits_remove(struct time_waits *waits, struct time_wait *wait);
/* `place` is place_of() its namespace. */
struct time_wait *time_waits_find(const struct time_waits *waits, const struct flow *flow,
				  uint64_t place);
static inline uint64_t time_wait_place(const struct time_wait *wait)
{
	return place_of(wait->source, wait->netns);
}

/* How many wait in a namespace. */
size_t time_waits_count(const struct time_waits *waits, uint32_t netns);

/* Its notes, made if there are none. NULL without memory. */
struct time_wait_notes *time_wait_notes(struct time_wait *wait);
/* A segment that came after the close; one seen at several places counts once. */
void time_wait_add_late(struct time_wait *wait, const struct segment_record *record,
			bool from_peer);

/* What is reported of one whose wait ends, or is no longer watched, at `time`. */
struct time_wait_report time_wait_report(const struct time_wait *wait, uint64_t time,
					 enum time_wait_end ended_by);

#endif

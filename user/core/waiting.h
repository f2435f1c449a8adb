/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What becomes of a socket's addresses after its teardown: TIME_WAIT from its begin to its end,
 * by what the kernel, the wire and the next socket tell. It must not know how connections are
 * found, nor who answers its questions.
 */
#ifndef TCPCLOSE_CORE_WAITING_H
#define TCPCLOSE_CORE_WAITING_H

#include "core/connection.h"
#include "core/time_wait.h"

struct waiting_listener {
	void (*began)(void *context, const struct time_wait_start *start); /* may be NULL */
	void (*ended)(void *context, const struct time_wait_report *report);
	/* Something may have removed it unseen: is it still there? The answer, if there is one, is
	 * a record: TIME_WAIT_FOUND or TIME_WAIT_REMOVED. May be NULL. */
	void (*question)(void *context, const struct flow *flow, uint32_t netns);
	void *context;
};

#define WAITING_SOURCES 2 /* recordings that are read together */

struct waiting {
	struct waiting_listener listener;
	struct time_waits table;
	size_t room;    /* for so many; the oldest is evicted */
	bool wire;      /* there are no sockets: all follows from segments */
	uint64_t limit; /* the longest that one can last after it was heard of */
	struct core_stats *stats;
	uint64_t missed; /* whose end was not told, or for which there was no memory */
	uint64_t ended[WAITING_SOURCES]; /* when a source was at its end, 0: it goes on */
};

int waiting_init(struct waiting *waiting); /* 0 or -ENOMEM */
void waiting_done(struct waiting *waiting);

/* The teardown of the socket at `end` was reported, and it waits or would have. */
void waiting_begin(struct waiting *waiting, const struct connection *connection, unsigned int end);

/* A segment of no open connection. True: it belongs to one that waits. */
bool waiting_take_segment(struct waiting *waiting, const struct segment_record *record);

/* What the kernel, or who looked there, tells of the socket of these addresses. */
void waiting_take_record(struct waiting *waiting, const struct time_wait_record *record);

/* The first that is told of a socket: what waited at its addresses is gone. */
void waiting_take_socket(struct waiting *waiting, const struct state_record *record);

/* Asks again after all of a namespace. */
void waiting_question_all(struct waiting *waiting, uint32_t netns);

/* When the oldest must have ended, however it did. */
static inline uint64_t waiting_overdue(const struct waiting *waiting)
{
	const struct time_wait *oldest = waiting->table.oldest;

	return oldest ? oldest->heard + waiting->limit : UINT64_MAX;
}

static inline uint64_t waiting_deadline(const struct waiting *waiting)
{
	const struct heap_item *first = heap_first(&waiting->table.questions);
	uint64_t deadline = waiting_overdue(waiting);

	return first && first->time < deadline ? first->time : deadline;
}

void waiting_advance(struct waiting *waiting, uint64_t now);
/* A source is at its end: what waits there is told of as it stands, also what begins later. */
void waiting_end(struct waiting *waiting, uint16_t source, uint64_t time);

#endif

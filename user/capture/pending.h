/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a recorder still has to write: a record with what was told about it, or a line of its own.
 * It must not know what becomes of it in a file.
 */
#ifndef TCPCLOSE_CAPTURE_PENDING_H
#define TCPCLOSE_CAPTURE_PENDING_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/pool.h"
#include "record.h"

/* Bytes of something that is seldom there. */
struct pending_text {
	char *bytes;
	size_t length;
};

struct pending {
	uint64_t time;         /* boot clock: its place in the queue (pending_queue.h) */
	uint64_t order;        /* among those of the same time */
	struct pending *older; /* in the list of those that came in order */
	struct pending *newer;
	struct heap_item due;        /* the place of one that came late */
	struct map_link frame;       /* of a segment: the next hook that sees it, verdicts */
	struct pending *more;        /* of the same frame, at another hook of the interface */
	uint64_t sequence;           /* 0: stands outside of the order of the core's calls */
	struct pending_text fields;  /* names and ticks after the record, as in the file */
	struct pending_text remarks; /* for people, each terminated */
	union {
		struct record header; /* kind 0: there is no record */
		struct segment_with_tail largest;
	} record; /* no more of it than header.length */
};

/* From a pool of this size. A copy of the record; NULL: none. NULL is returned without memory. */
struct pending *pending_new(struct pool *pool, const struct record *record);
void pending_free(struct pool *pool, struct pending *pending); /* NULL is fine */
/* Adds what follows; 0 or -ENOMEM. */
int pending_add_fields(struct pending *pending, const char *fields, size_t length);
int pending_add_remark(struct pending *pending, const char *text, size_t length);
/* The frame of two segments at two hooks of one interface: one packet of a capture. */
bool pending_is_same_frame(const struct pending *one, const struct pending *other);
/* Bytes of memory that it takes. */
size_t pending_size(const struct pending *pending);

#endif

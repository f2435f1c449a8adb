/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which segments are in both of two recordings, and how far apart their times are there. Addresses
 * do not count: NAT changes them and leaves numbers alone. Memory is bounded: of more than fit a
 * sample is kept, the same one of both recordings. It must not know what follows from it.
 */
#ifndef TCPCLOSE_CORE_CLOCK_SAMPLES_H
#define TCPCLOSE_CORE_CLOCK_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define CLOCK_SOURCES 2

/* Who sent a segment, as far as the segment itself shows it. */
enum clock_side {
	SIDE_UNKNOWN = 0,
	SIDE_FIRST,  /* the end at the first recording: it was there before it was at the second */
	SIDE_SECOND, /* the end at the second */
};

/* A segment that is in both. */
struct clock_pair {
	uint64_t connection; /* the same for both directions of one in the first recording */
	uint64_t time;       /* in the first */
	int64_t delta;       /* in the second, less that */
	uint8_t direction;   /* 0 or 1: tells those of one connection apart */
	uint8_t hook_side;   /* enum clock_side, by where it was seen */
	uint8_t ttl_side;    /* by how many routers it had passed */
};

struct clock_sample {
	uint64_t time;
	uint64_t flow; /* a hash of its connection, the lowest bit is the direction */
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	uint16_t ip_id;
	uint8_t kind; /* flags and hook */
	uint8_t ttl;
};

struct clock_samples {
	struct {
		struct clock_sample *items;
		size_t count, capacity;
	} sources[CLOCK_SOURCES];
	size_t limit;      /* of each */
	uint64_t mask;     /* only numbers whose hash has none of these bits are kept */
	uint64_t left_out; /* did not fit, or came without memory */
};

void clock_samples_init(struct clock_samples *samples, size_t limit);
void clock_samples_done(struct clock_samples *samples);
/* header.source is 0 or 1, header.time the same kind of time in both. */
void clock_samples_add(struct clock_samples *samples, const struct segment_record *record);

/* Those in both, by connection and time; they are the caller's to free. The samples are in another
 * order then, and some are gone. 0 or -ENOMEM. */
int clock_samples_match(struct clock_samples *samples, struct clock_pair **pairs, size_t *count);

#endif

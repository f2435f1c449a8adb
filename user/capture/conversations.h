/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The packet witness of a foreign capture: from its frames the same segments that the live one
 * tells of (every FIN, every RST, the first acknowledgement of each FIN), and what the rest told of
 * a connection, before or since: struct wire_record. Addresses that are used again are a
 * TIME_WAIT_TAKEN. It must not know how files are read, nor what is made of the records.
 */
#ifndef TCPCLOSE_CAPTURE_CONVERSATIONS_H
#define TCPCLOSE_CAPTURE_CONVERSATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "capture/packet.h"
#include "record.h"

struct conversations_listener {
	/* Records in the order of the frames; a segment has a tail with its frame number. */
	void (*take)(void *context, const struct record *record, size_t length);
	void *context;
};

struct conversations_settings {
	size_t limit;    /* connections kept, 176 bytes each; the closed one unheard of for the
			    longest goes first, then the open one */
	uint16_t source; /* for the headers of records */
};

struct conversations_counts {
	uint64_t frames;
	uint64_t segments;   /* of TCP */
	uint64_t unreadable; /* headers beyond what was captured (snaplen), or a link type that is
				not known */
	uint64_t forgotten;  /* open connections, because of the limit */
};

/* In the interface of a segment: an index on the machine that captured (Linux cooked v2), else it
 * is struct packet's. */
#define CONVERSATIONS_OF_MACHINE 0x80000000u

struct conversations;

/* NULL without memory. */
struct conversations *conversations_new(const struct conversations_settings *settings,
					const struct conversations_listener *listener);
void conversations_free(struct conversations *conversations);
void conversations_take(struct conversations *conversations, const struct packet *packet);
/* The capture is over: what is news of connections that were told of is told. */
void conversations_end(struct conversations *conversations);
struct conversations_counts conversations_counts(const struct conversations *conversations);

#endif

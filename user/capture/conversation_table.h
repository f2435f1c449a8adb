/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Every TCP connection of a capture, in as few bytes as its story needs: a packet costs one look
 * here. Found by both ends' addresses; of a bounded number the one unheard of for the longest goes,
 * a closed one first. It must not know what segments mean.
 */
#ifndef TCPCLOSE_CAPTURE_CONVERSATION_TABLE_H
#define TCPCLOSE_CAPTURE_CONVERSATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

struct conversation_end {
	uint64_t bytes;   /* as struct wire_end */
	uint64_t reached; /* when it came that far by its own segments: see used */
	uint32_t isn;
	uint32_t next; /* the number after the last that it is known to have sent */
	uint32_t used; /* ... by its own segments, the numbers of bare ACKs included */
	uint32_t fin_end;
	uint32_t ack_seq; /* of the first segment that acknowledged its FIN ... */
	uint32_t places;  /* ... and the interfaces that have shown it, bit by bit */
	uint8_t isn_how;  /* enum wire_isn */
	uint8_t wscale;   /* enum conversation_scale, else a shift */
	uint8_t fin;      /* enum conversation_fin */
	bool heard;       /* used and reached are valid */
};

enum conversation_scale {
	SCALE_NONE = 0xfe, /* the handshake shows that there is none */
	SCALE_UNKNOWN = WIRE_SCALE_UNKNOWN,
};

enum conversation_fin {
	FIN_SEEN = 1,
	FIN_ACKED = 2,
	FIN_ACKED_BY_DATA = 4,
	FIN_ACKED_BY_FIN = 8,
};

enum conversation_note {
	CONVERSATION_NEWS = 1,   /* there is something to tell */
	CONVERSATION_CLOSED = 2, /* kept for what may come late */
	CONVERSATION_FIRST = 4,  /* the FIN of ends[0] came first ... */
	CONVERSATION_SECOND = 8, /* ... that of ends[1] */
	CONVERSATION_TOLD = 16,  /* of its close */
	CONVERSATION_HEARD = 32, /* it has a segment */
};

struct conversation {
	uint64_t addresses[4]; /* of ends[0], of ends[1] */
	uint16_t ports[2];
	uint32_t next; /* of the same bucket; 0: none */
	struct conversation_end ends[2];
	uint64_t born;
	uint64_t syn; /* the time of the latest */
	uint64_t initial_rtt;
	uint32_t stream;
	uint8_t role;         /* of ends[0] */
	uint8_t completeness; /* enum wire_completeness */
	uint8_t notes;        /* enum conversation_note */
	uint8_t pad;
};

_Static_assert(sizeof(struct conversation) <= 168, "small enough for many");

struct conversation_links {
	uint32_t newer;
	uint32_t older;
};

struct conversation_list {
	uint32_t oldest;
	uint32_t newest;
};

/* Numbers of entries count from 1. Links are apart from what they link: moving one entry to the
 * front touches three of them, and they are close together. */
struct conversation_table {
	struct conversation *entries;
	struct conversation_links *links;
	uint32_t *buckets;
	uint32_t mask;
	uint32_t count;
	uint32_t capacity;
	uint32_t limit;
	struct conversation_list open;
	struct conversation_list closed;
	uint64_t forgotten; /* open ones */
};

int conversation_table_init(struct conversation_table *table, size_t limit); /* 0, -ENOMEM */
void conversation_table_done(struct conversation_table *table);

/* The connection between the ends of a flow, now the latest heard of, made if there is none: then
 * its notes are 0 and nothing but its addresses is set. `sender` becomes the end at the flow's
 * local. Valid until the next call; NULL without memory. */
struct conversation *conversation_table_find(struct conversation_table *table,
					     const struct flow *flow, unsigned int *sender,
					     bool *is_new);

/* Sets or takes back CONVERSATION_CLOSED. */
void conversation_table_close(struct conversation_table *table, struct conversation *conversation);
void conversation_table_reopen(struct conversation_table *table, struct conversation *conversation);

struct flow conversation_flow(const struct conversation *conversation, unsigned int local);

#endif

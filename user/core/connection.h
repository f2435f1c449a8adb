/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One connection as the correlator keeps it, and the table that finds it: by socket, by addresses
 * (behind NAT it has several), by initial sequence numbers, by the numbers of its first FINs.
 * It must not know when something is reported.
 */
#ifndef TCPCLOSE_CORE_CONNECTION_H
#define TCPCLOSE_CORE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/map.h"
#include "core/flow.h"
#include "core/report.h"

#define CONNECTION_TUPLES 4   /* addresses of one connection: before and after each NAT */
#define CONNECTION_MARKS 3    /* first FIN of each end, first RST */
#define CONNECTION_CAPTURES 2 /* recordings read together */
#define CONNECTION_STATES 10  /* of one end; a chain without repetition has at most 7 */

struct connection;

struct tuple_link {
	struct map_link link;
	struct connection *connection;
	struct flow flow;  /* canonical */
	uint8_t first_end; /* the end that is the canonical flow's local */
	uint8_t sources;   /* bits: the recordings that have it */
};

struct socket_link {
	struct map_link link;
	struct connection *connection;
	uint8_t end;
};

struct mark_link {
	struct map_link link;
	struct connection *connection;
	uint64_t time;
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	uint8_t sender;
};

struct numbers_link {
	struct map_link link;
	struct connection *connection;
	bool added;
};

/* What one end's FIN is known to be. */
struct fin {
	bool known;
	uint32_t end; /* the number after it: what acknowledges it */
};

/* What the correlator knows of one end beyond what it reports. */
struct end_state {
	struct fin fin;
	bool has_position;
	uint32_t position;       /* a sequence number this end used lately */
	bool orphan;             /* FIN_WAIT2 went on as a mini-socket */
	uint64_t orphan_since;   /* 0: it never was one */
	uint64_t orphan_timeout; /* asked for, 0: not known */
	uint8_t orphan_end;      /* enum time_wait_end: of its mini-socket */
	bool orphan_fin_unseen;  /* ... by a FIN: when it came is not known */
	uint32_t orphan_expects; /* rcv_nxt of the mini-socket, 0: not known */
	uint64_t over_time;
	bool reported;
	uint32_t incomplete;  /* enum incomplete_reason */
	uint64_t last_change; /* by the kernel's last record, 0: there is none */
	uint8_t last_from;    /* ... its states as they are there */
	uint8_t last_state;
	struct state_change states[CONNECTION_STATES];
};

/* What it is called in a foreign capture. */
struct capture_name {
	uint32_t stream;
	uint16_t source;
};

struct connection {
	struct connection_view view;
	struct end_state ends[2];
	struct socket_link sockets[2];
	struct numbers_link numbers;
	struct tuple_link tuples[CONNECTION_TUPLES];
	struct mark_link marks[CONNECTION_MARKS];
	struct heap_item deadline;
	struct connection_list *list; /* that it is in */
	struct connection *newer;
	struct connection *older;
	uint64_t last_time;
	uint32_t netns;  /* where it was first seen */
	uint16_t source; /* and in which of several recordings */
	uint8_t sources; /* bits: the recordings that tell of it */
	uint32_t segment_capacity;
	uint8_t tuple_count;
	uint8_t mark_count;
	uint8_t capture_count;
	struct capture_name captures[CONNECTION_CAPTURES];
	bool claimed; /* a socket of this machine takes part */
};

/* Connections by age, for eviction. */
struct connection_list {
	struct connection *oldest;
	struct connection *newest;
	size_t count;
};

struct connection_table {
	struct map by_socket;
	struct map by_tuple;
	struct map by_numbers;
	struct map by_mark;
	struct connection_list claimed;
	struct connection_list unclaimed;
	struct connection_list told; /* none of both: reported, what is late may still come */
	struct connection *unused;   /* kept for the next */
	size_t unused_count;
};

int connection_table_init(struct connection_table *table); /* 0 or -ENOMEM */
void connection_table_done(struct connection_table *table);

/* A connection that a record tells of, its flow's local at end 0; unclaimed. NULL without memory.
 */
struct connection *connection_new(struct connection_table *table, const struct record *record);
void connection_free(struct connection_table *table, struct connection *connection);

/* The connection now has a socket: it moves to the other list. */
void connection_claim(struct connection_table *table, struct connection *connection);
/* It was reported without one. */
void connection_retire(struct connection_table *table, struct connection *connection);

void connection_add_socket(struct connection_table *table, struct connection *connection,
			   unsigned int end, uint16_t source, uint64_t socket);
void connection_remove_socket(struct connection_table *table, struct connection *connection,
			      unsigned int end);
/* Each recording numbers its sockets by itself. */
struct socket_link *connection_find_socket(const struct connection_table *table, uint16_t source,
					   uint64_t socket);

/* A record of the connection has perhaps one more pair of addresses, another recording of it;
 * `local_end` is the end at its flow's local. */
void connection_add_tuple(struct connection_table *table, struct connection *connection,
			  const struct record *record, unsigned int local_end);

/* Walks the connections between the ends of a flow, newest first. `end` becomes the end at the
 * flow's local. Begin with *at NULL. */
struct connection *connection_next_tuple(const struct connection_table *table,
					 const struct flow *flow, struct tuple_link **at,
					 unsigned int *end);

/* Initial sequence numbers of both ends: the identity that NAT leaves alone. */
/* Not one that was only assumed, which is no part of an identity: another capture assumes another
 * one. */
bool connection_has_numbers(const struct connection *connection);
void connection_set_numbers(struct connection_table *table, struct connection *connection);
struct connection *connection_find_numbers(const struct connection_table *table, uint32_t local_isn,
					   uint32_t remote_isn, unsigned int *local_end);

/* Its name in that capture, or NULL. */
const struct capture_name *connection_capture(const struct connection *connection, uint16_t source);
void connection_add_capture(struct connection *connection, const struct wire_record *record);

void connection_add_mark(struct connection_table *table, struct connection *connection,
			 const struct segment *segment);
struct mark_link *connection_find_mark(const struct connection_table *table,
				       const struct segment_record *record, uint64_t within);

static inline uint64_t socket_place(const struct socket_facts *socket)
{
	return place_of(socket->source, socket->netns);
}

/* Adds in time order. False when there is no room: that end is incomplete then. */
bool connection_add_state(struct connection *connection, unsigned int end,
			  const struct state_change *change);
/* NULL when there is no room (counted by the caller), or no memory. */
struct segment *connection_add_segment(struct connection *connection, const struct segment *segment,
				       uint32_t limit);

/* It was seen elsewhere before: puts it back in order of time. Returns where it is now. */
struct segment *connection_move_segment(struct connection *connection, struct segment *segment);

/* The latest transmission of both FINs was acknowledged. */
bool connection_fins_acknowledged(const struct connection *connection);
/* That, or there was a RST. */
bool connection_closed_on_wire(const struct connection *connection);

#endif

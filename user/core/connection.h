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
#include "core/report.h"

#define CONNECTION_TUPLES 4  /* addresses of one connection: before and after each NAT */
#define CONNECTION_MARKS 3   /* first FIN of each end, first RST */
#define CONNECTION_STATES 10 /* of one end; a chain without repetition has at most 7 */

struct connection;

struct tuple_link {
	struct map_link link;
	struct connection *connection;
	struct flow flow;  /* canonical */
	uint8_t first_end; /* the end that is the canonical flow's local */
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
	uint32_t orphan_expects; /* rcv_nxt of the mini-socket, 0: not known */
	uint64_t over_time;
	bool reported;
	uint32_t incomplete; /* enum incomplete_reason */
	uint8_t last_state;  /* the kernel's, as in the last record */
	struct state_change states[CONNECTION_STATES];
};

struct connection {
	struct connection_view view;
	struct end_state ends[2];
	struct socket_link sockets[2];
	struct numbers_link numbers;
	struct tuple_link tuples[CONNECTION_TUPLES];
	struct mark_link marks[CONNECTION_MARKS];
	struct heap_item deadline;
	struct connection *newer;
	struct connection *older;
	uint64_t last_time;
	uint32_t netns; /* where it was first seen */
	uint32_t segment_capacity;
	uint8_t tuple_count;
	uint8_t mark_count;
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
	struct connection *unused; /* kept for the next */
	size_t unused_count;
};

int connection_table_init(struct connection_table *table); /* 0 or -ENOMEM */
void connection_table_done(struct connection_table *table);

/* A connection between the ends of a flow, its local at end 0; unclaimed. NULL without memory. */
struct connection *connection_new(struct connection_table *table, const struct flow *flow,
				  uint32_t netns);
void connection_free(struct connection_table *table, struct connection *connection);

/* The connection now has a socket: it moves to the other list. */
void connection_claim(struct connection_table *table, struct connection *connection);

void connection_add_socket(struct connection_table *table, struct connection *connection,
			   unsigned int end, uint64_t socket);
void connection_remove_socket(struct connection_table *table, struct connection *connection,
			      unsigned int end);
struct socket_link *connection_find_socket(const struct connection_table *table, uint64_t socket);

/* One more pair of addresses of the same connection; `local_end` is the end at flow's local. */
void connection_add_tuple(struct connection_table *table, struct connection *connection,
			  const struct flow *flow, unsigned int local_end);

/* Walks the connections between the ends of a flow, newest first. `end` becomes the end at the
 * flow's local. Begin with *at NULL. */
struct connection *connection_next_tuple(const struct connection_table *table,
					 const struct flow *flow, struct tuple_link **at,
					 unsigned int *end);

/* Initial sequence numbers of both ends: the identity that NAT leaves alone. */
void connection_set_numbers(struct connection_table *table, struct connection *connection);
struct connection *connection_find_numbers(const struct connection_table *table, uint32_t local_isn,
					   uint32_t remote_isn, unsigned int *local_end);

void connection_add_mark(struct connection_table *table, struct connection *connection,
			 const struct segment *segment);
struct mark_link *connection_find_mark(const struct connection_table *table,
				       const struct segment_record *record, uint64_t within);

/* Adds in time order. False when there is no room (counted by the caller). */
bool connection_add_state(struct connection *connection, unsigned int end,
			  const struct state_change *change);
struct segment *connection_add_segment(struct connection *connection, const struct segment *segment,
				       uint32_t limit);

/* Fills what depends on the whole story: waves, retransmissions, what each ACK acknowledges, the
 * inferred states of an end without a socket, the id. */
void connection_derive(struct connection *connection);

/* The latest transmission of both FINs was acknowledged. */
bool connection_fins_acknowledged(const struct connection *connection);
/* That, or there was a RST. */
bool connection_closed_on_wire(const struct connection *connection);

#endif

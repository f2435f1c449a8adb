/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * An orphaned FIN_WAIT2: the kernel put a mini-socket in the socket's place and tells no more of
 * its states (net/ipv4/tcp_minisocks.c). How it ends follows from segments and timers. It must not
 * know when something is reported.
 */
#ifndef TCPCLOSE_CORE_ORPHAN_H
#define TCPCLOSE_CORE_ORPHAN_H

#include "core/connection.h"

/* What a segment means for the orphans of its connection: a new one, or one seen at one more place.
 */
void orphan_take_segment(struct connection *connection, const struct segment *segment);

/* `end` has just become one: the segment that ends it may have been seen before. */
void orphan_take_earlier_segments(struct connection *connection, unsigned int end);

/* The one that a mini-socket stands for: by its cookie, or where the kernel gave it none by its
 * addresses. NULL: none. */
struct connection *orphan_find(const struct connection_table *table,
			       const struct time_wait_record *record, unsigned int *end);

/* What the kernel tells of its mini-socket. */
void orphan_take_record(struct connection *connection, unsigned int end,
			const struct time_wait_record *record);

/* Its network namespace was deleted, or an administrator removed it. */
void orphan_destroy(struct connection *connection, unsigned int end, uint64_t time);

/* It is gone, how is not known. */
void orphan_lose(struct connection *connection, unsigned int end, uint64_t time);

/* Until when it may live, if it was to wait no longer than `limit` for the FIN: where that would
 * not have been seen, a TIME_WAIT more. */
uint64_t orphan_deadline(const struct connection *connection, unsigned int end, uint64_t limit);

/* Nothing more was heard of it within the longest that it can last: its time must have run out. */
void orphan_give_up(struct connection *connection, unsigned int end, uint64_t time);

/* What is reported of the wait of its mini-socket: so far, when the tracer ended before it. */
struct time_wait_report orphan_report(const struct connection *connection, unsigned int end,
				      uint64_t time);

#endif

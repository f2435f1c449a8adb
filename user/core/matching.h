/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which connection a segment or a socket is part of, when addresses alone do not say: behind NAT
 * they differ, and they are used again at once. Sequence numbers decide. It must not change a
 * story.
 */
#ifndef TCPCLOSE_CORE_MATCHING_H
#define TCPCLOSE_CORE_MATCHING_H

#include "core/connection.h"

/* The connection that a segment belongs to, and the end that sent it; NULL: none that is known.
 * A new pair of addresses of a known connection (NAT) is noted. */
struct connection *matching_segment(struct connection_table *table,
				    const struct segment_record *record, unsigned int *sender);

/* The same by what the segment's capture says itself: `news` is what it told right before it, or
 * NULL. To be asked first, of a segment of a capture. */
struct connection *matching_captured(struct connection_table *table,
				     const struct segment_record *record,
				     const struct wire_record *news, unsigned int *sender);

/* A connection known from its segments alone, or from the other end, that this socket is part of,
 * by its addresses; NULL: none. */
struct connection *matching_socket(const struct connection_table *table,
				   const struct state_record *record, unsigned int *end);

#endif

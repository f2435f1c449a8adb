/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a segment record says of its connection: a segment of its own, or one more sighting of one
 * that is known; the numbers that it shows. It must not know how connections are found.
 */
#ifndef TCPCLOSE_CORE_SEGMENT_H
#define TCPCLOSE_CORE_SEGMENT_H

#include "core/connection.h"

/* Numbers this close to those in use belong to the same connection: no window is larger in
 * practice, and two connections on the same addresses are this close by chance once in 32 times,
 * twice (sequence and acknowledgement) once in 1000. */
#define SEGMENT_NUMBERS_NEAR (1 << 26)

static inline bool segment_numbers_near(uint32_t a, uint32_t b)
{
	int32_t distance = (int32_t)(a - b);

	return distance < SEGMENT_NUMBERS_NEAR && distance > -SEGMENT_NUMBERS_NEAR;
}

/* The segment that it is, if the connection has it already: seen at one more place. Else NULL. */
const struct segment *segment_seen_again(struct connection *connection,
					 const struct segment_record *record, unsigned int sender);

/* A new one; NULL: the connection has `limit` of them, or no memory. */
const struct segment *segment_begin(struct connection *connection,
				    const struct segment_record *record, unsigned int sender,
				    uint32_t limit);

/* Whether that is where the socket is, and the segment came to it. */
bool sighting_is_arrival(const struct sighting *sighting, const struct socket_facts *socket);
/* Whether it was seen to do so. */
bool segment_arrived(const struct segment *segment, const struct socket_facts *socket);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What state the other end must have reached, told from the segments alone (RFC 9293, 3.6): for
 * an end that is not a socket of this machine. Where a segment may have been lost it says
 * nothing. It knows no format.
 */
#ifndef TCPCLOSE_OUTPUT_PEER_H
#define TCPCLOSE_OUTPUT_PEER_H

#include "core/report.h"

struct peer {
	const struct connection_view *connection;
	unsigned int end; /* the one whose states are told */
	enum tcp_state state;
	int64_t fin_arrives; /* index of the segment that shows that it has our FIN */
	int64_t ack_arrives; /* ... that brings it the acknowledgement of its own; or -1 */
	bool crossed;	     /* its FIN left before ours came */
};

void peer_init(struct peer *peer, const struct connection_view *connection, unsigned int end);

/* To be called for each segment in turn: the state that it put the peer in, or
 * TCP_STATE_UNKNOWN if it changed none. */
enum tcp_state peer_next(struct peer *peer, uint32_t index);

#endif

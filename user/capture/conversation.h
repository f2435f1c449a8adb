/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What each segment says of its connection, kept as Wireshark's analysis would have it (packet-tcp
 * of 4.0): initial numbers, window scales, round trip of the handshake, completeness; and whether
 * the segment is one of its close. It must not know where connections or records go.
 */
#ifndef TCPCLOSE_CAPTURE_CONVERSATION_H
#define TCPCLOSE_CAPTURE_CONVERSATION_H

#include "capture/conversation_table.h"
#include "packet/parse.h"

struct conversation_segment {
	const struct tcp_segment *segment;
	const struct wire_tcp *tcp; /* its header, NULL: not at hand */
	const void *end;            /* of what was captured */
	uint64_t time;
	uint32_t interface;
	unsigned int sender;
};

/* Nothing is known of it yet but its addresses and its number. */
void conversation_begin(struct conversation *conversation, uint32_t stream);

/* A SYN with another initial number than before: the addresses are used again (RFC 9293, 3.4.1 has
 * no two SYNs alike). */
bool conversation_is_another(const struct conversation *conversation,
			     const struct conversation_segment *take);

/* What the segment is; 0: no segment of a close. */
enum conversation_answer {
	CONVERSATION_CLOSING = 1,   /* a FIN or a RST */
	CONVERSATION_FIRST_ACK = 2, /* the first acknowledgement of a FIN, at a place that has not
				       shown it yet */
	CONVERSATION_FIN_AGAIN = 4, /* a FIN whose first transmission is not in the capture */
};

unsigned int conversation_take(struct conversation *conversation,
			       const struct conversation_segment *take);

/* Both FINs are acknowledged, or there was a RST. */
bool conversation_is_over(const struct conversation *conversation);

#endif

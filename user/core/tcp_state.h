/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The states of TCP (RFC 9293, 3.3.2) with the kernel's numbers (include/net/tcp_states.h), their
 * names in and out. Knows nothing of sockets.
 */
#ifndef TCPCLOSE_CORE_TCP_STATE_H
#define TCPCLOSE_CORE_TCP_STATE_H

#include <stdbool.h>

enum tcp_state {
	TCP_STATE_UNKNOWN = 0,
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_SYN_SENT = 2,
	TCP_STATE_SYN_RECV = 3,
	TCP_STATE_FIN_WAIT1 = 4,
	TCP_STATE_FIN_WAIT2 = 5,
	TCP_STATE_TIME_WAIT = 6,
	TCP_STATE_CLOSED = 7, /* the kernel's TCP_CLOSE */
	TCP_STATE_CLOSE_WAIT = 8,
	TCP_STATE_LAST_ACK = 9,
	TCP_STATE_LISTEN = 10,
	TCP_STATE_CLOSING = 11,
	TCP_STATE_NEW_SYN_RECV = 12,
	TCP_STATE_BOUND_INACTIVE = 13,
	TCP_STATES,
};

/* The name as printed: FIN_WAIT1. "UNKNOWN" for a number without one. */
const char *tcp_state_name(unsigned int state);

/* FIN_WAIT1, fin-wait-1, FinWait1, CLOSE and CLOSED ... any case. TCP_STATE_UNKNOWN if none. */
enum tcp_state tcp_state_parse(const char *text);

/* A synchronised state in which at least one FIN was sent or received. */
bool tcp_state_is_closing(unsigned int state);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a state record says of its socket: initial numbers, facts, the change as RFC 9293 names it.
 * It must not know how connections are found or when they are reported.
 */
#ifndef TCPCLOSE_CORE_SOCKET_H
#define TCPCLOSE_CORE_SOCKET_H

#include "core/connection.h"

struct socket_isn {
	bool known;
	uint32_t local;
	uint32_t remote;
	uint8_t role; /* enum socket_role, as the counters show it */
};

/* Both initial sequence numbers from the counters of a socket (Linux 4.19 and later): the peer's
 * is rcv_nxt - bytes_received - 1; ours is snd_una - bytes_acked at the end that connected (its
 * SYN was counted) and one less at the end that accepted. */
struct socket_isn socket_isn(const struct state_record *record);

/* How a local call closed the socket, CLOSE_NONE if none did. */
enum close_how socket_close_how(const struct state_record *record);

/* The first record of a socket, which is now `end` of the connection. */
void socket_begin(struct connection *connection, unsigned int end,
		  const struct state_record *record);

/* Whether this change was told a moment ago: of the programs that stand in for one another
 * (bpf/socket/state.bpf.c) two may tell one. */
bool socket_told_before(const struct connection *connection, unsigned int end,
			const struct state_record *record);

/* Any record, the first included: one change of state. False: there was no room for it. */
bool socket_change(struct connection *connection, unsigned int end,
		   const struct state_record *record);

/* The mini-socket of an orphaned FIN_WAIT2 became TIME_WAIT, or is gone. */
void socket_end_orphan(struct connection *connection, unsigned int end, enum tcp_state to,
		       uint64_t time, bool observed);

/* A socket whose close the wire shows whole, and whose last changes never arrived: it made them as
 * RFC 9293, 3.3.2 has it. Returns how many they were. */
uint32_t socket_presume_over(struct connection *connection, unsigned int end);

/* The kernel sent or took a RST in its name. */
void socket_note_reset(struct socket_facts *socket, const struct reset_record *record);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which mini-sockets (TIME_WAIT, orphaned FIN_WAIT2) the kernel has right now, for what ends
 * without any event. Keeps nothing open, so no namespace alive. All of them: snapshot.h. Knows
 * nothing of who asks, or why.
 */
#ifndef TCPCLOSE_KERNEL_CENSUS_H
#define TCPCLOSE_KERNEL_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

/* How many a namespace has, orphans included (/proc/net/sockstat), or a negative errno. The
 * descriptor is of a namespace: namespaces_reach(). */
int census_count(int namespace);

enum census_holder {
	CENSUS_NOBODY,   /* these addresses are free */
	CENSUS_WAITING,  /* held by a mini-socket */
	CENSUS_A_SOCKET, /* held by a socket, whatever its state */
};

struct census_answer {
	enum census_holder holder;
	uint8_t state;    /* 6: TIME_WAIT, 5: an orphaned FIN_WAIT2; of a socket: its own */
	uint64_t cookie;  /* of the socket, or of the one that the mini-socket stands for */
	uint32_t left_ms; /* of a mini-socket's time */
};

/* Who has a flow, as its socket sees it: one look-up in the kernel's table, of any number of
 * sockets. Bound to an interface (link-local addresses always are) it takes one for each interface.
 * 0 or a negative errno. To be asked only where sock_diag speaks TCP (snapshot_probe()): else the
 * kernel's answer is that of a free flow. */
int census_find(int namespace, const struct flow *flow, struct census_answer *answer);

#endif

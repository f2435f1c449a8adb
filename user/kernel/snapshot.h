/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The sockets that exist when the tracer starts, as records like those of the ring: one source of
 * the core. To be taken when everything is attached, so that no socket falls between. Knows nothing
 * of what is made of the records.
 */
#ifndef TCPCLOSE_KERNEL_SNAPSHOT_H
#define TCPCLOSE_KERNEL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "origin.h"
#include "record.h"

enum snapshot_content {
	SNAPSHOT_SOCKETS = 1 << 0,      /* that have or had a connection, TIME_WAIT apart */
	SNAPSHOT_MINI_SOCKETS = 1 << 1, /* TIME_WAIT and orphaned FIN_WAIT2 */
	SNAPSHOT_LISTENERS = 1 << 2,
};

struct snapshot_request {
	uint64_t time;         /* of the records */
	unsigned int contents; /* enum snapshot_content */
	uint32_t netns;        /* only this namespace, by inode; 0: all */
	bool sock_diag;        /* ask sock_diag, else read /proc/net/tcp and tcp6 */
};

struct snapshot_result {
	uint64_t sockets;
	uint32_t namespaces;
	uint32_t unread; /* namespaces whose sockets could not be listed */
	int error;       /* of the first of them, a negative errno */
};

/* One socket: a state_record whose from and to are its state, context has CONTEXT_SNAPSHOT. Or one
 * mini-socket: a time_wait_record, TIME_WAIT_FOUND; of an orphaned FIN_WAIT2 both come, in this
 * order. A negative result ends the snapshot.
 * What sock_diag does not tell is 0: all sequence numbers, born, role, owner. The counters are
 * there where the kernel has the socket itself and not just its mini-socket (an orphaned
 * FIN_WAIT2). Of /proc/net/tcp come addresses, state, uid, inode and timer only: `socket` is 0, so
 * nothing but addresses ties these records to later ones. */
typedef int (*snapshot_each)(void *context, const struct record *record);

/* All TCP sockets that were asked for, of all namespaces that can be reached, one by one. 0, the
 * negative result of each(), or a negative errno when there is no way to go on. */
int snapshot_take(const struct snapshot_request *request, snapshot_each each, void *context,
		  struct snapshot_result *result);

/* Sockets in CLOSE_WAIT. A negative result ends the listing. */
typedef int (*snapshot_each_close_wait)(void *context, const struct close_wait_found *found);

/* The same of all sockets in CLOSE_WAIT alone; `contents` means nothing. Of /proc/net/tcp come
 * neither cookie nor cgroup, and `by` is the present. */
int snapshot_close_wait(const struct snapshot_request *request, snapshot_each_close_wait each,
			void *context, struct snapshot_result *result);

/* Whether sock_diag answers for TCP: 0 or a negative errno. */
int snapshot_probe(void);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who holds a socket: processes with a descriptor of it, from a scan of /proc or of the kernel's
 * list. For sockets whose opening nobody saw. Knows sockets only as inode numbers and cookies.
 */
#ifndef TCPCLOSE_OWNER_HOLDERS_H
#define TCPCLOSE_OWNER_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "owner/descriptors.h"

#define HOLDER_COMM_LENGTH 16

struct holder {
	uint32_t pid;   /* of several processes the one listed first: as a rule the oldest */
	uint32_t count; /* processes that hold it */
	char comm[HOLDER_COMM_LENGTH]; /* terminated */
};

struct holders;

/* At most limit sockets are remembered from a scan, and as many by cookie. NULL: no memory. */
struct holders *holders_new(size_t limit);
void holders_free(struct holders *holders);

/* From now on the list is read, and /proc where it cannot be opened: then of TCP sockets alone. */
void holders_set_list(struct holders *holders, const struct descriptors_list *list);

/* Scans for about `budget` ns and goes on with the next call: with 10,000 processes a scan of
 * /proc takes half a second, in which a busy ring would overflow. A new scan begins at most once a
 * second, and so that scans take no more than a fiftieth of the time. 1: a scan is complete, 0: it
 * is not or it is too soon for one, or a negative errno. */
int holders_refresh(struct holders *holders, uint64_t now, uint64_t budget);

/* The holder of a socket's inode, as far as the scan that runs and the one before it know. */
bool holders_find(const struct holders *holders, uint64_t inode, struct holder *holder);

/* Keeps the holder that inode has now under the socket's cookie: it is found by
 * holders_find_cookie() when the descriptor is gone and later scans show nothing. */
void holders_keep(struct holders *holders, uint64_t cookie, uint64_t inode);
bool holders_find_cookie(const struct holders *holders, uint64_t cookie, struct holder *holder);

struct holders_stats {
	size_t processes; /* seen by the last complete scan; on a list: that hold a socket */
	size_t sockets;   /* held by them */
	size_t dropped;   /* above the limit */
	uint64_t scan_ns; /* the time it cost */
};

struct holders_stats holders_stats(const struct holders *holders);

#endif

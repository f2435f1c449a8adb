/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Everyone who holds one of given sockets: each process and descriptor, by one scan of /proc or of
 * the kernel's list, and what those processes are. Knows sockets only as inode numbers.
 */
#ifndef TCPCLOSE_OWNER_HOLDINGS_H
#define TCPCLOSE_OWNER_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "owner/descriptors.h"

#define HOLDING_COMM_LENGTH 16

/* A process, as it was at the scan. Strings are from outside; NULL: not known, or there is none. */
struct holding_process {
	uint32_t pid;
	char comm[HOLDING_COMM_LENGTH]; /* terminated */
	const char *cgroup;             /* path (version 2, else that of systemd) */
	const char *container;          /* short id */
	const char *engine;             /* docker, containerd, cri-o, podman */
	const char *unit;               /* of systemd: nginx.service */
	const char *pod;                /* of Kubernetes: its uid, with dashes */
	bool foreign;                   /* in another pid namespace than ours */
	bool stopped;                   /* by a signal or a debugger */
};

struct holding {
	uint64_t inode;
	const struct holding_process *process;
	int32_t descriptor;
};

struct holdings;

struct holdings *holdings_new(void); /* NULL: no memory */
void holdings_free(struct holdings *holdings);

/* From now on the list is read, and /proc where it cannot be opened: then of TCP sockets alone. */
void holdings_set_list(struct holdings *holdings, const struct descriptors_list *list);

/* Called between two processes of a scan, which takes a second where there are 10,000 of them. */
void holdings_set_progress(struct holdings *holdings, void (*progress)(void *context),
			   void *context);

/* Scans for these inodes, in any order, doubles and zeros allowed; what an earlier scan found is
 * forgotten. A process may go while it is looked at: it then holds nothing. Threads that have a
 * table of descriptors of their own, unshare(2), are not looked at. 0 or a negative errno.
 *
 * In /proc it is the system calls that cost: per process four, per descriptor one, and ten for a
 * process that holds one. With 10,000 processes and 110,000 descriptors 0.6 to 0.8 s. */
int holdings_scan(struct holdings *holdings, const uint64_t *inodes, size_t count);

/* Those of one inode, by pid and descriptor; NULL and 0 if nobody holds it. Valid until the next
 * scan. */
const struct holding *holdings_of(const struct holdings *holdings, uint64_t inode, size_t *count);

/* Descriptors above the bound (a million) at the last scan, which nobody is told to hold. */
size_t holdings_dropped(const struct holdings *holdings);

/* What the last scan cost, ns of processor time. */
uint64_t holdings_cost(const struct holdings *holdings);

#endif

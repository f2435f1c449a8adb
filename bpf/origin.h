/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is kept of sockets so that a CLOSE_WAIT that nobody ends can be explained: in BPF maps where
 * each came from, and as the kernel lists them what state they are in. Integers, addresses and
 * times as in record.h. Knows record.h and nothing else of ours; compiles for BPF and for the host.
 */
#ifndef TCPCLOSE_ORIGIN_H
#define TCPCLOSE_ORIGIN_H

#include "record.h"

/* A system call on a socket. */
struct close_wait_call {
	__u64 time;  /* 0: none was seen */
	__u64 stack; /* key of its user stack, 0: none was kept */
	struct task task;
};

/* Where a socket came from, and what was seen of its CLOSE_WAIT. */
struct close_wait_origin {
	__u64 since; /* the peer's FIN made it CLOSE_WAIT; 0: not seen, or not in it */
	struct close_wait_call created; /* connect() or accept() */
	struct close_wait_call read;    /* the last one that read from it in CLOSE_WAIT */
	__u32 read_bytes;               /* what that one got: 0 is the end of file */
	__u8 how;                       /* of created: OWNER_CONNECT or OWNER_ACCEPT */
	__u8 pad[3];
};

#define CLOSE_WAIT_FRAMES 64
#define CLOSE_WAIT_COPY 2048

/* A user stack as it was found. */
struct close_wait_stack {
	__u64 ip; /* registers of the task, 0: not known */
	__u64 sp;
	__u64 fp;
	__u64 lr;     /* where the architecture has one */
	__u32 pid;    /* of the first process in which it was seen */
	__u32 frames; /* of chain */
	__u32 copied; /* bytes of copy */
	__u32 pad;
	__u64 chain[CLOSE_WAIT_FRAMES]; /* by frame pointers, the first is ip */
	__u8 copy[CLOSE_WAIT_COPY];     /* of the memory from sp on */
};

/* Addresses of a socket in CLOSE_WAIT, where cookies cannot tell which one it is. */
struct close_wait_place {
	struct flow flow;
	__u32 netns;
};

/* A socket in CLOSE_WAIT as the kernel lists it. */
struct close_wait_found {
	struct flow flow; /* as it sees it */
	__u32 netns;
	__u64 socket; /* its cookie, 0 where it has none */
	__u64 cgroup; /* id, 0: not known */
	__u64 by;     /* it was in CLOSE_WAIT at this time already */
	__u32 inode;  /* 0: not accepted yet */
	__u32 uid;
	__u32 queued; /* what the program has not read, the FIN counts as one (Recv-Q of ss) */
	__u32 pad;
};

_Static_assert(sizeof(struct close_wait_call) == 40, "close_wait_call has changed");
_Static_assert(sizeof(struct close_wait_origin) == 96, "close_wait_origin has changed");
_Static_assert(sizeof(struct close_wait_place) == 40, "close_wait_place has changed");

#endif

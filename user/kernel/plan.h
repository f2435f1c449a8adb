/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From what the kernel offers and what the user asked for to what will be attached: a pure
 * function. For each fact we want: the mechanism chosen, those rejected, and why.
 */
#ifndef TCPCLOSE_KERNEL_PLAN_H
#define TCPCLOSE_KERNEL_PLAN_H

#include <stdbool.h>

#include "base/buffer.h"
#include "kernel/features.h"

enum packet_source {
	PACKETS_TC,
	PACKETS_XDP, /* ingress; egress stays with tc */
	PACKETS_NONE,
};

struct plan_request {
	enum packet_source packets;
	bool packets_asked; /* the user named it: then it is no default that may be skipped */
	bool counting;      /* TIME_WAIT is counted, nothing else: population_probe.h */
	bool origins;       /* origins of sockets are kept: close_wait_probe.h */
	bool only_origins;  /* ... and nothing else */
	bool own_namespace; /* nothing is asked for of any other */
	bool few_files;     /* are open: they are looked at sooner than a program is loaded */
};

enum plan_fact {
	FACT_STATES,
	FACT_IDENTITY,
	FACT_OWNER_CONNECT,
	FACT_OWNER_ACCEPT,
	FACT_OWNER_OLDER, /* sockets older than the tracer */
	FACT_RESET_SENT,
	FACT_RESET_RECEIVED,
	FACT_RETRANSMIT,
	FACT_CLEANUP, /* owner facts of sockets that vanish without a state change */
	FACT_MEMORY,  /* where those facts are kept */
	/* TIME_WAIT and an orphaned FIN_WAIT2: */
	FACT_MINI_SOCKET_START,
	FACT_MINI_SOCKET_RESTART, /* its timer is set anew */
	FACT_MINI_SOCKET_END,     /* its time is up */
	FACT_MINI_SOCKET_REMOVAL, /* something ended it before */
	FACT_HOLDERS,
	FACT_NAMESPACES, /* what is in other network namespaces */
	FACT_LINK_NEWS,  /* interfaces that come there later */
	FACT_STACK,      /* of connect() and accept() */
	FACT_READER,     /* who reads after the peer's FIN */
	FACT_SEGMENTS_IN,
	FACT_SEGMENTS_OUT,
	PLAN_FACTS,
};

struct plan_row {
	const char *mechanism; /* chosen; NULL: this fact will be missing */
	char rejected[256];    /* "tcx: needs Linux 6.6" ... joined by "; ", empty if none */
	bool needed;           /* without it the tool cannot run */
	uint64_t lacking;      /* capabilities, for want of which one was rejected */
};

struct plan {
	struct plan_row rows[PLAN_FACTS];
	/* What the session acts on. */
	bool cookie, send_reset, reset_reason, receive_reset, retransmit, destroy, timer_expire;
	bool graft, accept;                                   /* the one or the other */
	bool tw_begin, tw_restart, tw_expire, tw_kill, abort; /* by fentry */
	bool task_files; /* who holds a socket: by the kernel's list, else by a walk of /proc */
	bool all_processes, namespaces;
	bool user_registers, recv;
	bool map_grows;
	bool snapshot; /* by sock_diag, else from /proc/net/tcp: then without cookies */
	bool tcx;      /* else clsact */
	bool xdp_ingress;
	bool packets; /* segments at all */
	/* Capabilities that are used once all is attached, of those that are held. */
	uint64_t kept;
	/* "cannot ...: reason; what to do" when it cannot run at all, else empty. */
	char refusal[384];
	/* A default part that is skipped, as a sentence without a full stop, else empty. */
	char notice[512];
};

const char *plan_fact_name(enum plan_fact fact); /* "states of sockets" */
struct plan plan_make(const struct features *features, const struct plan_request *request);
/* The text of --explain: a table for people. */
void plan_explain(const struct plan *plan, struct buffer *out);

#endif

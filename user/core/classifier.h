/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What kind of close a timeline shows, who began it, and why we say so: a pure function.
 * Kinds live in one table (name, meaning, advice) from which the manual's section is made.
 */
#ifndef TCPCLOSE_CORE_CLASSIFIER_H
#define TCPCLOSE_CORE_CLASSIFIER_H

#include <stdbool.h>
#include <stdint.h>

struct connection_view;

enum close_kind {
	KIND_UNKNOWN = 0,
	KIND_FOUR_WAY,
	KIND_THREE_WAY,
	KIND_SIMULTANEOUS,
	KIND_RESET,
	KIND_RESET_AFTER_FIN,
	KIND_TIMEOUT,
	KIND_SILENT,
	CLOSE_KINDS,
};

enum closed_by {
	CLOSED_BY_UNKNOWN = 0,
	CLOSED_BY_LOCAL,
	CLOSED_BY_PEER,
	CLOSED_BY_BOTH,
};

/* Why: each is one sentence in evidence_text(). */
enum close_cause {
	CAUSE_NONE = 0,
	CAUSE_UNREAD_DATA,       /* closed with data unread: RST instead of FIN (RFC 2525, 2.17) */
	CAUSE_LINGER,            /* SO_LINGER with time 0 */
	CAUSE_DATA_AFTER_CLOSE,  /* data arrived after close(): answered with RST (RFC
				    1122, 4.2.2.13) */
	CAUSE_ABORTED,           /* ss -K or another administrator's tcp_abort() */
	CAUSE_KEEPALIVE,         /* keepalive probes went unanswered */
	CAUSE_RETRANSMISSION,    /* data or FIN was sent again and again, never acknowledged */
	CAUSE_FIN_WAIT2_TIMEOUT, /* the orphan waited for the peer's FIN, tcp_fin_timeout ran out */
	CAUSE_LISTENER_CLOSED,   /* still in the queue of a listener that was closed */
	CAUSE_NEVER_ACCEPTED,    /* ended before accept() */
	CAUSE_BEFORE_ESTABLISHED, /* closed in SYN_SENT or SYN_RECV */
	CAUSE_DISCONNECT,         /* connect(AF_UNSPEC) or the like */
	CAUSE_PEER_RESET,         /* the peer sent a RST */
	CAUSE_LINGER2,            /* TCP_LINGER2 below 0: no FIN_WAIT2 for an orphan */
	CAUSE_MEMORY,             /* too many orphans or no memory */
	CAUSE_DESTROYED,          /* its mini-socket was, or its network namespace */
	CAUSE_NO_BUCKET,          /* tcp_max_tw_buckets: no FIN_WAIT2 for an orphan */
	CLOSE_CAUSES,
};

#define VERDICT_EVIDENCE 6
#define EVIDENCE_SEGMENT 0x4000 /* else an index into the local end's states */

struct verdict {
	enum close_kind kind;
	enum closed_by closed_by;
	enum close_cause cause;
	bool inferred;          /* some of it is not observed */
	bool half_close;        /* one direction went on after the other had closed */
	uint64_t half_close_ns; /* from the first FIN's to the second FIN's first sighting, 0
				   unknown */
	bool reset_sent;        /* valid for the reset kinds: by us, else received */
	bool has_reset;
	uint32_t reset_reason; /* enum sk_rst_reason, or RESET_REASON_NONE */
	uint8_t evidence_count;
	uint16_t evidence[VERDICT_EVIDENCE]; /* what the verdict stands on, by weight */
};

struct close_kind_info {
	const char *name;    /* as in JSON: four-way */
	const char *meaning; /* one sentence */
	const char *advice;  /* what an operator may do, or NULL */
};

const struct close_kind_info *close_kind_info(enum close_kind kind);

struct close_cause_info {
	const char *name;    /* as in JSON: unread-data */
	const char *meaning; /* one clause: "it closed with data unread" */
};

const struct close_cause_info *close_cause_info(enum close_cause cause);
const char *closed_by_name(enum closed_by by);

/* The verdict on the teardown of the socket at ends[local]. */
struct verdict classify(const struct connection_view *connection, unsigned int local);

#endif

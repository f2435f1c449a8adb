/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What outputs receive from the core: one teardown with its evidence. Everything is const and
 * valid only during the callback. Times are boot-clock ns as in the records. It knows nothing of
 * how a report is written.
 */
#ifndef TCPCLOSE_CORE_REPORT_H
#define TCPCLOSE_CORE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/classifier.h"
#include "core/tcp_state.h"
#include "record.h"

/* One change of state of one end. */
struct state_change {
	uint64_t time;
	uint8_t from; /* enum tcp_state */
	uint8_t to;
	bool observed; /* by the kernel's own account; false: inferred from segments */
};

/* One place where a segment was seen. */
struct sighting {
	uint64_t time;
	uint32_t netns;
	uint32_t interface;
	uint8_t hook;    /* enum segment_hook */
	uint16_t source; /* of several recordings: the one that has it */
	uint32_t frame;  /* its number there, if that is a foreign capture; 0: none */
};

#define SEGMENT_SIGHTINGS 8
#define CONNECTION_SEGMENTS 256 /* kept of one connection */
#define NO_SEGMENT (-1)

struct segment {
	uint64_t time;  /* of the first sighting */
	uint64_t frame; /* its number in a foreign capture, from 1; 0: none */
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	uint16_t window;
	uint16_t ip_id;
	uint8_t flags;       /* SEGMENT_FIN ... */
	uint8_t ttl;         /* at the first sighting */
	uint8_t notes;       /* enum segment_note */
	uint8_t sender;      /* index of the end that sent it */
	uint8_t wave;        /* 1 to 4: which of the four of a close; 0: none of them */
	bool retransmission; /* a FIN sent again */
	int16_t acks;        /* index of the segment whose FIN it acknowledges, or NO_SEGMENT */
	uint16_t sighting_count;
	uint64_t ack_rtt; /* ns since that segment, when acks is set */
	struct sighting sightings[SEGMENT_SIGHTINGS];
};

/* Who called for the close of a socket, and how. */
enum close_how {
	CLOSE_NONE = 0, /* no local call closed it */
	CLOSE_CALL,
	CLOSE_SHUTDOWN,
	CLOSE_EXIT,
	CLOSE_UNKNOWN, /* a local call, but not which */
};

/* A socket of this machine, from its state records. */
struct socket_facts {
	uint64_t id; /* cookie */
	struct flow
		flow; /* as this socket sees it: with NAT between, remote is not the twin's local */
	uint64_t cgroup;
	uint64_t born;           /* 0: not known */
	uint64_t bytes_sent;     /* payload, each byte once */
	uint64_t bytes_received; /* payload, the FIN not counted */
	uint32_t netns;
	uint32_t inode;
	uint32_t uid;
	uint16_t source;   /* of several recordings: the one that tells of it */
	uint8_t role;      /* enum socket_role */
	bool started_late; /* the connection is older than the tracer */
	bool gap;          /* what was lost before its first record may have been of it */
	bool over;         /* reached CLOSED or TIME_WAIT */
	uint16_t error;    /* sk_err at the last change */
	struct owner owner;
	enum close_how close_how;
	struct task close_task; /* pid 0: not known */
	uint32_t unread_bytes;  /* at the end of CLOSE_WAIT, or at a close with unread data */
	bool eof_read;          /* valid when it was in CLOSE_WAIT */
	uint8_t snd_wscale;     /* 0xff: not known */
	uint8_t rcv_wscale;
	uint8_t reset_state;   /* enum tcp_state at the kernel's reset record */
	bool reset_sent;       /* the kernel told of a RST sent, reset_reason says why */
	bool reset_active;     /* ... that answers no segment */
	bool reset_received;   /* ... or received */
	bool fin_received;     /* the kernel processed the peer's FIN */
	bool expired;          /* the timer of its orphaned FIN_WAIT2 ran out */
	bool given_up;         /* nothing told how its orphaned FIN_WAIT2 ended */
	bool destroyed;        /* its mini-socket: by an administrator, or with its namespace */
	bool no_bucket;        /* no mini-socket was made: tcp_max_tw_buckets */
	bool never_accepted;   /* ended while still in its listener's queue */
	bool listener_closed;  /* ... because the listener was closed */
	bool linger2;          /* TCP_LINGER2 is below 0 */
	bool orphaned;         /* no program held it any more at the last change */
	uint16_t context;      /* enum state_context at the end, or of the local call */
	uint32_t reset_reason; /* enum sk_rst_reason, or RESET_REASON_NONE */
	uint32_t kernel_retransmissions; /* of FINs, by the kernel's own account */
};

/* One end of a connection. */
struct connection_end {
	uint8_t address[16];
	uint16_t port;
	bool has_socket;  /* facts are valid, states observed */
	bool has_isn;     /* initial sequence number known */
	bool isn_assumed; /* one before the first number that a capture without its SYN shows */
	uint32_t isn;
	/* Told by a capture: valid with connection_view's wire.known. */
	uint64_t bytes; /* payload that it sent, each byte once */
	uint8_t wscale; /* of the windows that it sends, or WIRE_SCALE_UNKNOWN */
	uint8_t role;   /* enum socket_role */
	struct socket_facts socket;
	struct state_change *states; /* in time order; without a socket all inferred */
	uint32_t state_count;
	/* With connection_view's joined: the recording that was made there, and the addresses that
	 * it has. */
	uint16_t source;
	struct flow flow;
};

/* What a foreign capture told of a connection as a whole. */
struct wire_facts {
	bool known;
	bool given_up;        /* a FIN was sent again and again, then no more: nobody answered */
	uint8_t completeness; /* enum wire_completeness */
	uint32_t stream;      /* Wireshark's tcp.stream */
	uint64_t born;        /* when its SYN was seen, 0: not in the capture */
	uint64_t initial_rtt; /* from that SYN to the end of the handshake, 0: not known */
};

/* A connection: two ends, ends[0] not special. */
struct connection_view {
	uint64_t id[2]; /* printed as 32 hex digits; the same at both ends, through NAT too */
	struct connection_end ends[2];
	struct wire_facts wire;
	struct segment *segments; /* in time order */
	uint32_t segment_count;
	uint32_t fin_retransmissions[2]; /* by sender */
	bool joined; /* two recordings tell of it, one from each end (joined.h) */
};

enum incomplete_reason {
	INCOMPLETE_STARTED_LATE = 1 << 0,
	INCOMPLETE_LOST_RECORDS = 1 << 1,
	INCOMPLETE_EVICTED = 1 << 2,
	INCOMPLETE_STOPPED = 1 << 3,
};

/* One teardown: of the socket at ends[local] of the connection. */
struct teardown_report {
	uint64_t time; /* of its first event: t_ns counts from here */
	const struct connection_view *connection;
	uint8_t local;  /* index of the end */
	bool twin;      /* the other end is a socket of this machine, its states observed too */
	bool twin_over; /* and its teardown is over as well */
	uint32_t incomplete; /* enum incomplete_reason */
	struct verdict verdict;
	uint64_t durations[TCP_STATES]; /* ns in each state of the teardown, 0 if not in it */
};

/* A segment of a connection whose teardown was over. */
struct late_segment {
	uint64_t time;
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	uint8_t flags;
	bool from_peer;
};

/* A TIME_WAIT that has begun, or was found. */
struct time_wait_start {
	struct flow flow; /* as its socket sees it */
	uint32_t netns;
	uint8_t role;                  /* enum socket_role */
	bool inferred;                 /* from segments */
	char comm[RECORD_COMM_LENGTH]; /* of the program that closed first; empty: not known */
};

/* The wait of one mini-socket: TIME_WAIT, or an orphaned FIN_WAIT2 that no FIN ended. */
struct time_wait_report {
	uint64_t id[2];   /* of the connection; 0: not known, it is older than the tracer */
	struct flow flow; /* as the socket saw it */
	uint32_t netns;
	uint16_t source;     /* of several recordings: the one that tells of it */
	uint16_t restarts;   /* that were seen */
	uint8_t substate;    /* enum tcp_state: TIME_WAIT or FIN_WAIT2 */
	bool started_late;   /* older than the tracer, by how much is not known */
	bool start_inferred; /* from the time that was left to it, or from its end */
	bool wire;           /* it is inferred from segments, all of it */
	bool end_inferred;   /* how it ended; when was not seen */
	bool end_seen;       /* the duration is one */
	enum time_wait_end ended_by;
	uint64_t start;
	uint64_t duration; /* so far, when the tracer ended before it */
	uint64_t timeout;  /* what the kernel asked its timer for; 0: not known */
	uint64_t left;     /* of that, when the tracer ended before it */
	const struct late_segment *late;
	uint16_t late_count;
	uint16_t late_kept; /* the first ones */
};

struct core_stats {
	uint64_t teardowns;
	uint64_t unfinished;
	uint64_t records;
	uint64_t lost[RECORD_KINDS];
	uint64_t evicted;
	uint64_t bad_records;   /* cut short, unknown or contradictory: skipped */
	uint64_t unclaimed;     /* segments of closes that no socket of ours took part in */
	uint64_t passed_over;   /* such segments that the source left out for want of room */
	uint64_t time_waits;    /* reported, those that went on included */
	uint64_t orphans;       /* FIN_WAIT2 that no FIN ended, the same */
	uint64_t late_segments; /* seen when their teardown had already been reported */
};

#endif

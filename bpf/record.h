/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The contract of the two sides: what travels through the ring buffer.
 * Integers in host order, ports too; addresses are 16 bytes, IPv4 mapped (RFC 4291, 2.5.5.2);
 * times are CLOCK_BOOTTIME nanoseconds. Kinds are appended, never renumbered; a reader skips a
 * kind it does not know by its length. Knows nothing of ours; compiles for BPF and for the host.
 */
#ifndef TCPCLOSE_RECORD_H
#define TCPCLOSE_RECORD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define RECORD_COMM_LENGTH 16

enum record_kind {
	RECORD_STATE = 1,      /* a socket changed its state: struct state_record */
	RECORD_SEGMENT = 2,    /* a segment of a close was seen: struct segment_record */
	RECORD_RESET = 3,      /* the kernel sent or took a RST: struct reset_record */
	RECORD_RETRANSMIT = 4, /* a FIN was sent again: struct retransmit_record */
	RECORD_TIME_WAIT = 5,  /* a mini-socket's life: struct time_wait_record */
	RECORD_NAMESPACE = 6,  /* first socket seen in a namespace: struct namespace_record */
	RECORD_OWNER = 7,      /* user space found a holder: struct owner_record */
	RECORD_LOSS = 8,       /* records that never arrived: struct loss_record */
	RECORD_END = 9,        /* the source is at its end: header only */
	RECORD_WIRE = 10,      /* a capture told of a connection: struct wire_record */
	RECORD_TICK = 11,      /* all before its time was told, what is due leaves: header only */
	RECORD_KINDS,
};

/* Both ends of a connection. For a socket, local is the socket's own end; for a segment, local is
 * the sender and remote the receiver, wherever it was seen. */
struct flow {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
};

struct record {
	__u16 length; /* of the whole record, this header included */
	__u16 kind;   /* enum record_kind */
	__u16 cpu;
	__u16 source; /* of several recordings read together: which; else 0 */
	__u64 time;
	__u32 netns; /* inode of the network namespace, 0 when not known */
	struct flow flow;
};

/* A process as the kernel names it: pid is the thread group's, tid the thread's. */
struct task {
	__u32 pid;
	__u32 tid;
	char comm[RECORD_COMM_LENGTH]; /* not always terminated */
};

/* How an owner is known, weakest last. */
enum owner_how {
	OWNER_UNKNOWN = 0,
	OWNER_CONNECT = 1, /* called connect() */
	OWNER_ACCEPT = 2,  /* took it from accept() */
	OWNER_CLOSE = 3,   /* only seen when it closed the socket */
	OWNER_HOLDER = 4,  /* holds a descriptor (/proc) */
};

struct owner {
	__u32 pid; /* 0: not known */
	__u8 how;  /* enum owner_how */
	__u8 pad[3];
	char comm[RECORD_COMM_LENGTH];
};

/* Why a TIME_WAIT ended; each is proven by what was seen, nothing is guessed. */
enum time_wait_end {
	TIME_WAIT_ENDED = 0, /* how is not known */
	TIME_WAIT_BY_TIMER,
	TIME_WAIT_BY_CONNECT, /* a local connect() took its addresses (tcp_tw_reuse) */
	TIME_WAIT_BY_SYN,     /* a peer's SYN did (RFC 6191) */
	TIME_WAIT_BY_RESET,   /* the peer's RST removed it (tcp_rfc1337 is 0) */
	TIME_WAIT_BY_FIN,     /* an orphaned FIN_WAIT2: the FIN came, it is TIME_WAIT now */
	TIME_WAIT_DESTROYED,  /* with its namespace, or by an administrator (ss -K) */
	TIME_WAIT_NEVER,      /* it never began: no room (tcp_max_tw_buckets) */
	TIME_WAIT_STOPPED,    /* it goes on: the tracer ended before it */
	TIME_WAIT_ENDS,
};

enum socket_role {
	ROLE_UNKNOWN = 0,
	ROLE_CLIENT = 1,
	ROLE_SERVER = 2,
};

/* What surrounded a state change. Only with CONTEXT_CALL is the current task a party to it: the
 * task holds the socket's lock (sk_lock.owned). Otherwise it is whoever was on the CPU. */
enum state_context {
	CONTEXT_CALL = 1 << 0,       /* by a task that holds the socket's lock */
	CONTEXT_EXITING = 1 << 1,    /* that task is exiting (PF_EXITING) */
	CONTEXT_LAST_REF = 1 << 2,   /* the file is being released: close(), not shutdown() */
	CONTEXT_PROXY = 1 << 3,      /* that task acts for another: a kernel thread (PF_KTHREAD), or
					the tracer, which held the descriptor as it listed it */
	CONTEXT_ORPHAN = 1 << 4,     /* no program holds the socket any more (SOCK_DEAD) */
	CONTEXT_FIN_SEEN = 1 << 5,   /* the peer's FIN was processed (SOCK_DONE) */
	CONTEXT_NO_SOCKET = 1 << 6,  /* sk_socket is NULL: not accepted yet, or orphaned */
	CONTEXT_LINGER_0 = 1 << 7,   /* SO_LINGER with time 0 */
	CONTEXT_LINGER_2 = 1 << 9,   /* TCP_LINGER2 below 0: no FIN_WAIT2 without a program */
	CONTEXT_SNAPSHOT = 1 << 8,   /* not a change: the socket was found in this state at start */
	CONTEXT_NO_BUCKET = 1 << 10, /* no mini-socket was made: tcp_max_tw_buckets */
};

/* Kernel state numbers (include/net/tcp_states.h); CLOSE is 7. The tracepoint never says 6. */
struct state_record {
	struct record header;
	__u64 socket;     /* the socket's cookie, or our own generation where there is none */
	__u64 cgroup;     /* id of the owner's cgroup (v2) */
	__u64 born;       /* when the connection began here; 0: before the tracer */
	__u64 bytes_sent; /* payload, retransmissions included (tcp_info) */
	__u64 bytes_retrans;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 inode; /* of the socket file; 0 before accept() and after close() */
	__u32 uid;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u16 context; /* enum state_context */
	__u16 error;   /* sk_err: an errno, 0 if none */
	__u8 from;
	__u8 to;
	__u8 shutdown; /* sk_shutdown: 1 receive, 2 send */
	__u8 role;     /* enum socket_role */
	__u8 snd_wscale;
	__u8 rcv_wscale;
	__u8 retransmits; /* icsk_retransmits: unanswered so far */
	__u8 pad;
	struct owner owner;
	struct task task; /* the current task, see enum state_context */
};

enum segment_hook {
	HOOK_TC_INGRESS = 0,
	HOOK_TC_EGRESS = 1,
	HOOK_XDP = 2,
	HOOK_CAPTURE = 3, /* from a file that does not say */
};

#define SEGMENT_FIN 0x01
#define SEGMENT_SYN 0x02
#define SEGMENT_RST 0x04
#define SEGMENT_PSH 0x08
#define SEGMENT_ACK 0x10
#define SEGMENT_URG 0x20
#define SEGMENT_ECE 0x40
#define SEGMENT_CWR 0x80

enum segment_note {
	SEGMENT_LENGTH_UNKNOWN = 1 << 0, /* a fragment whose last part was not seen */
	SEGMENT_ACKS_FIN = 1 << 1,       /* sent because it acknowledges a FIN seen before */
	SEGMENT_SENT_BEFORE = 1 << 2, /* a FIN whose first transmission a capture does not have */
};

struct segment_record {
	struct record header;
	__u32 interface; /* index, in the namespace of the header */
	__u32 seq;
	__u32 ack;
	__u32 payload; /* bytes of data in the segment */
	__u16 window;  /* as in the header, not scaled */
	__u16 ip_id;   /* IPv4 identification, 0 for IPv6 */
	__u8 flags;    /* SEGMENT_FIN ... */
	__u8 ttl;      /* or hop limit */
	__u8 hook;     /* enum segment_hook */
	__u8 notes;    /* enum segment_note */
};

/* A segment_record may have a tail; then header.length says so. Bytes are what was captured of the
 * frame: its headers, no payload. */
#define SEGMENT_BYTES 160

struct segment_tail {
	__u64 frame;    /* its number in a foreign capture, from 1 as in Wireshark; 0: none */
	__u32 original; /* length of the whole frame */
	__u16 captured; /* of bytes */
	__u8 ethernet;  /* bytes begin with an Ethernet header, else with IP's */
	__u8 pad;
	__u8 bytes[SEGMENT_BYTES];
};

struct segment_with_tail {
	struct segment_record segment;
	struct segment_tail tail;
};

/* How an initial sequence number is known. */
enum wire_isn {
	WIRE_ISN_UNKNOWN = 0,
	WIRE_ISN_SYN = 1,     /* its SYN is in the capture, or the SYN,ACK that answers it */
	WIRE_ISN_ASSUMED = 2, /* one before the first number seen, as Wireshark takes it */
};

/* As Wireshark's tcp.completeness. */
enum wire_completeness {
	WIRE_HAS_SYN = 1 << 0,
	WIRE_HAS_SYN_ACK = 1 << 1,
	WIRE_HAS_ACK = 1 << 2,
	WIRE_HAS_DATA = 1 << 3,
	WIRE_HAS_FIN = 1 << 4,
	WIRE_HAS_RST = 1 << 5,
};

#define WIRE_SCALE_UNKNOWN 0xff

struct wire_end {
	__u64 bytes;  /* payload that it sent so far, by its numbers: each byte once */
	__u32 isn;    /* see isn_how */
	__u8 isn_how; /* enum wire_isn */
	__u8 wscale;  /* in force for the windows that it sends, or WIRE_SCALE_UNKNOWN */
	__u8 pad[2];
};

/* What a capture has told of a connection so far: comes before a segment of its close whenever it
 * is news. It takes the place of what a socket would have told. */
struct wire_record {
	struct record header; /* flow.local is ends[0] */
	__u64 born;           /* when its first SYN was seen, 0: not in the capture */
	__u64 initial_rtt;    /* ns from its latest SYN to the first ACK after it, 0: not known */
	struct wire_end ends[2];
	__u32 stream;      /* Wireshark's tcp.stream */
	__u8 role;         /* enum socket_role of ends[0] */
	__u8 completeness; /* enum wire_completeness */
	__u8 told;         /* not 0: segments of its close were told before this */
	__u8 pad;
};

enum reset_direction {
	RESET_SENT = 0,
	RESET_RECEIVED = 1,
};

#define RESET_REASON_NONE 0xffffffff

struct reset_record {
	struct record header; /* flow is the socket's, all zero when there is none */
	__u64 socket;         /* 0: no socket */
	__u32 reason;   /* enum sk_rst_reason, or RESET_REASON_NONE where the kernel gives none */
	__u8 direction; /* enum reset_direction */
	__u8 state;
	__u8 active; /* sent on the socket's own account; 0: in answer to a segment */
	__u8 pad;
};

struct retransmit_record {
	struct record header;
	__u64 socket;
	__u32 seq;
	__u32 end_seq; /* the number after the FIN */
	__u8 state;
	__u8 flags; /* SEGMENT_FIN ... */
	__u8 pad[6];
};

/* TCP_TIMEWAIT_LEN (include/net/tcp.h), ns: what the kernel asks the timer of TIME_WAIT for. */
#define TIME_WAIT_LENGTH 60000000000ull

enum time_wait_event {
	TIME_WAIT_BEGIN = 1,   /* timeout_ms says what its timer was asked for */
	TIME_WAIT_RESTART = 2, /* its timer was set again, for timeout_ms */
	TIME_WAIT_EXPIRED = 3, /* its timer ran out */
	TIME_WAIT_TAKEN = 4,   /* a new socket has its addresses */
	TIME_WAIT_REMOVED = 5, /* gone before its time: by what, enum time_wait_removal */
	TIME_WAIT_FOUND = 6,   /* older than the tracer: timeout_ms are left to it */
	TIME_WAIT_EMPTY = 7, /* all of the namespace are gone: it was deleted; no flow, no socket */
};

/* REMOVED: what is known of it in that moment. Who took the addresses (TAKEN) and which RST it was
 * (a segment) is told by records of their own, before or after. */
enum time_wait_removal {
	REMOVED_EARLY = 0,    /* seen in the moment in which it happened */
	REMOVED_BY_ABORT = 1, /* the same, by an administrator (tcp_abort(): ss -K) */
	REMOVED_UNSEEN = 2,   /* it was missing when user space looked for it */
};

struct time_wait_record {
	struct record header; /* flow as its socket saw it */
	__u64 socket;         /* the cookie of the socket it stands for; TAKEN: 0 */
	__u64 taken;          /* TAKEN: when the new socket began, 0 when not known */
	__u32 timeout_ms;     /* 0 when not known */
	__u8 event;           /* enum time_wait_event */
	__u8 substate;        /* 6 TIME_WAIT, 5 an orphaned FIN_WAIT2, 0 not known */
	__u8 role;            /* TAKEN: enum socket_role of the new socket */
	__u8 removal;         /* REMOVED: enum time_wait_removal */
};

/* Only for the loader: where to look for the interfaces of header.netns. */
struct namespace_record {
	struct record header;
	__u32 pid;
	__u32 pad;
};

struct owner_record {
	struct record header;
	__u64 socket;
	struct owner owner;
};

/* It comes before what was recorded later than its time. */
struct loss_record {
	struct record header;
	__u64 count;
	__u64 until;     /* they are of no later than this, or than its time */
	__u32 lost_kind; /* enum record_kind */
	__u32 pad;
};

#define RECORD_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type " has changed")
RECORD_SIZE(flow, 36);
RECORD_SIZE(record, 56);
RECORD_SIZE(task, 24);
RECORD_SIZE(owner, 24);
RECORD_SIZE(state_record, 200);
RECORD_SIZE(segment_record, 80);
RECORD_SIZE(reset_record, 72);
RECORD_SIZE(retransmit_record, 80);
RECORD_SIZE(time_wait_record, 80);
RECORD_SIZE(namespace_record, 64);
RECORD_SIZE(owner_record, 88);
RECORD_SIZE(loss_record, 80);
RECORD_SIZE(segment_tail, 176);
RECORD_SIZE(segment_with_tail, 256);
RECORD_SIZE(wire_record, 112);
#undef RECORD_SIZE

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What `timewait` keeps in BPF maps in place of records: who is in TIME_WAIT, and counters by group
 * and by duration. Integers, addresses and times as in record.h. Knows record.h and nothing else of
 * ours; compiles for BPF and for the host.
 */
#ifndef TCPCLOSE_POPULATION_H
#define TCPCLOSE_POPULATION_H

#include "record.h"

/* Those that one program keeps towards one service: the group's port is the remote one where our
 * end connected (ROLE_CLIENT), else the local one; the other port is not kept. All zero: what found
 * no room for a group of its own. */
struct population_group_key {
	__u8 local[16];
	__u8 remote[16];
	__u32 netns;
	__u16 port;
	__u8 role; /* enum socket_role of our end; ROLE_UNKNOWN: found at start, port is the local
		      one */
	__u8 pad;
	char comm[RECORD_COMM_LENGTH]; /* of the program that closed first; empty: not known */
};

/* Since the start, never decreasing; in TIME_WAIT now is entered less the sum of ended[], without
 * TIME_WAIT_NEVER, which is counted but never entered. */
struct population_group {
	__u64 entered; /* those found at start included */
	__u64 ended[TIME_WAIT_ENDS];
};

#define POPULATION_GROUPS 16384
#define POPULATION_SIDES 4096

/* One of them as user space reads it. */
struct population_entry {
	struct population_group_key key;
	struct population_group counts;
};

/* How long they lasted: linear[i] counts those of less than (i + 1) * POPULATION_STEP, the last one
 * also all longer ones; power[i] those of less than 2^i us. */
#define POPULATION_STEP 250000000ull
#define POPULATION_STEPS 512
#define POPULATION_POWERS 40

struct population_durations {
	__u64 linear[POPULATION_STEPS];
	__u64 power[POPULATION_POWERS];
};

/* A mini-socket, or a socket that will become one. */
struct population_key {
	struct flow flow; /* as its socket saw it */
	__u32 netns;
};

struct population_value {
	__u64 start;                   /* of its TIME_WAIT; else when it came to be here */
	char comm[RECORD_COMM_LENGTH]; /* of the program that closed first */
	__u32 hash;                    /* of its addresses, as the kernel has it; 0: not known */
	__u8 role;
	__u8 state; /* 6: in TIME_WAIT; 5: an orphan in FIN_WAIT2; 4: its socket is still there */
	__u8 reset; /* a RST came that may have removed it */
	__u8 pad;
};

/* What user space asks of the programs, so that they alone count. */
struct population_order {
	struct population_key key;
	struct population_value value; /* to add: all of it; to remove: start, the latest */
	__u64 until;                   /* to add: when it will be gone */
	__u32 end;                     /* to remove: enum time_wait_end */
	__u32 done;                    /* the answer: whether there was something to do */
};

_Static_assert(sizeof(struct population_group_key) == 56, "population_group_key has changed");
_Static_assert(sizeof(struct population_key) == 40, "population_key has changed");
/* With the key and what the kernel adds this is 128 bytes; 8 more would be 192. */
_Static_assert(sizeof(struct population_value) == 32, "population_value has changed");

#endif

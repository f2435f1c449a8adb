/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where the records of one processor gather before they go into the ring together: the ring has one
 * lock and one place to write to for all processors, which to fetch costs a record more than all
 * else that is done for it. Only the layout; the rules are in emit.bpf.h.
 */
#ifndef TCPCLOSE_STAGE_H
#define TCPCLOSE_STAGE_H

#include "record.h"

/* Each processor has several: an interrupt finds the first one in use by whom it interrupts, and so
 * may, where programs can be preempted (7.0), a task. */
#define STAGE_LEVELS 4
#define STAGE_ROOM 4064

/* As it goes into the ring: what follows is as long as what was sent is. */
struct stage_load {
	__u32 stage; /* key of the stage, all of whose records come in order of time */
	__u32 pad;
	__u8 records[STAGE_ROOM];
};

struct stage {
	__u32 claims;  /* how many programs have it, or are just asking for it */
	__u32 used;    /* bytes of records */
	__u64 sent;    /* when a program last sent them: see STAGE_QUIET */
	__u64 crowded; /* whether half of the ring was taken when they were last sent */
	struct stage_load load;
};

_Static_assert(sizeof(struct stage) == 4096, "a page");

/* ns. A record that comes so long after the last ones were sent is sent at once, which wakes the
 * reader if it sleeps. It must be less than the time for which a reader that found something in
 * the ring then comes by itself: so none is left behind. */
#define STAGE_QUIET 10000000

#endif

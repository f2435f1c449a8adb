/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sockets that wait in TIME_WAIT, each until something ends it: a small entry for each, since there
 * may be a hundred thousand. It must not know how its facts were found.
 */
#ifndef TCPCLOSE_CORE_TIME_WAIT_H
#define TCPCLOSE_CORE_TIME_WAIT_H

#include <stddef.h>

#include "base/map.h"
#include "core/connection.h"

/* TCP_TIMEWAIT_LEN (include/net/tcp.h): what the kernel asks for. */
#define TIME_WAIT_LENGTH 60000000000ull

struct time_wait {
	struct map_link link; /* by addresses and namespace */
	struct time_wait *newer;
	struct time_wait *older;
	uint64_t id[2]; /* of the connection */
	uint64_t start;
	uint64_t heard;   /* the last that may have restarted its timer */
	struct flow flow; /* as its socket saw it */
	uint32_t netns;
	uint32_t rcv_nxt; /* the number after the peer's FIN; 0: not known */
};

/* By when they were heard of, the oldest first. */
struct time_waits {
	struct map by_flow;
	struct time_wait *oldest;
	struct time_wait *newest;
	size_t count;
};

int time_waits_init(struct time_waits *waits); /* 0 or -ENOMEM */
void time_waits_done(struct time_waits *waits);

/* The socket at `end` of a reported connection began to wait. NULL without memory. */
struct time_wait *time_waits_add(struct time_waits *waits, const struct connection *connection,
				 unsigned int end, uint64_t start);
/* A segment came that restarts its timer. */
void time_waits_restart(struct time_waits *waits, struct time_wait *wait, uint64_t time);
void time_waits_remove(struct time_waits *waits, struct time_wait *wait);
struct time_wait *time_waits_find(const struct time_waits *waits, const struct flow *flow,
				  uint32_t netns);

/* What is reported of one whose wait ends, or is no longer watched, at `time`. */
struct time_wait_report time_wait_report(const struct time_wait *wait, uint64_t time,
					 enum time_wait_end ended_by);

#endif

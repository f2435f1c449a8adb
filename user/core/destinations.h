/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where our programs connect to and then close first: for each destination how many wait, and when
 * those of the last minute entered, from which follows when they will leave. It must not know
 * limits or sysctls.
 */
#ifndef TCPCLOSE_CORE_DESTINATIONS_H
#define TCPCLOSE_CORE_DESTINATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "core/port_pressure.h"

/* Marks of at least 1.25 s when readings come more often: together longer than a TIME_WAIT. */
#define DESTINATION_MARKS 56
#define DESTINATION_MARK_LIMIT 2500000000ull
#define DESTINATION_LEAVING (DESTINATION_MARKS + 1)
/* What the present rate is the mean of. */
#define DESTINATION_RATE_TIME 10000000000ull

struct destination {
	struct map_link link; /* by local, remote, netns and port */
	struct destination *next;
	uint8_t local[16];
	uint8_t remote[16];
	uint32_t netns;
	uint16_t port;
	unsigned int users; /* groups that belong to it */
	/* By the last reading. */
	uint64_t in_time_wait;
	uint64_t found; /* at the start; when they entered is not known */
	char comm[RECORD_COMM_LENGTH];
	uint64_t comm_count; /* how many are that program's */
	uint64_t entered_sum;
	/* Past half of the usable ports (0: not known how many there are) a connect() has to look
	 * at all of one parity before it finds a free one (__inet_hash_connect()), so who connects
	 * as fast as it can gets slower at once: the rate before says nothing any more. */
	uint64_t usable;
	uint64_t half_at; /* 0: less than half are held */
	uint64_t half_entered;
	/* By mark. */
	uint32_t entered[DESTINATION_MARKS];
	uint32_t early[DESTINATION_MARKS]; /* that ended before their timer */
};

struct destination_mark {
	uint64_t begin;
	uint64_t end;
};

struct destinations {
	struct map map;
	struct destination *first;
	size_t count;
	struct destination_mark marks[DESTINATION_MARKS]; /* a ring */
	unsigned int newest;
	unsigned int mark_count;
	uint64_t started;
};

int destinations_init(struct destinations *destinations); /* 0 or -ENOMEM */
void destinations_done(struct destinations *destinations);

/* A reading begins: what is added from now on entered since the one before. */
void destinations_begin(struct destinations *destinations, uint64_t time);

/* The destination of a client's group, made when it is new: to be given back. NULL without memory.
 */
struct destination *destinations_take(struct destinations *destinations,
				      const struct population_group_key *key);
/* Lets those go that have no users any more. */
void destinations_sweep(struct destinations *destinations);

/* Of one group: how many wait now, and how many entered and ended early since the last reading. */
void destinations_add(const struct destinations *destinations, struct destination *destination,
		      const char comm[RECORD_COMM_LENGTH], uint64_t now, uint64_t entered,
		      uint64_t early);

/* A reading ends. */
void destinations_end(struct destinations *destinations);

/* Those that hold the most ports, or will at their present rate. How many. */
size_t destinations_top(const struct destinations *destinations, uint64_t wait,
			struct destination *top[], size_t size);

/* Half of the ports of one was passed just now: how fast it goes on is not known yet. */
bool destinations_unsure(const struct destinations *destinations);

/* Half of its ports are reached within a time, or were so lately that its rate is not known. */
bool destination_turns(const struct destinations *destinations,
		       const struct destination *destination, uint64_t within);

/* All but limits, in_use and the sysctls; `leaving` is where demand->leaving goes. */
struct port_demand destination_demand(const struct destinations *destinations,
				      const struct destination *destination, uint64_t wait,
				      struct port_leaving leaving[DESTINATION_LEAVING]);

#endif

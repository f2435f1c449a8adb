/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What `timewait` shows, from readings of counters: who is in TIME_WAIT, how fast they come and go,
 * why they end, and where ports run out. Pure: time comes with each reading. It must not know how
 * the counters are kept nor how a view is drawn.
 */
#ifndef TCPCLOSE_CORE_TIME_WAIT_SUMMARY_H
#define TCPCLOSE_CORE_TIME_WAIT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/duration_rows.h"
#include "core/port_pressure.h"
#include "core/tally.h"
#include "population.h"

/* tcp_time_wait() asks for 60 s and the timer wheel rounds up, until one was measured. */
#define TIME_WAIT_EXPECTED 61000000000ull

/* Everything that was counted since the start. */
struct time_wait_reading {
	uint64_t time;
	const struct population_entry *groups;
	size_t group_count;
	const struct population_durations *durations;
	uint64_t crowded_out;
	uint64_t missed;
	bool inferred; /* some of it follows from segments alone */
};

/* What the rest of the world must say of a destination. */
struct port_lookup {
	void *context;
	/* False: not known. */
	bool (*limits)(void *context, uint32_t netns, struct port_limits *limits);
	/* Ports of live connections; may be NULL. */
	uint64_t (*in_use)(void *context, const struct port_demand *demand);
};

#define PORT_ROWS 10

struct port_row {
	struct port_demand demand; /* without leaving */
	bool known;                /* limits and forecast are */
	struct port_limits limits;
	struct port_forecast forecast;
	const char *advice; /* sentences, each ended by a NUL */
	unsigned int advice_count;
};

enum time_wait_table {
	TABLE_LOCAL_PORTS, /* netns and port; port 0: the ephemeral ones of clients */
	TABLE_REMOTES,     /* address, and the port where our end connected, else 0 */
	TABLE_PROGRAMS,    /* comm of who closed first; empty: not known */
	TIME_WAIT_TABLES,
};

/* Const and valid until the next reading. Rates are per 1000 s. */
struct time_wait_view {
	uint64_t time;
	uint64_t interval; /* ns since the view before or the first reading */
	uint64_t running;  /* ns since the first */
	bool inferred;     /* as in the last reading */
	bool final;        /* no further view follows */
	/* The forecast is about to change: more readings than views make it right sooner. */
	bool turning;
	struct tally total;
	uint64_t found;                        /* of those that entered: at the start */
	uint64_t ended_lately[TIME_WAIT_ENDS]; /* since the view before */
	uint64_t entered_rate;
	uint64_t left_rate;
	uint64_t by_role[3]; /* in TIME_WAIT now, by enum socket_role of our end */
	uint64_t wait;       /* how long those lasted that their timer ended, 0: none did yet */
	uint64_t crowded_out;
	uint64_t missed;
	struct duration_row linear[DURATION_ROWS];
	unsigned int linear_count;
	struct duration_row log[DURATION_ROWS];
	unsigned int log_count;
	struct tally_table tables[TIME_WAIT_TABLES];
	struct port_row ports[PORT_ROWS]; /* the tightest first */
	unsigned int port_count;
	size_t destinations; /* that there are */
	const char *advice;  /* of all, as in port_row */
	unsigned int advice_count;
};

/* Of a count in an interval of ns, per 1000 s. */
uint64_t time_wait_rate(uint64_t count, uint64_t ns);

struct time_wait_summary;

struct time_wait_summary *time_wait_summary_new(void); /* NULL without memory */
void time_wait_summary_free(struct time_wait_summary *summary);

/* 0, or -ENOMEM: then a part of the reading was not taken. */
int time_wait_summary_feed(struct time_wait_summary *summary,
			   const struct time_wait_reading *reading);

/* A forecast has just turned: another reading a moment later will know more than a view now. */
bool time_wait_summary_unsure(const struct time_wait_summary *summary);

/* What is to be shown after the last reading; NULL without memory. */
const struct time_wait_view *time_wait_summary_view(struct time_wait_summary *summary,
						    const struct port_lookup *lookup, bool final);

#endif

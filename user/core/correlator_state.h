/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the files of the correlator share: its state. intake.c changes it by what a record says,
 * lifetime.c by what is due, reporting.c tells of it. For these files alone.
 */
#ifndef TCPCLOSE_CORE_CORRELATOR_STATE_H
#define TCPCLOSE_CORE_CORRELATOR_STATE_H

#include "base/heap.h"
#include "core/arrivals.h"
#include "core/captured.h"
#include "core/connection.h"
#include "core/correlator.h"
#include "core/forerunners.h"
#include "core/waiting.h"

struct correlator {
	struct correlator_settings settings;
	struct correlator_listener listener;
	struct connection_table table;
	struct waiting waiting;
	struct heap deadlines; /* of connections */
	struct core_stats stats;
	struct arrivals arrivals;
	uint64_t newest;                           /* time of a record that arrived */
	uint64_t time;                             /* of the latest record that was taken */
	uint64_t changes_told_lost;                /* by the source; it does not know of all */
	uint64_t changes_missed;                   /* found missing in the stories */
	uint64_t ends_told_lost;                   /* of TIME_WAIT, as changes_told_lost */
	uint64_t lossy_until[CONNECTION_CAPTURES]; /* by source: its latest record of a loss */
	uint64_t gap[CONNECTION_CAPTURES]; /* of when the latest is that was lost, or that had to
					      make room */
	struct forerunners forerunners;
	struct captured captured;
	unsigned int ended; /* sources that are at their end */
};

/* After one of the numbers of losses has changed. */
void correlator_count_losses(struct correlator *correlator);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What `timewait` attaches in place of the two witnesses: programs that send nothing and count, in
 * maps, who enters and leaves TIME_WAIT. Knows nothing of what is made of the numbers.
 */
#ifndef TCPCLOSE_KERNEL_POPULATION_PROBE_H
#define TCPCLOSE_KERNEL_POPULATION_PROBE_H

#include <stddef.h>

#include "base/buffer.h"
#include "kernel/plan.h"
#include "population.h"
#include "record.h"
#include "settings.h"

struct population_probe;

/* Everything that was counted since the start. */
struct population_reading {
	/* Valid until the next reading. Some of those in which nothing waits are let go of when
	 * they get too many: they are told of once more, then they begin anew. */
	struct population_entry *groups;
	size_t group_count;
	struct population_durations durations;
	uint64_t crowded_out; /* counted in the group of those without a group of their own */
	uint64_t missed;      /* that entered or left and could not be counted: no room */
};

/* Loads the programs. On failure a negative errno and in `why` what failed, one clause. */
int population_probe_open(struct population_probe **probe, const struct plan *plan,
			  const struct settings *settings, struct buffer *why);
void population_probe_close(struct population_probe *probe);

int population_probe_attach(struct population_probe *probe, const struct plan *plan,
			    struct buffer *why);

/* A port that a program listens on. To be told of before those that were found. */
int population_probe_note_listener(struct population_probe *probe, uint32_t netns, uint16_t port);

/* One of the snapshot (TIME_WAIT_FOUND), an orphan or in TIME_WAIT: older than the tracer. To be
 * told of when all is attached, if it passes the filter; one that is known already is left out.
 * Which end of the connection it was is told by the port that was chosen by the kernel, or by who
 * listens. */
int population_probe_add(struct population_probe *probe, const struct time_wait_record *found);

/* 0 or a negative errno. */
int population_probe_read(struct population_probe *probe, struct population_reading *reading);

/* Puts right what the programs could not know. What has gone without an event (ss -K, the end of a
 * namespace) is looked for where the kernel has fewer than were counted in, and counted out: `gone`
 * is how many. What began while the kernel skipped a program (it does, under load) is counted in.
 * To be called before a reading; it looks at each wait only when there is a reason to, and, but for
 * the `last` time, for 2 %
 * of the time at most. */
int population_probe_reconcile(struct population_probe *probe, bool last, uint64_t *gone);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Finds among the mini-sockets that the population programs have in their map those that the kernel
 * may have no more. Knows nothing of what they are counted for.
 */
#ifndef TCPCLOSE_KERNEL_MISSING_H
#define TCPCLOSE_KERNEL_MISSING_H

#include <stdbool.h>
#include <stdint.h>

#include "population.h"

/* To remove one, unless it is there after all or has come after `since`: 1 if it was removed, 0, or
 * a negative errno, which ends the search. */
typedef int (*missing_remove)(void *context, const struct population_key *key,
			      const struct population_value *value, uint64_t since);

/* To look whether one that is not in TIME_WAIT is after all: 1, 0, or a negative errno. */
typedef int (*missing_catch_up)(void *context, const struct population_key *key);

struct missing_search {
	int waiting;    /* the map of them */
	int held;       /* the map of their number by namespace */
	bool sock_diag; /* speaks TCP */
	uint64_t since; /* now */
	uint64_t most;  /* ns that it may look, roughly: else it is left for later */
	missing_remove remove;
	missing_catch_up catch_up; /* NULL: nothing was skipped, so none is behind */
	void *context;
};

struct missing_result {
	uint64_t removed;
	bool looked;   /* at each: some namespace gave a reason to */
	bool deferred; /* it would take too long: nothing was done */
};

/* In each namespace in which the kernel has fewer than the map does. 0 or a negative errno. */
int missing_find(const struct missing_search *search, struct missing_result *result);

#endif

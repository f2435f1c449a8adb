/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The perf map of a process: /tmp/perf-PID.map as it sees it, believed if the process or root
 * wrote it.
 */
#ifndef TCPCLOSE_SYMBOLS_JIT_NAMES_H
#define TCPCLOSE_SYMBOLS_JIT_NAMES_H

#include "symbols/perf_map.h"
#include "symbols/safe_files.h"

/* Fills in the names of addresses in a process whose root is given; none if there is no map. */
void jit_names_find(const struct safe_files *files, uint32_t pid, int root,
		    struct perf_map_wish *wishes, size_t count);

struct jit_owner {
	uint32_t pid; /* as the process itself sees it */
	uid_t uid;    /* effective */
};

/* From the text of /proc/PID/status, which is changed. Pure. */
bool jit_owner_parse(char *status, struct jit_owner *owner);

#endif

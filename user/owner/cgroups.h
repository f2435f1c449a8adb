/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Control groups (version 2) by the id that the kernel's sockets carry: id to path and back. Knows
 * nothing of processes or sockets.
 */
#ifndef TCPCLOSE_OWNER_CGROUPS_H
#define TCPCLOSE_OWNER_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroups;

/* Finds where cgroup2 is mounted; where it is not, every path is unknown. NULL: no memory. */
struct cgroups *cgroups_new(void);
void cgroups_free(struct cgroups *cgroups);

/* The path of a cgroup from the root of the hierarchy ("/" itself), not escaped, or NULL if it is
 * not known: removed, or outside of what is mounted. Valid until the next call. */
const char *cgroups_path(struct cgroups *cgroups, uint64_t id);

/* Whether a cgroup is `ancestor` or below it; false if that is not known. */
bool cgroups_within(struct cgroups *cgroups, uint64_t id, uint64_t ancestor);

struct cgroup_place {
	uint64_t id;
	uint32_t level; /* 0: the root of what is mounted */
};

/* The cgroup of a path: from the root, with or without leading slash ("/user.slice"), or in the
 * mount ("/sys/fs/cgroup/user.slice"). 0, or a negative errno with a clause in reason. */
int cgroups_find(const struct cgroups *cgroups, const char *path, struct cgroup_place *place,
		 char *reason, size_t size);

#endif

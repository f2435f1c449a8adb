/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is mounted where, as /proc/self/mountinfo tells. Knows nothing of what a file system is for.
 */
#ifndef TCPCLOSE_HOST_MOUNTS_H
#define TCPCLOSE_HOST_MOUNTS_H

#include <stdbool.h>

struct mount {
	const char *type;  /* "cgroup2" */
	const char *root;  /* what of the file system is mounted: "/" */
	const char *point; /* where */
};

/* Takes a line of mountinfo to pieces, in place. */
bool mounts_parse(char *line, struct mount *mount);

/* Calls back for each mount that this process sees. 0 or a negative errno. */
int mounts_each(void (*each)(void *context, const struct mount *mount), void *context);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which control group a process is in, as /proc/PID/cgroup says, and what the path of the group
 * tells. Each path is kept once. Knows nothing of sockets.
 */
#ifndef TCPCLOSE_OWNER_MEMBERSHIPS_H
#define TCPCLOSE_OWNER_MEMBERSHIPS_H

/* Strings are from outside, as bytes; NULL: not known, or there is none. */
struct membership {
	const char *path;
	const char *container; /* short id */
	const char *engine;
	const char *unit;
	const char *pod;
};

struct memberships;

struct memberships *memberships_new(void); /* NULL: no memory */
void memberships_free(struct memberships *memberships);

/* The group of the process whose /proc/PID/fd is open; valid until memberships_free(). NULL: it is
 * not known, too long, or there is no room for more paths. */
const struct membership *memberships_of(struct memberships *memberships, int directory);

/* The path that tells the most among the lines of a cgroup file, which it cuts apart: that of
 * version 2, or that of systemd, or one that names a container. "/" if none is more, NULL if there
 * is none. */
const char *memberships_choose(char *lines);

#endif

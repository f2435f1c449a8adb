/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Suspects by program and creating stack, and how each group develops. It must not know how a
 * suspect became one.
 */
#ifndef TCPCLOSE_CORE_CLOSE_WAIT_GROUPS_H
#define TCPCLOSE_CORE_CLOSE_WAIT_GROUPS_H

#include "core/close_wait.h"

struct group_member {
	const struct close_wait_report *report;
	uint64_t key;  /* of its group */
	bool listened; /* there is a listener on its local port */
};

struct close_wait_groups;

struct close_wait_groups *close_wait_groups_new(uint32_t home_netns); /* NULL without memory */
void close_wait_groups_free(struct close_wait_groups *groups);

/* Of the group to which a member belongs by its report; never 0. */
uint64_t close_wait_groups_key(const struct group_member *member);

/* One came to a group, `counted` or because it was there when watching began; one left. None could
 * come before `watched_since`. */
void close_wait_groups_came(struct close_wait_groups *groups, uint64_t key, uint64_t watched_since,
			    uint64_t now, bool counted);
void close_wait_groups_left(struct close_wait_groups *groups, uint64_t key, uint64_t now);

/* Puts members together, which it sorts. How many groups there are, SIZE_MAX without memory; they
 * are valid until the next call. */
size_t close_wait_groups_make(struct close_wait_groups *groups, struct group_member *members,
			      size_t count, uint64_t now, const struct close_wait_group **made);

#endif

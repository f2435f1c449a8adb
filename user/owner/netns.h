/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A network namespace as a user names it (by a process, or as ip-netns(8) does) and as the kernel
 * does (by inode number). Knows nothing of what is in it.
 */
#ifndef TCPCLOSE_OWNER_NETNS_H
#define TCPCLOSE_OWNER_NETNS_H

#include <stddef.h>
#include <stdint.h>

/* The namespace of a process if text is the pid of one, else the one of that name. 0, or a negative
 * errno with a clause that says why in reason. */
int netns_find(const char *text, uint32_t *inode, char *reason, size_t size);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The names of processes, read from /proc and remembered for a second. Knows nothing of sockets.
 */
#ifndef TCPCLOSE_OWNER_PROCESSES_H
#define TCPCLOSE_OWNER_PROCESSES_H

#include <stdint.h>

struct processes;

struct processes *processes_new(void); /* NULL: no memory */
void processes_free(struct processes *processes);

/* The name (comm) of a process or thread, not escaped, or NULL if there is none. Valid until the
 * next call. */
const char *processes_name(struct processes *processes, uint32_t pid, uint64_t now);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The life of the reading process as its parent sees it: started without what it does not need,
 * killed, and taken leave of without waiting. Knows nothing of what it is asked.
 */
#ifndef TCPCLOSE_SYMBOLS_SYMBOL_PROCESS_H
#define TCPCLOSE_SYMBOLS_SYMBOL_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#define SYMBOL_PROCESS_DYING 8

struct symbol_process_end {
	pid_t pid;
	int handle; /* a pidfd, or below 0 */
};

struct symbol_process {
	pid_t pid;  /* 0: none */
	int socket; /* to it, not blocking; below 0: none */
	int events; /* an epoll descriptor that is told of the socket, and of deaths */
	struct symbol_process_end dying[SYMBOL_PROCESS_DYING];
	unsigned int dying_count;
};

void symbol_process_init(struct symbol_process *process);

/* Kills and waits, at most a second for each. */
void symbol_process_done(struct symbol_process *process);

/* 0 or a negative errno; -EAGAIN if too many were killed and still are not dead. */
int symbol_process_start(struct symbol_process *process);

/* Kills it. Its death is waited for by symbol_process_reap(). */
void symbol_process_kill(struct symbol_process *process);

/* Takes leave of those that are dead. */
void symbol_process_reap(struct symbol_process *process);

#endif

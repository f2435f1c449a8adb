/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The programs that keep where sockets came from (bpf/close_wait), and what user space asks of
 * them. They run by themselves and send nothing. Knows nothing of who is a suspect.
 */
#ifndef TCPCLOSE_KERNEL_CLOSE_WAIT_PROBE_H
#define TCPCLOSE_KERNEL_CLOSE_WAIT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kernel/plan.h"
#include "origin.h"
#include "settings.h"

struct close_wait_probe;

/* Loads the programs. On failure a negative errno and in `why` what failed, one clause. */
int close_wait_probe_open(struct close_wait_probe **probe, const struct plan *plan,
			  const struct settings *settings, struct buffer *why);
void close_wait_probe_close(struct close_wait_probe *probe);

int close_wait_probe_attach(struct close_wait_probe *probe, struct buffer *why);

/* See task_files_list(); if the plan has it. */
int close_wait_probe_list(struct close_wait_probe *probe);

/* What is known of a socket that was found in CLOSE_WAIT. False: nothing is. */
bool close_wait_probe_origin(const struct close_wait_probe *probe,
			     const struct close_wait_found *found,
			     struct close_wait_origin *origin);

/* The stack of a key. False: it found no room, or was swept. */
bool close_wait_probe_stack(const struct close_wait_probe *probe, uint64_t key,
			    struct close_wait_stack *stack);

/* What could not be kept since the start. */
struct close_wait_losses {
	uint64_t origins; /* no room, or the kernel skipped a program */
	uint64_t stacks;
};

struct close_wait_losses close_wait_probe_losses(const struct close_wait_probe *probe);

/* Makes room for stacks when there is little left: forgets those that no socket has any more. 0 or
 * a negative errno. */
int close_wait_probe_sweep(struct close_wait_probe *probe);

#endif

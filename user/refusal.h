/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A program that the kernel refuses to load, though it has what the program needs, costs what that
 * one would have told and nothing else: the run begins anew as on a kernel without it.
 */
#ifndef TCPCLOSE_REFUSAL_H
#define TCPCLOSE_REFUSAL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "kernel/features.h"

/* If the program that libbpf complained of last (log_libbpf_program()) is one that there is another
 * way for, or that can be missed: its feature is missing from now on, and the user knows. */
bool refusal_bear(struct features *features);

/* How loading and attaching ended: what cannot be done ("trace sockets"), or what is done without a
 * part ("tracing"); nothing of a refusal that the next run bears. The buffer is done then. */
void refusal_tell(const struct features *features, int error, const char *aim, const char *doing,
		  struct buffer *why);

#endif

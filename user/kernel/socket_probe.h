/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The first witness as user space holds it: the socket object, loaded and attached as the plan
 * says. It owns the maps that both witnesses share. Knows nothing of what records mean.
 */
#ifndef TCPCLOSE_KERNEL_SOCKET_PROBE_H
#define TCPCLOSE_KERNEL_SOCKET_PROBE_H

#include <stddef.h>

#include "base/buffer.h"
#include "kernel/loss.h"
#include "kernel/plan.h"
#include "kernel/ring.h"
#include "record.h"
#include "settings.h"

struct socket_probe;

struct shared_maps {
	int ring;
	int stages;
	int lost;
	int wanted_flows;
};

/* There are its maps, but no programs yet; ring_size is a power of two and whole pages. On failure
 * a negative errno and in `why` what failed, one clause. */
int socket_probe_open(struct socket_probe **probe, const struct plan *plan,
		      const struct settings *settings, size_t ring_size, struct buffer *why);
/* Loads the programs. As above. */
int socket_probe_load(struct socket_probe *probe, struct buffer *why);
void socket_probe_close(struct socket_probe *probe);

/* See task_files_list(); if the plan has it. */
int socket_probe_list(struct socket_probe *probe);

/* From here on records arrive. A part that cannot be attached and is not needed is left out and
 * named in `why`, with 0 as the result. */
int socket_probe_attach(struct socket_probe *probe, const struct plan *plan, struct buffer *why);

/* Detaches; the maps stay readable until the close. */
void socket_probe_detach(struct socket_probe *probe);

/* From the open on: who else uses them need not wait for the programs. */
struct shared_maps socket_probe_maps(const struct socket_probe *probe);
/* Once the programs are loaded. */
struct ring_source socket_probe_ring(const struct socket_probe *probe);

/* The first socket in this namespace is to be told again (RECORD_NAMESPACE). */
void socket_probe_forget_namespace(const struct socket_probe *probe, uint32_t netns);

/* There is a mini-socket from before: the new socket that takes these addresses is to be told of.
 */
void socket_probe_expect_taking(struct socket_probe *probe, const struct flow *flow,
				uint32_t netns);

/* That was the last of them: the table that they are noted in is given back. */
void socket_probe_expected_all(struct socket_probe *probe);

/* Records of both witnesses that the ring had no room for; changes and resets of sockets, and ends
 * of mini-sockets, for which the kernel ran no program; mini-sockets forgotten for others. */
void socket_probe_lost(const struct socket_probe *probe, struct loss *loss);

#endif

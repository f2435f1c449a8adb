/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * tc programs where there is no tcx: direct-action filters on a clsact qdisc, which outlive their
 * program. All of it acts in the network namespace in which the caller is at that moment.
 */
#ifndef TCPCLOSE_KERNEL_CLSACT_H
#define TCPCLOSE_KERNEL_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

struct clsact_filter {
	uint32_t interface;
	uint32_t handle; /* 0: none */
	uint16_t priority;
	bool egress;
	bool behind_others; /* who may end a packet's way before it comes to us */
};

/* Puts a program in front of those that are there, as far as priorities allow; all of them stay as
 * they are. keeper is a program that goes away with this process, as a filter's own does not. 0 or
 * a negative errno: -EBUSY when an ingress qdisc stands where clsact must. */
int clsact_attach(struct clsact_filter *filter, uint32_t interface, bool egress, int program,
		  int keeper);

/* Takes it away, and the qdisc when a tracer made it and nothing is left on it. */
void clsact_detach(const struct clsact_filter *filter);

bool clsact_exists(const struct clsact_filter *filter);

/* Takes away what tracers left behind that were killed. How many filters, or a negative errno.
 *
 * A filter is a tracer's if its handle is one of ours and its name is "tcpclose_...:keeper"; it is
 * left behind when there is no program of that number, whatever namespace or container the tracer
 * was in. Its own program and maps are not asked: Linux never frees a program array that is opened
 * by its number and closed twice before the kernel's worker has emptied it
 * (prog_array_map_clear(), kernel/bpf/arraymap.c, 6.18). */
int clsact_remove_stale(void);

#endif

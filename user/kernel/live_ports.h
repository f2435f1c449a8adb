/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How many local ports live connections hold towards a destination: what TIME_WAIT has to share
 * with them. Asks sock_diag now and then for those destinations that it was asked for. Knows
 * nothing of who asks, or why.
 */
#ifndef TCPCLOSE_KERNEL_LIVE_PORTS_H
#define TCPCLOSE_KERNEL_LIVE_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

struct live_ports;

struct live_ports *live_ports_new(bool sock_diag); /* see snapshot.h; NULL without memory */
void live_ports_free(struct live_ports *live);

/* To the destination of a flow from its local address, whatever its local port; some seconds old.
 * 0 also where it cannot be told, and for a moment after the first question. */
uint64_t live_ports_count(struct live_ports *live, uint32_t netns, const struct flow *flow,
			  uint64_t now);

#endif

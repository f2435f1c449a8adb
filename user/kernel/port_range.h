/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The ports among which the kernel chooses for who connects (ip_local_port_range), namespace by
 * namespace. Knows nothing of what is told by them.
 */
#ifndef TCPCLOSE_KERNEL_PORT_RANGE_H
#define TCPCLOSE_KERNEL_PORT_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero it before the first use. */
struct port_range {
	uint32_t netns;
	int error;
	uint32_t first;
	uint32_t last;
};

/* Of a namespace, unless it is that of the last time: 0 or a negative errno. */
int port_range_read(struct port_range *range, uint32_t netns);

bool port_range_has(const struct port_range *range, uint16_t port);

#endif

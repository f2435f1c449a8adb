/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The address part of the filter, the same for sockets and segments, in the kernel and for the
 * snapshot in user space: pure functions, no helper, no map. In BPF each test disappears at load
 * when its setting is empty.
 */
#ifndef TCPCLOSE_FILTER_H
#define TCPCLOSE_FILTER_H

#include "settings.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static __always_inline _Bool filter_ports_have(const volatile __u16 *ports, __u16 port)
{
	if (!ports[0])
		return 1;
	for (int i = 0; i < FILTER_PORTS; i++) {
		if (!ports[i])
			return 0;
		if (ports[i] == port)
			return 1;
	}
	return 0;
}

static __always_inline _Bool filter_ports_pass(const volatile struct filter *filter,
					       __u16 local_port, __u16 remote_port)
{
	return filter_ports_have(filter->local_ports, local_port) &&
	       filter_ports_have(filter->remote_ports, remote_port);
}

/* ::ffff:0:0/96, byte by byte so that byte order does not matter. */
static __always_inline _Bool filter_is_ipv4(const __u8 *address)
{
	for (int i = 0; i < 10; i++)
		if (address[i])
			return 0;
	return address[10] == 0xff && address[11] == 0xff;
}

static __always_inline _Bool filter_network_has(const volatile struct filter_network *network,
						const __u8 *address)
{
	for (int i = 0; i < 16; i++)
		if ((address[i] & network->mask[i]) != network->address[i])
			return 0;
	return 1;
}

static __always_inline _Bool filter_networks_pass(const volatile struct filter *filter,
						  const struct flow *flow)
{
	if (!filter->network_count)
		return 1;
	for (__u32 i = 0; i < FILTER_NETWORKS; i++) {
		if (i >= filter->network_count)
			return 0;
		if (filter_network_has(&filter->networks[i], flow->local) ||
		    filter_network_has(&filter->networks[i], flow->remote))
			return 1;
	}
	return 0;
}

/* Family and networks: what does not depend on which end is ours. */
static __always_inline _Bool filter_addresses_pass(const volatile struct filter *filter,
						   const struct flow *flow)
{
	if (filter->family && (filter->family == 4) != filter_is_ipv4(flow->local))
		return 0;
	return filter_networks_pass(filter, flow);
}

/* A flow as its socket sees it. */
static __always_inline _Bool filter_socket_flow(const volatile struct filter *filter,
						const struct flow *flow)
{
	return filter_ports_pass(filter, flow->local_port, flow->remote_port) &&
	       filter_addresses_pass(filter, flow);
}

/* A flow as a segment shows it: either end may be the one on this machine. */
static __always_inline _Bool filter_segment_flow(const volatile struct filter *filter,
						 const struct flow *flow)
{
	return (filter_ports_pass(filter, flow->local_port, flow->remote_port) ||
		filter_ports_pass(filter, flow->remote_port, flow->local_port)) &&
	       filter_addresses_pass(filter, flow);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The address part of the filter, the same for sockets and segments. Each test disappears at load
 * when its setting is empty.
 */
#ifndef TCPCLOSE_FILTER_BPF_H
#define TCPCLOSE_FILTER_BPF_H

#include "ring.bpf.h"

#include <bpf/bpf_endian.h>

static __always_inline bool filter_ports_have(const volatile __u16 *ports, __u16 port)
{
	if (!ports[0])
		return true;
	for (int i = 0; i < FILTER_PORTS; i++) {
		if (!ports[i])
			return false;
		if (ports[i] == port)
			return true;
	}
	return false;
}

static __always_inline bool filter_ports_pass(__u16 local_port, __u16 remote_port)
{
	return filter_ports_have(settings.filter.local_ports, local_port) &&
	       filter_ports_have(settings.filter.remote_ports, remote_port);
}

static __always_inline bool filter_is_ipv4(const struct flow *flow)
{
	const __u32 *words = (const __u32 *)flow->local;

	return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

static __always_inline bool filter_network_has(__u32 index, const __u8 *address)
{
	for (int i = 0; i < 16; i++)
		if ((address[i] & settings.filter.networks[index].mask[i]) !=
		    settings.filter.networks[index].address[i])
			return false;
	return true;
}

static __always_inline bool filter_networks_pass(const struct flow *flow)
{
	if (!settings.filter.network_count)
		return true;
	for (__u32 i = 0; i < FILTER_NETWORKS; i++) {
		if (i >= settings.filter.network_count)
			return false;
		if (filter_network_has(i, flow->local) || filter_network_has(i, flow->remote))
			return true;
	}
	return false;
}

/* Family and networks: what does not depend on which end is ours. */
static __always_inline bool filter_addresses_pass(const struct flow *flow)
{
	if (settings.filter.family && (settings.filter.family == 4) != filter_is_ipv4(flow))
		return false;
	return filter_networks_pass(flow);
}

/* A flow as its socket sees it. */
static __always_inline bool filter_socket_flow(const struct flow *flow)
{
	return filter_ports_pass(flow->local_port, flow->remote_port) && filter_addresses_pass(flow);
}

/* A flow as a segment shows it: either end may be the one on this machine. */
static __always_inline bool filter_segment_flow(const struct flow *flow)
{
	if (!filter_ports_pass(flow->local_port, flow->remote_port) &&
	    !filter_ports_pass(flow->remote_port, flow->local_port))
		return false;
	if (!filter_addresses_pass(flow))
		return false;
	if (settings.follow_flows && !bpf_map_lookup_elem(&wanted_flows, flow)) {
		struct flow reverse;

		__builtin_memcpy(reverse.local, flow->remote, sizeof(reverse.local));
		__builtin_memcpy(reverse.remote, flow->local, sizeof(reverse.remote));
		reverse.local_port = flow->remote_port;
		reverse.remote_port = flow->local_port;
		return bpf_map_lookup_elem(&wanted_flows, &reverse);
	}
	return true;
}

#endif

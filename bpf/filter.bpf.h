/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The filter as the programs ask it: the settings' one, and the flows that an owner's filter wants.
 */
#ifndef TCPCLOSE_FILTER_BPF_H
#define TCPCLOSE_FILTER_BPF_H

#include "ring.bpf.h"

#include "filter.h"

static __always_inline bool socket_flow_passes(const struct flow *flow)
{
	return filter_socket_flow(&settings.filter, flow);
}

/* Whether the flow of a segment, either way round, is one that a filter by owner asks for. */
static __always_inline bool flow_is_wanted(const struct flow *flow)
{
	struct flow reverse;

	if (bpf_map_lookup_elem(&wanted_flows, flow))
		return true;
	__builtin_memcpy(reverse.local, flow->remote, sizeof(reverse.local));
	__builtin_memcpy(reverse.remote, flow->local, sizeof(reverse.remote));
	reverse.local_port = flow->remote_port;
	reverse.remote_port = flow->local_port;
	return bpf_map_lookup_elem(&wanted_flows, &reverse);
}

static __always_inline bool segment_flow_passes(const struct flow *flow)
{
	if (!filter_segment_flow(&settings.filter, flow))
		return false;
	return !settings.follow_flows || flow_is_wanted(flow);
}

#endif

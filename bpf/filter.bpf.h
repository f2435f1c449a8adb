/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The filter as the programs ask it: the settings' one, and the flows that an owner's filter wants.
 */
#ifndef TCPCLOSE_FILTER_BPF_H
#define TCPCLOSE_FILTER_BPF_H

#include "ring.bpf.h"

#include "filter.h"
#include "kernel.bpf.h"

static __always_inline bool socket_flow_passes(const struct flow *flow)
{
	return filter_socket_flow(&settings.filter, flow);
}

static __always_inline bool filter_asks_for_process(void)
{
	return settings.filter.pid || settings.filter.comm[0];
}

static __always_inline bool comm_passes(const char *comm)
{
	for (int i = 0; i < RECORD_COMM_LENGTH; i++) {
		if (comm[i] != settings.filter.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

/* Whether the filter by process lets a socket of this owner, or this task, through. */
static __always_inline bool task_passes(__u32 pid, const char *comm)
{
	if (settings.filter.pid && pid != settings.filter.pid)
		return false;
	if (settings.filter.comm[0] && !comm_passes(comm))
		return false;
	return true;
}

/* Namespace and cgroup: known for every socket. */
static __always_inline bool place_passes(const struct sock *sk)
{
	if (settings.filter.netns && kernel_netns(sk) != settings.filter.netns)
		return false;
	if (settings.filter.cgroup && !kernel_cgroup_within(sk, settings.filter.cgroup))
		return false;
	return true;
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

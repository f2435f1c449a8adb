/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is remembered of a socket from its opening until the teardown needs it: who owns it, which
 * end it is, since when. Shared by the programs of the socket witness.
 */
#ifndef TCPCLOSE_FACTS_BPF_H
#define TCPCLOSE_FACTS_BPF_H

#include "filter.bpf.h"
#include "kernel.bpf.h"

struct socket_facts_value {
	__u64 id; /* our own generation, where the kernel gives tracing programs no cookie */
	__u64 born;
	struct owner owner;
	__u32 role;
	__u32 state; /* the last one that was sent */
};

/* Key: address of the struct sock; value: its facts. Writers: state, owner. Readers: all programs
 * of this witness. Deleters: tcp_destroy_sock, or the change to CLOSE where there is no such
 * tracepoint. Bound: max_entries, which user space lowers where the map cannot grow; what finds no
 * room is counted as a lost RECORD_OWNER, and its teardown then has no connect or accept. */
struct facts_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, __u64);
	__type(value, struct socket_facts_value);
};

extern struct facts_map facts SEC(".maps");

static __always_inline struct socket_facts_value *facts_find(__u64 sk)
{
	return bpf_map_lookup_elem(&facts, &sk);
}

static __always_inline void facts_forget(__u64 sk)
{
	bpf_map_delete_elem(&facts, &sk);
}

/* Tells the packet witness that segments of this flow are wanted. */
static __always_inline void facts_want(const struct flow *flow)
{
	__u8 wanted = 1;

	/* Told once: a place in a map of the least recently used costs far more than a look. */
	if (!bpf_map_lookup_elem(&wanted_flows, flow))
		bpf_map_update_elem(&wanted_flows, flow, &wanted, BPF_ANY);
}

#endif

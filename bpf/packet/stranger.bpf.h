/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whether a segment belongs to no socket of the namespace that it is seen in: forged, or passing
 * by. Only asked where room is short, so that such segments, however many, take none from others.
 */
#ifndef TCPCLOSE_PACKET_STRANGER_BPF_H
#define TCPCLOSE_PACKET_STRANGER_BPF_H

#include "kernel.bpf.h"
#include "packet/parse.h"

static __always_inline bool stranger_finds_socket(void *context, struct bpf_sock_tuple *tuple,
						  __u32 size)
{
	struct bpf_sock *sk =
		bpf_skc_lookup_tcp(context, tuple, size, (__u64)BPF_F_CURRENT_NETNS, 0);
	bool found;

	if (!sk)
		return false;
	found = sk->state != STATE_LISTEN;
	bpf_sk_release(sk);
	return found;
}

static __always_inline bool stranger_is_ipv4(const struct flow *flow)
{
	const __u32 *words = (const __u32 *)flow->local;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* A socket at the end `at`, which receives from the end `from`. */
static __always_inline bool stranger_is_heard(void *context, bool ipv4, const __u8 *from,
					      __u16 from_port, const __u8 *at, __u16 at_port)
{
	struct bpf_sock_tuple tuple = {};

	if (ipv4) {
		tuple.ipv4.saddr = *(const __be32 *)(from + 12);
		tuple.ipv4.daddr = *(const __be32 *)(at + 12);
		tuple.ipv4.sport = bpf_htons(from_port);
		tuple.ipv4.dport = bpf_htons(at_port);
		return stranger_finds_socket(context, &tuple, sizeof(tuple.ipv4));
	}
	__builtin_memcpy(tuple.ipv6.saddr, from, sizeof(tuple.ipv6.saddr));
	__builtin_memcpy(tuple.ipv6.daddr, at, sizeof(tuple.ipv6.daddr));
	tuple.ipv6.sport = bpf_htons(from_port);
	tuple.ipv6.dport = bpf_htons(at_port);
	return stranger_finds_socket(context, &tuple, sizeof(tuple.ipv6));
}

/* A socket that resets a connection is no longer in the kernel's table when its RST leaves, but it
 * is the segment's. */
static __always_inline bool stranger_has_sender(const void *context, const struct flow *flow)
{
	const struct sock *sk = BPF_CORE_READ((const struct sk_buff *)context, sk);

	return sk && BPF_CORE_READ(sk, __sk_common.skc_num) == flow->local_port;
}

static __always_inline bool is_stranger(const struct tcp_segment *segment, const void *context,
					__u32 hook)
{
	const struct flow *flow = &segment->flow;
	bool ipv4 = stranger_is_ipv4(flow);

	if (hook == HOOK_TC_EGRESS && stranger_has_sender(context, flow))
		return false;
	return !stranger_is_heard((void *)context, ipv4, flow->local, flow->local_port,
				  flow->remote, flow->remote_port) &&
	       !stranger_is_heard((void *)context, ipv4, flow->remote, flow->remote_port,
				  flow->local, flow->local_port);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where a program runs: which hook of which interface in which namespace. The interface stands in
 * the context. Both contexts are the kernel's own structures under another name, so their device
 * can be read as any kernel memory.
 */
#ifndef TCPCLOSE_PACKET_PLACE_BPF_H
#define TCPCLOSE_PACKET_PLACE_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "record.h"

struct place {
	__u32 netns; /* 0 where kernel memory may not be read (lockdown) */
	__u32 interface;
	__u32 hook; /* enum segment_hook */
};

static __always_inline void place_find(struct place *place, const void *context, __u32 hook)
{
	const struct net_device *device;

	if (hook == HOOK_XDP) {
		device = BPF_CORE_READ((const struct xdp_buff *)context, rxq, dev);
		place->interface = ((const struct xdp_md *)context)->ingress_ifindex;
	} else {
		device = BPF_CORE_READ((const struct sk_buff *)context, dev);
		place->interface = ((const struct __sk_buff *)context)->ifindex;
	}
	place->netns = BPF_CORE_READ(device, nd_net.net, ns.inum);
	place->hook = hook;
}

/* Never 0. */
static __always_inline __u16 place_hash(const struct place *place)
{
	__u32 hash = (place->netns * 0x9e3779b1 + place->interface) * 0x85ebca6b + place->hook;

	hash *= 0xc2b2ae35;
	hash >>= 16;
	return hash ? hash : 1;
}

#endif

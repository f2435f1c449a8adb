/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The headers of a segment as they were on the wire, for recordings: the tail of its record. The
 * payload is nobody's business.
 */
#ifndef TCPCLOSE_PACKET_BYTES_BPF_H
#define TCPCLOSE_PACKET_BYTES_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tables.bpf.h"

/* Read as any kernel memory, which is the same for both contexts; lockdown leaves none. */
static __always_inline void bytes_copy(struct segment_tail *tail, const struct tcp_segment *segment,
				       const void *context, __u32 hook)
{
	__u32 count = segment->frame - segment->payload, linear;
	const void *data;

	if (hook == HOOK_XDP) {
		const struct xdp_buff *xdp = context;

		data = BPF_CORE_READ(xdp, data);
		linear = BPF_CORE_READ(xdp, data_end) - data;
	} else {
		const struct sk_buff *skb = context;

		data = BPF_CORE_READ(skb, data);
		linear = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
	}
	if (!segment->frame || segment->frame < segment->payload)
		count = 0;
	if (count > linear)
		count = linear;
	if (count > SEGMENT_BYTES)
		count = SEGMENT_BYTES;
	__builtin_memset(tail, 0, sizeof(*tail));
	tail->ethernet = segment->ethernet;
	if (bpf_probe_read_kernel(tail->bytes, count, data))
		return;
	tail->original = segment->frame;
	tail->captured = count;
}

#endif

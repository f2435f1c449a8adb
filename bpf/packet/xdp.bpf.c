// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * XDP: ingress before the stack sees the packet. Always XDP_PASS.
 */
#include "closing.bpf.h"

/* Packets of several buffers came with 5.18, and with them a helper for their length. */
static __always_inline __u32 xdp_length(struct xdp_md *xdp)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_xdp_get_buff_len))
		return bpf_xdp_get_buff_len(xdp);
	return xdp->data_end - xdp->data;
}

/* Global, so that the verifier checks it once. An enum parse_answer. */
__noinline int xdp_parse(struct xdp_md *xdp, int ethernet)
{
	const struct parse_frame frame = {
		.data = (const void *)(long)xdp->data,
		.end = (const void *)(long)xdp->data_end,
		.length = xdp_length(xdp),
		.ethernet = ethernet,
	};
	struct tcp_segment *segment = this_segment();

	return segment ? parse_segment(&frame, segment) : PARSE_OTHER;
}

static __noinline int xdp_look_closely(struct xdp_md *xdp, int ethernet)
{
	int answer = xdp_parse(xdp, ethernet);
	struct tcp_segment *segment = this_segment();

	if (answer == PARSE_SHORT)
		count_packet(PACKET_UNREADABLE);
	if (segment)
		closing_take(segment, answer, xdp, HOOK_XDP);
	return 0;
}

static __always_inline int handle_xdp(struct xdp_md *xdp, bool ethernet)
{
	struct quick_look look = parse_quick((const void *)(long)xdp->data,
					     (const void *)(long)xdp->data_end, ethernet);

	if (look.answer == QUICK_UNSURE || (look.answer == QUICK_TCP && closing_may_be(look.tcp)))
		xdp_look_closely(xdp, ethernet);
	return XDP_PASS;
}

SEC("xdp")
int tcpclose_xdp(struct xdp_md *xdp)
{
	return handle_xdp(xdp, true);
}

/* Interfaces whose packets start with the IP header. */
SEC("xdp")
int tcpclose_xdp_ip(struct xdp_md *xdp)
{
	return handle_xdp(xdp, false);
}

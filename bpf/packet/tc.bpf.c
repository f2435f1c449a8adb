// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * tc, both directions: tcx links or clsact filters. Sees GRO and GSO aggregates as one segment.
 * Never decides a packet's fate: what comes after us goes on as if we were not there.
 */
#include "closing.bpf.h"

/* As much as headers may take: an Ethernet header, two tags, IPv6 with some extensions, TCP. */
#define TC_HEADERS 256

/* Global, so that the verifier checks it once. An enum parse_answer. */
__noinline int tc_parse(struct __sk_buff *skb, int ethernet)
{
	const struct parse_frame frame = {
		.data = (const void *)(long)skb->data,
		.end = (const void *)(long)skb->data_end,
		.length = skb->len,
		.ethernet = ethernet,
	};
	struct tcp_segment *segment = this_segment();

	return segment ? parse_segment(&frame, segment) : PARSE_OTHER;
}

/* Where the skb itself says that the bytes begin. When a generic XDP program lets a packet pass,
 * the kernel may hand on a copy that has lost the length of its Ethernet header (seen on 6.18), and
 * tc then begins behind it. */
static __always_inline bool tc_begins_with_ip(const struct __sk_buff *context)
{
	const struct sk_buff *skb = (const void *)context;

	return BPF_CORE_READ(skb, data) - BPF_CORE_READ(skb, head) ==
	       BPF_CORE_READ(skb, network_header);
}

/* Drivers may leave headers in a part of the packet that programs cannot read. Pulling them to the
 * front, as the stack itself is about to, changes no byte. */
static __noinline int tc_look_closely(struct __sk_buff *skb, int ethernet, __u32 hook)
{
	struct tcp_segment *segment;
	int answer = tc_parse(skb, ethernet);

	if (answer == PARSE_OTHER && ethernet && tc_begins_with_ip(skb)) {
		ethernet = false;
		answer = tc_parse(skb, ethernet);
	}
	if (answer == PARSE_SHORT) {
		__u32 length = skb->len;

		if (!bpf_skb_pull_data(skb, length < TC_HEADERS ? length : TC_HEADERS))
			answer = tc_parse(skb, ethernet);
		if (answer == PARSE_SHORT)
			count_packet(PACKET_UNREADABLE);
	}
	segment = this_segment();
	if (segment)
		closing_take(segment, answer, skb, hook);
	return 0;
}

static __always_inline int handle_tc(struct __sk_buff *skb, bool ethernet, __u32 hook)
{
	struct quick_look look = parse_quick((const void *)(long)skb->data,
					     (const void *)(long)skb->data_end, ethernet);

	if (look.answer == QUICK_UNSURE || (look.answer == QUICK_TCP && closing_may_be(look.tcp)))
		tc_look_closely(skb, ethernet, hook);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tcpclose_in(struct __sk_buff *skb)
{
	return handle_tc(skb, true, HOOK_TC_INGRESS);
}

SEC("tc")
int tcpclose_out(struct __sk_buff *skb)
{
	return handle_tc(skb, true, HOOK_TC_EGRESS);
}

/* Interfaces whose packets start with the IP header: tun, wireguard, tunnels. */
SEC("tc")
int tcpclose_in_ip(struct __sk_buff *skb)
{
	return handle_tc(skb, false, HOOK_TC_INGRESS);
}

SEC("tc")
int tcpclose_out_ip(struct __sk_buff *skb)
{
	return handle_tc(skb, false, HOOK_TC_EGRESS);
}

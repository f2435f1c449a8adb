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
static __always_inline int parse_closely(struct __sk_buff *skb, bool ethernet)
{
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
	return answer;
}

/* What all hooks go on with for a packet that may be of interest: loaded once, and the same code
 * for a processor that sees a segment leave here and arrive there. */
SEC("tc")
int tc_closely(struct __sk_buff *skb)
{
	struct packet_at_hand *packet = this_packet();

	if (packet)
		closing_take(&packet->segment, parse_closely(skb, packet->ethernet), skb,
			     packet->leaves ? HOOK_TC_EGRESS : HOOK_TC_INGRESS);
	return TC_ACT_UNSPEC;
}

/* Key: 0; value: tc_closely. Writer: libbpf. The kernel empties it when the tracer is gone: what is
 * left of its filters then does nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32)); /* such a map may have no types */
	__array(values, int(void *));
} goes_on SEC(".maps") = {.values = {[0] = (void *)&tc_closely}};

static __always_inline int handle_tc(struct __sk_buff *skb, bool ethernet, bool leaves)
{
	struct quick_look look = parse_quick((const void *)(long)skb->data,
					     (const void *)(long)skb->data_end, ethernet);
	struct packet_at_hand *packet;

	if (look.answer != QUICK_UNSURE && (look.answer != QUICK_TCP || !closing_may_be(look.tcp)))
		return TC_ACT_UNSPEC;
	packet = this_packet();
	if (!packet)
		return TC_ACT_UNSPEC;
	packet->leaves = leaves;
	packet->ethernet = ethernet;
	bpf_tail_call_static(skb, &goes_on, 0);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tcpclose_in(struct __sk_buff *skb)
{
	return handle_tc(skb, true, false);
}

SEC("tc")
int tcpclose_out(struct __sk_buff *skb)
{
	return handle_tc(skb, true, true);
}

/* Interfaces whose packets start with the IP header: tun, wireguard, tunnels. */
SEC("tc")
int tcpclose_in_ip(struct __sk_buff *skb)
{
	return handle_tc(skb, false, false);
}

SEC("tc")
int tcpclose_out_ip(struct __sk_buff *skb)
{
	return handle_tc(skb, false, true);
}

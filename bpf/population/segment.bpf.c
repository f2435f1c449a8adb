// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * skb:kfree_skb: a segment that a mini-socket took is dropped when it has had its effect, so the
 * kernel's table then tells which. A FIN makes an orphan in FIN_WAIT2 a TIME_WAIT, data that comes
 * for an orphan remove it, a RST removes either (tcp_timewait_state_process()).
 */
#include "maps.bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

struct ipv4_header {
	__u8 skipped[9];
	__u8 protocol;
	__u16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6_header {
	__u8 skipped[6];
	__u8 next;
	__u8 hops;
	struct in6_addr source;
	struct in6_addr destination;
};

struct tcp_header {
	__be16 source;
	__be16 destination;
	__be32 seq;
	__be32 ack;
	__u8 offset; /* in words, upper half */
	__u8 flags;
};

/* Addresses of the segment as its receiver sees them. */
static __always_inline bool read_addresses(struct flow *flow, const struct sk_buff *skb)
{
	const void *header = skb->head + skb->network_header;
	struct ipv4_header ipv4;
	struct ipv6_header ipv6;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_probe_read_kernel(&ipv4, sizeof(ipv4), header) ||
		    ipv4.protocol != IPPROTO_TCP)
			return false;
		kernel_mapped(flow->local, ipv4.destination);
		kernel_mapped(flow->remote, ipv4.source);
		return true;
	}
	if (bpf_probe_read_kernel(&ipv6, sizeof(ipv6), header) || ipv6.next != IPPROTO_TCP)
		return false;
	kernel_copy(flow->local, &ipv6.destination);
	kernel_copy(flow->remote, &ipv6.source);
	return true;
}

/* Whether it could end a mini-socket or change it: FIN, RST or data. */
static __always_inline bool read_ports(struct flow *flow, bool *reset, const struct sk_buff *skb)
{
	const unsigned char *header = skb->head + skb->transport_header;
	struct tcp_header tcp;

	/* Where TCP drops a segment it has come to its header. */
	if (header != skb->data || bpf_probe_read_kernel(&tcp, sizeof(tcp), header))
		return false;
	if (!(tcp.flags & (SEGMENT_FIN | SEGMENT_RST)) && skb->len <= tcp.offset / 16 * 4u)
		return false;
	*reset = tcp.flags & SEGMENT_RST;
	flow->local_port = bpf_ntohs(tcp.destination);
	flow->remote_port = bpf_ntohs(tcp.source);
	return true;
}

static __always_inline void had_effect(const struct population_key *key,
				       struct population_value *value, const struct net *net,
				       bool reset)
{
	enum kernel_holder holder =
		kernel_holder(kernel_table(net), key->netns, value->hash,
			      bpf_htons(key->flow.remote_port), key->flow.local_port);
	__u64 now = bpf_ktime_get_boot_ns();

	if (holder == HOLDER_TIME_WAIT && value->state != STATE_TIME_WAIT) {
		value->start = now;
		value->state = STATE_TIME_WAIT;
		count_entered(key, value);
	} else if (holder == HOLDER_NONE && (reset || value->state != STATE_TIME_WAIT)) {
		wait_end(key, value, TIME_WAIT_BY_RESET, lasted(value, now));
	} else if (holder == HOLDER_UNKNOWN && reset) {
		value->reset = 1;
	}
}

static __always_inline void dropped(const struct sk_buff *skb)
{
	struct population_value *value;
	const struct net_device *device;
	struct population_key key;
	const struct net *net;
	bool reset;

	if (!read_addresses(&key.flow, skb) || !read_ports(&key.flow, &reset, skb))
		return;
	device = skb->dev;
	if (!device)
		return;
	net = device->nd_net.net;
	if (!net)
		return;
	key.netns = net->ns.inum;
	value = bpf_map_lookup_elem(&waiting, &key);
	if (value && value->hash && value->state != STATE_FIN_WAIT1)
		had_effect(&key, value, net, reset);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(population_segment, struct sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6))
		dropped(skb);
	return 0;
}

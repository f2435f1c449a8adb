// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * RST sent and received, with the kernel's reason where it gives one, and FINs sent again. All
 * rare: nothing here runs for a connection that closes well.
 */
#include "emit.bpf.h"
#include "facts.bpf.h"

static __always_inline __u64 socket_id(struct sock *sk)
{
	const struct socket_facts_value *known;

	if (settings.has_cookie)
		return bpf_get_socket_cookie(sk);
	known = facts_find((__u64)sk);
	return known ? known->id : 0;
}

/* Sockets that are in, or were until just now, a connection. The tracepoints also fire for
 * listeners and half-open handshakes. */
static __always_inline bool is_connection(__u8 state)
{
	return state != STATE_LISTEN && state != STATE_NEW_SYN_RECV && state != STATE_SYN_SENT;
}

static __always_inline void send_reset(struct sock *sk, __u8 direction, __u32 reason, __u8 active)
{
	struct emission emission;
	struct reset_record *record;
	struct flow flow;
	__u8 state;

	if (!sk)
		return; /* a RST that answers a segment without a socket: the wire shows it */
	state = sk->__sk_common.skc_state;
	if (!is_connection(state))
		return;
	/* For a mini-socket (TIME_WAIT) there is no tcp_sock, and skc_num still holds the port. */
	kernel_flow(&flow, sk, bpf_skc_to_tcp_sock(sk));
	if (!socket_flow_passes(&flow))
		return;
	emission = emit_reserve(RECORD_RESET, sizeof(*record));
	record = emission.record;
	if (!record)
		return;
	record->header.netns = kernel_netns(sk);
	record->header.flow = flow;
	record->socket = socket_id(sk);
	record->reason = reason;
	record->direction = direction;
	record->state = state;
	record->active = active;
	record->pad = 0;
	emit_submit(&emission);
}

/* tcp_send_active_reset() has no segment that it would answer. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent, struct sock *sk, struct sk_buff *skb)
{
	/* The third argument came in 6.10. */
	send_reset(sk, RESET_SENT, settings.reset_has_reason ? ctx[2] : RESET_REASON_NONE, !skb);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received, struct sock *sk)
{
	send_reset(sk, RESET_RECEIVED, RESET_REASON_NONE, 0);
	return 0;
}

static __always_inline void send_retransmit(struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_skb_cb *control = (const void *)skb->cb;
	struct emission emission;
	struct retransmit_record *record;
	struct flow flow;
	__u8 state = sk->__sk_common.skc_state;
	__u8 flags;

	if (state != STATE_FIN_WAIT1 && state != STATE_CLOSING && state != STATE_LAST_ACK)
		return;
	flags = BPF_CORE_READ_BITFIELD_PROBED(control, tcp_flags);
	if (!(flags & SEGMENT_FIN))
		return;
	kernel_flow(&flow, sk, bpf_skc_to_tcp_sock(sk));
	if (!socket_flow_passes(&flow))
		return;
	emission = emit_reserve(RECORD_RETRANSMIT, sizeof(*record));
	record = emission.record;
	if (!record)
		return;
	record->header.netns = kernel_netns(sk);
	record->header.flow = flow;
	record->socket = socket_id(sk);
	record->seq = BPF_CORE_READ(control, seq);
	record->end_seq = BPF_CORE_READ(control, end_seq);
	record->state = state;
	record->flags = flags;
	__builtin_memset(record->pad, 0, sizeof(record->pad));
	emit_submit(&emission);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmitted, struct sock *sk, struct sk_buff *skb)
{
	send_retransmit(sk, skb);
	return 0;
}

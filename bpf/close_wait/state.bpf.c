// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * sock:inet_sock_set_state: who connects, and when the peer's FIN comes. The kernel skips a program
 * that runs on this CPU already, as a softirq that interrupts it would want: so what takes long is
 * a program of its own. What is skipped all the same is no wrong story: such a socket is taken for
 * one older than the tracer.
 */
#include "stack.bpf.h"

static __always_inline void connects(void *context, struct sock *sk)
{
	struct close_wait_origin origin = {.how = OWNER_CONNECT}, *before;

	__sync_fetch_and_add(&connects_taken, 1);
	if (!place_passes(sk))
		return;
	call_take(&origin.created, context, TAKER_CONNECT);
	/* Of an attempt that failed; or of the socket that had this address, where that is the key.
	 */
	before = origin_add(origin_key(sk), &origin);
	if (before)
		*before = origin;
}

static __always_inline void fill_place(struct close_wait_place *place, const struct sock *sk,
				       const struct tcp_sock *tcp)
{
	kernel_flow(&place->flow, sk, tcp);
	place->netns = kernel_netns(sk);
}

static __always_inline bool flow_passes(const struct sock *sk)
{
	struct flow flow;

	if (!settings.filter_flows)
		return true;
	kernel_flow(&flow, sk, NULL);
	return socket_flow_passes(&flow);
}

/* Its addresses are complete now. One of a listener gets its cookie, which accept() will ask for.
 */
static __always_inline void is_established(struct sock *sk, int from)
{
	__u64 key = origin_key(sk);

	if (from == STATE_SYN_SENT && !flow_passes(sk))
		bpf_map_delete_elem(&origins, &key);
}

static __always_inline void note_place(const struct sock *sk, __u64 key)
{
	struct close_wait_place place;

	fill_place(&place, sk, NULL);
	if (bpf_map_update_elem(&places, &place, &key, BPF_ANY))
		__sync_fetch_and_add(&origins_lost, 1);
}

static __always_inline void peer_closed(struct sock *sk)
{
	struct close_wait_origin fresh = {}, *origin;
	__u64 key = origin_key(sk);

	if (!flow_passes(sk) || !place_passes(sk))
		return;
	fresh.since = bpf_ktime_get_boot_ns();
	origin = origin_find(key);
	if (!origin)
		origin = origin_add(key, &fresh);
	if (origin)
		origin->since = fresh.since;
	if (settings.find_by_place)
		note_place(sk, key);
}

static __always_inline void leaves(struct sock *sk)
{
	struct close_wait_place place;
	const struct tcp_sock *tcp;

	if (!settings.find_by_place)
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return;
	fill_place(&place, sk, tcp);
	bpf_map_delete_elem(&places, &place);
}

static __always_inline void handle_state(struct sock *sk, int from, int to)
{
	if (from == STATE_CLOSE_WAIT)
		leaves(sk);
	switch (to) {
	case STATE_ESTABLISHED:
		is_established(sk, from);
		return;
	case STATE_CLOSE_WAIT:
		peer_closed(sk);
		return;
	case STATE_CLOSE:
		if (!settings.has_destroy) {
			__u64 key = origin_key_probed(sk);

			bpf_map_delete_elem(&origins, &key);
		}
	}
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(close_wait_connect, struct sock *sk, int from, int to)
{
	if (to == STATE_SYN_SENT && sk->sk_protocol == IPPROTO_TCP)
		connects(ctx, sk);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(close_wait_state, struct sock *sk, int from, int to)
{
	if (to == STATE_SYN_SENT && sk->sk_protocol == IPPROTO_TCP)
		__sync_fetch_and_add(&connects_seen, 1);
	else if (sk->sk_protocol == IPPROTO_TCP && from != to)
		handle_state(sk, from, to);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(close_wait_destroyed, struct sock *sk)
{
	__u64 key = origin_key_probed(sk);

	bpf_map_delete_elem(&origins, &key);
	return 0;
}

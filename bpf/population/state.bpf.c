// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * sock:inet_sock_set_state, for each change of each socket: what is neither a close nor a new
 * socket that may have an old one's addresses returns at once.
 *
 * A wait is entered into the map when its socket begins to close, in the context of the program
 * that closes first, and changed in place from there on: one insertion for each.
 *
 * The kernel skips a program that runs on this CPU already (6.2): for a softirq that interrupts it,
 * and from 7.0, where tracepoints can be preempted, for each task that then runs there. A second
 * copy would cost as much as the first. So user space, which knows how often it happened
 * (recursion_misses, 5.12), has the waits that are behind looked at (order.bpf.c); else they are
 * counted when they end, or when another socket closes on their addresses.
 */
#include "maps.bpf.h"

static __always_inline void fill_key(struct population_key *key, const struct sock *sk,
				     const struct tcp_sock *tcp)
{
	kernel_flow(&key->flow, sk, tcp);
	key->netns = kernel_netns(sk);
}

/* Another socket had these addresses, and nothing told of its end: it is over, how is not known. */
static __always_inline void replace(const struct population_key *key,
				    const struct population_value *value)
{
	const struct population_value *old;

	if (wait_add(key, value) == 0)
		return;
	old = bpf_map_lookup_elem(&waiting, key);
	if (old)
		wait_end(key, old, TIME_WAIT_ENDED, DURATION_UNKNOWN);
	if (wait_add(key, value) && filter_asks_for_process())
		__sync_fetch_and_add(&missed, 1);
}

static __always_inline void closes_first(const struct sock *sk)
{
	struct population_value value = {.state = STATE_FIN_WAIT1};
	struct population_key key;

	fill_key(&key, sk, NULL);
	if (!socket_flow_passes(&key.flow) || !place_passes(sk))
		return;
	if (sk->sk_lock.owned) {
		bpf_get_current_comm(value.comm, sizeof(value.comm));
		if (!task_passes(bpf_get_current_pid_tgid() >> 32, value.comm))
			return;
	} else if (filter_asks_for_process()) {
		return;
	}
	value.hash = sk->__sk_common.skc_hash;
	replace(&key, &value);
}

/* Which end of the connection it is. Our initial number is known in two ways: from what was sent
 * (our FIN is part of it) and from what was acknowledged, where the end that connected counted its
 * SYN. (They disagree if the local queue discipline refused a segment.) */
static __always_inline __u8 role_of(const struct tcp_sock *tcp)
{
	__u32 by_sent = tcp->snd_nxt - (__u32)(tcp->bytes_sent - tcp->bytes_retrans) - 2;
	__u32 by_acked = tcp->snd_una - (__u32)tcp->bytes_acked;

	if (by_acked == by_sent)
		return ROLE_CLIENT;
	return by_acked == by_sent + 1 ? ROLE_SERVER : ROLE_UNKNOWN;
}

/* The state of the mini-socket that takes the place of a socket that changes to CLOSE, 0 if there
 * is none: tcp_time_wait() closes the socket so that this looks like any other end. */
static __always_inline __u8 state_after(const struct sock *sk, const struct tcp_sock *tcp, int from)
{
	if (sk->sk_err)
		return 0;
	if (from == STATE_CLOSING)
		return STATE_TIME_WAIT;
	if (from != STATE_FIN_WAIT2)
		return 0;
	if (kernel_sock_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		return STATE_TIME_WAIT;
	/* Still open: connect(AF_UNSPEC). */
	if (!kernel_sock_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_DEAD)))
		return 0;
	return tcp->linger2 < 0 ? 0 : STATE_FIN_WAIT2;
}

/* A socket that began to close before the tracer did, or that found no room. */
static __always_inline struct population_value *enter_late(const struct sock *sk,
							   const struct population_key *key)
{
	const struct population_value value = {.state = STATE_FIN_WAIT1,
					       .hash = sk->__sk_common.skc_hash};

	if (filter_asks_for_process() || !socket_flow_passes(&key->flow) || !place_passes(sk))
		return NULL;
	if (wait_add(key, &value))
		__sync_fetch_and_add(&missed, 1);
	return bpf_map_lookup_elem(&waiting, key);
}

static __always_inline void closed(struct sock *sk, int from)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct population_value *value;
	struct population_key key;
	__u8 state;

	if (!tcp)
		return;
	fill_key(&key, sk, tcp);
	value = bpf_map_lookup_elem(&waiting, &key);
	state = state_after(sk, tcp, from);
	if (!value && state)
		value = enter_late(sk, &key);
	if (!value)
		return;
	value->role = role_of(tcp);
	if (!state) {
		wait_forget(&key, value->state);
	} else if (kernel_mini_socket_missing(tcp)) {
		count_ended(&key, value, TIME_WAIT_NEVER);
		wait_forget(&key, value->state);
	} else {
		value->start = bpf_ktime_get_boot_ns();
		value->state = state;
		hold(key.netns, 1);
		if (state == STATE_TIME_WAIT)
			count_entered(&key, value);
	}
}

/* When the kernel gave a new socket its addresses: a round trip ago, if that was measured. */
static __always_inline __u64 taken_since(const struct tcp_sock *tcp, __u64 now)
{
	return tcp ? now - (tcp->srtt_us >> 3) * 1000ull : now;
}

static __always_inline void opened(struct sock *sk, int from)
{
	__u32 end = from == STATE_SYN_SENT ? TIME_WAIT_BY_CONNECT : TIME_WAIT_BY_SYN;
	const struct population_value *value;
	struct population_key key;
	__u64 until;

	fill_key(&key, sk, NULL);
	value = wait_find(&key);
	if (!value)
		return;
	/* A socket could not have lost its addresses: its close was skipped. */
	if (value->state == STATE_FIN_WAIT1) {
		wait_end_unheard(&key, value, end);
		return;
	}
	until = taken_since(bpf_skc_to_tcp_sock(sk), bpf_ktime_get_boot_ns());
	wait_end(&key, value, end, lasted(value, until));
}

/* It had its addresses for as long as it tried; one that did not get them (EADDRNOTAVAIL) has no
 * initial number. */
static __always_inline void connect_failed(struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	const struct population_value *value;
	struct population_key key;

	if (!tcp || !tcp->write_seq)
		return;
	fill_key(&key, sk, tcp);
	value = wait_find(&key);
	if (value)
		wait_end(&key, value, TIME_WAIT_BY_CONNECT, DURATION_UNKNOWN);
}

static __always_inline bool closed_first(int from)
{
	return from == STATE_FIN_WAIT1 || from == STATE_FIN_WAIT2 || from == STATE_CLOSING;
}

static __always_inline void handle_change(struct sock *sk, int from, int to)
{
	if (sk->sk_protocol != IPPROTO_TCP || from == to)
		return;
	if (to == STATE_FIN_WAIT1)
		closes_first(sk);
	else if (to == STATE_ESTABLISHED)
		opened(sk, from);
	else if (closed_first(from))
		closed(sk, from);
	else
		connect_failed(sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(population_state, struct sock *sk, int from, int to)
{
	if (to == STATE_CLOSE) {
		if (!closed_first(from) && from != STATE_SYN_SENT)
			return 0;
	} else if (to != STATE_FIN_WAIT1 && to != STATE_ESTABLISHED) {
		return 0;
	}
	handle_change(sk, from, to);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * System calls on sockets: which task took one from accept(), and which read from it when the peer
 * had closed. io_uring does not pass accept() here.
 */
#include "stack.bpf.h"

/* Layout of syscalls:sys_exit_*, the same on every kernel. */
struct syscall_exit {
	__u64 common;
	long number;
	long result;
};

static __always_inline bool is_tcp(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* Namespace and cgroup are asked for where the peer's FIN is seen. */
static __always_inline void handle_accept(void *context, long descriptor, __u32 taker)
{
	const struct sock *sk = (const void *)kernel_descriptor_sock(descriptor);
	struct close_wait_origin *origin;
	struct flow flow;

	if (!sk || !is_tcp(sk))
		return;
	kernel_flow_probed(&flow, &sk->__sk_common);
	if (!socket_flow_passes(&flow))
		return;
	origin = origin_of(origin_key_probed(sk));
	if (!origin)
		return;
	origin->how = OWNER_ACCEPT;
	call_take(&origin->created, context, taker);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int close_wait_accept4(struct syscall_exit *exit)
{
	handle_accept(exit, exit->result, TAKER_ACCEPT4);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int close_wait_accept(struct syscall_exit *exit)
{
	handle_accept(exit, exit->result, TAKER_ACCEPT);
	return 0;
}

#define MSG_PEEK 2

static __always_inline void handle_read(void *context, struct sock *sk, int result)
{
	struct close_wait_origin *origin;

	if (!place_passes(sk))
		return;
	origin = origin_of(origin_key(sk));
	if (!origin)
		return;
	origin->read_bytes = result;
	call_take(&origin->read, context, TAKER_READ);
}

/* sock:sock_recv_length (6.3), for each call that receives from any socket. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(close_wait_read, struct sock *sk, int result, int flags)
{
	if (sk->__sk_common.skc_state == STATE_CLOSE_WAIT && sk->sk_protocol == IPPROTO_TCP &&
	    result >= 0 && !(flags & MSG_PEEK))
		handle_read(ctx, sk, result);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * System calls on sockets: which task took one from accept(), and which read from it when the peer
 * had closed. Of accept() either the end of the system call is seen, which io_uring does not pass,
 * or the kernel's own function.
 */
#include "stack.bpf.h"

static __always_inline bool flow_passes(const struct sock *sk)
{
	struct flow flow;

	if (!settings.filter_flows)
		return true;
	kernel_flow_probed(&flow, &sk->__sk_common);
	return socket_flow_passes(&flow);
}

/* Namespace and cgroup are asked for where the peer's FIN is seen, which may have been before. */
static __always_inline void accepts(void *context, const struct sock *sk, __u32 taker)
{
	struct close_wait_origin fresh = {.how = OWNER_ACCEPT}, *origin;
	__u64 key;

	if (kernel_inet_protocol(sk) != IPPROTO_TCP || !flow_passes(sk))
		return;
	key = origin_key_probed(sk);
	if (!key)
		return;
	call_take(&fresh.created, context, taker);
	origin = origin_add(key, &fresh);
	if (!origin)
		return;
	origin->created = fresh.created;
	origin->how = fresh.how;
}

static __always_inline void handle_accept(struct syscall_exit *exit, __u32 taker)
{
	const struct sock *sk = (const void *)kernel_descriptor_sock(exit->result);

	if (sk)
		accepts(exit, sk, taker);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int close_wait_accept4(struct syscall_exit *exit)
{
	handle_accept(exit, TAKER_ACCEPT4);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int close_wait_accept(struct syscall_exit *exit)
{
	handle_accept(exit, TAKER_ACCEPT);
	return 0;
}

/* In accept(), by io_uring too: the socket gets its file. Costs system calls nothing, as
 * tracepoints of any of them do to all. */
SEC("fentry/security_sock_graft")
int BPF_PROG(close_wait_graft, struct sock *sk, struct socket *parent)
{
	accepts(ctx, sk, TAKER_ACCEPT);
	return 0;
}

#define MSG_PEEK 2

static __always_inline void handle_read(void *context, struct sock *sk, int result)
{
	struct close_wait_origin fresh = {.read_bytes = result}, *origin;
	__u64 key = origin_key(sk);

	if (!place_passes(sk))
		return;
	call_take(&fresh.read, context, TAKER_READ);
	origin = origin_add(key, &fresh);
	if (!origin)
		return;
	origin->read = fresh.read;
	origin->read_bytes = result;
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

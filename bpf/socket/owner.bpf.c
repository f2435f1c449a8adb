// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Who owns a socket: the task that took it from accept(). (connect() is seen as the change to
 * SYN_SENT.) Either the kernel's own function is seen, or the end of the system call, which costs
 * every system call of everybody something and which io_uring does not pass: of its sockets /proc
 * tells the holder then.
 */
#include "facts.bpf.h"

static __always_inline void accepts(const struct sock *sk)
{
	struct socket_facts_value *known = sk ? facts_find((__u64)sk) : NULL;
	struct flow flow;

	if (!known || known->owner.pid)
		return;
	known->owner.how = OWNER_ACCEPT;
	bpf_get_current_comm(known->owner.comm, sizeof(known->owner.comm));
	known->owner.pid = bpf_get_current_pid_tgid() >> 32;
	if (!filter_asks_for_process() || !task_passes(known->owner.pid, known->owner.comm))
		return;
	kernel_flow_probed(&flow, &sk->__sk_common);
	facts_want(&flow);
}

static __always_inline int handle_accept(const struct syscall_exit *exit)
{
	accepts((const struct sock *)kernel_descriptor_sock(exit->result));
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept4_exit(struct syscall_exit *exit)
{
	return handle_accept(exit);
}

SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit(struct syscall_exit *exit)
{
	return handle_accept(exit);
}

SEC("fentry/security_sock_graft")
int BPF_PROG(socket_graft, struct sock *sk, struct socket *parent)
{
	accepts(sk);
	return 0;
}

/* A socket whose last change of state was missed must not leave its facts to the next one. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(socket_destroyed, struct sock *sk)
{
	facts_forget((__u64)sk);
	return 0;
}

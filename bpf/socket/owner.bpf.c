// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Who owns a socket: the task that took it from accept(). (connect() is seen as the change to
 * SYN_SENT.) io_uring accepts do not pass here; /proc tells their holder.
 */
#include "facts.bpf.h"

static __always_inline int handle_accept(long descriptor)
{
	struct socket_facts_value *known;
	__u64 sk;

	if (descriptor < 0)
		return 0;
	sk = kernel_descriptor_sock(descriptor);
	known = sk ? facts_find(sk) : NULL;
	if (!known || known->owner.pid)
		return 0;
	known->owner.how = OWNER_ACCEPT;
	bpf_get_current_comm(known->owner.comm, sizeof(known->owner.comm));
	known->owner.pid = bpf_get_current_pid_tgid() >> 32;
	if ((settings.filter.pid || settings.filter.comm[0]) &&
	    task_passes(known->owner.pid, known->owner.comm)) {
		struct flow flow;

		kernel_flow_probed(&flow, &((const struct sock *)sk)->__sk_common);
		facts_want(&flow);
	}
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept4_exit(struct syscall_exit *exit)
{
	return handle_accept(exit->result);
}

SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit(struct syscall_exit *exit)
{
	return handle_accept(exit->result);
}

/* A socket whose last change of state was missed must not leave its facts to the next one. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(socket_destroyed, struct sock *sk)
{
	facts_forget((__u64)sk);
	return 0;
}

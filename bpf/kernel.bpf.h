/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads of struct sock and friends: one getter per thing, every difference between kernels inside
 * it, with the version that made it. Knows nothing of records' kinds, maps or filters.
 */
#ifndef TCPCLOSE_KERNEL_BPF_H
#define TCPCLOSE_KERNEL_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "record.h"

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define TIME_WAIT_SECONDS 60  /* TCP_TIMEWAIT_LEN, include/net/tcp.h */
#define PF_EXITING 0x00000004 /* include/linux/sched.h */
#define PF_KTHREAD 0x00200000

/* include/net/tcp_states.h */
enum kernel_tcp_state {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT,
	STATE_SYN_RECV,
	STATE_FIN_WAIT1,
	STATE_FIN_WAIT2,
	STATE_TIME_WAIT,
	STATE_CLOSE,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_LISTEN,
	STATE_CLOSING,
	STATE_NEW_SYN_RECV,
};

/* Up to 6.12 a plain counter, 0 once the file is being released. */
struct file___before_6_13 {
	atomic64_t f_count;
} __attribute__((preserve_access_index));

/* Up to 5.14 a pointer or, with bit 0 set, class and priority of cgroup v1. */
struct sock_cgroup_data___before_5_15 {
	__u64 val;
} __attribute__((preserve_access_index));

/* From 5.18 to 6.0 the row was apart from its namespace. */
struct netns_ipv4___before_6_1 {
	struct inet_timewait_death_row *tcp_death_row;
} __attribute__((preserve_access_index));

struct net___before_6_1 {
	struct netns_ipv4___before_6_1 ipv4;
} __attribute__((preserve_access_index));

/* Up to 5.17 a plain counter; since then it counts the namespace's own reference as one. */
struct inet_timewait_death_row___before_5_18 {
	atomic_t tw_count;
} __attribute__((preserve_access_index));

/* Layout of syscalls:sys_exit_*, the same on every kernel. */
struct syscall_exit {
	__u64 common;
	long number;
	long result;
};

/* Registers of a task in user space; each architecture has names of its own for them. */
struct pt_regs___x86 {
	unsigned long bp;
	unsigned long ip;
	unsigned long sp;
} __attribute__((preserve_access_index));

struct pt_regs___arm64 {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
} __attribute__((preserve_access_index));

static __always_inline void kernel_mapped(__u8 *address, __be32 ipv4)
{
	__u32 *words = (__u32 *)address;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = ipv4;
}

static __always_inline void kernel_copy(__u8 *address, const struct in6_addr *ipv6)
{
	__u32 *words = (__u32 *)address;

	words[0] = ipv6->in6_u.u6_addr32[0];
	words[1] = ipv6->in6_u.u6_addr32[1];
	words[2] = ipv6->in6_u.u6_addr32[2];
	words[3] = ipv6->in6_u.u6_addr32[3];
}

/* The socket itself. The verifier looks up in all of the kernel's types (milliseconds, since 6.2)
 * each time that it follows a pointer of a program's argument, whose members may be trusted; of
 * this one they are not, and nothing here needs that. */
static __always_inline const struct sock *kernel_base(const struct tcp_sock *tcp)
{
	return &tcp->inet_conn.icsk_inet.sk;
}

/* 0: it is none of IPv4 or IPv6, or NULL. */
static __always_inline __u16 kernel_inet_protocol(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return family == AF_INET || family == AF_INET6 ? BPF_CORE_READ(sk, sk_protocol) : 0;
}

/* The flow as the socket sees it. At the change to CLOSE skc_num is already 0 while inet_sport
 * still holds the port, so tcp is asked where there is one. */
static __always_inline void kernel_flow(struct flow *flow, const struct sock *sk,
					const struct tcp_sock *tcp)
{
	if (sk->__sk_common.skc_family == AF_INET6) {
		kernel_copy(flow->local, &sk->__sk_common.skc_v6_rcv_saddr);
		kernel_copy(flow->remote, &sk->__sk_common.skc_v6_daddr);
	} else {
		kernel_mapped(flow->local, sk->__sk_common.skc_rcv_saddr);
		kernel_mapped(flow->remote, sk->__sk_common.skc_daddr);
	}
	flow->local_port =
		tcp ? bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport) : sk->__sk_common.skc_num;
	flow->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
}

/* The same from an address that the verifier does not know as a socket: an accepted socket found
 * by its descriptor, a mini-socket. Not for a socket that is being closed. */
static __always_inline void kernel_flow_probed(struct flow *flow, const struct sock_common *common)
{
	if (BPF_CORE_READ(common, skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&flow->local, common, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&flow->remote, common, skc_v6_daddr);
	} else {
		kernel_mapped(flow->local, BPF_CORE_READ(common, skc_rcv_saddr));
		kernel_mapped(flow->remote, BPF_CORE_READ(common, skc_daddr));
	}
	flow->local_port = BPF_CORE_READ(common, skc_num);
	flow->remote_port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
}

/* Inodes of network namespaces that were asked for last, each below 32 bits of its namespace's
 * cookie. The inode itself lies beside the count of the namespace's users, which each new socket
 * changes, on whatever processor. */
#define KERNEL_NETNS_SEEN 256
__weak __u64 kernel_netns_seen[KERNEL_NETNS_SEEN] = {};

static __always_inline __u32 kernel_netns(const struct sock *sk)
{
	const struct net *net = sk->__sk_common.skc_net.net;
	__u64 seen, *slot;
	__u32 cookie;

	if (!bpf_core_field_exists(net->net_cookie))
		return net->ns.inum;
	cookie = (__u32)net->net_cookie;
	slot = &kernel_netns_seen[cookie % KERNEL_NETNS_SEEN];
	seen = *slot;
	if (!seen || seen >> 32 != cookie) {
		seen = (__u64)cookie << 32 | net->ns.inum;
		*slot = seen;
	}
	return (__u32)seen;
}

static __always_inline struct cgroup *kernel_cgroup(const struct sock *sk)
{
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);

	const struct sock_cgroup_data___before_5_15 *data = (const void *)&sk->sk_cgrp_data;
	__u64 value = BPF_CORE_READ(data, val);

	return value & 1 ? NULL : (struct cgroup *)value;
}

/* This and others that every close asks for follow the pointers of the program's own argument
 * without a helper, which costs more than all else that they do. */
static __always_inline __u64 kernel_cgroup_id(const struct sock *sk)
{
	const struct cgroup *cgroup;

	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(kernel_cgroup(sk), kn, id);
	cgroup = sk->sk_cgrp_data.cgroup;
	return cgroup && cgroup->kn ? cgroup->kn->id : 0;
}

/* Whether a socket's cgroup is the one with this id or below it. 16 levels are looked at. */
static __always_inline bool kernel_cgroup_within(const struct sock *sk, __u64 id)
{
	struct cgroup *cgroup = kernel_cgroup(sk);

	for (int level = 0; level < 16 && cgroup; level++) {
		if (BPF_CORE_READ(cgroup, kn, id) == id)
			return true;
		cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
	}
	return false;
}

static __always_inline __u32 kernel_inode(const struct socket *socket)
{
	if (!socket)
		return 0;
	return BPF_CORE_READ((const struct socket_alloc *)socket, vfs_inode.i_ino);
}

/* True while close() releases the file, last reference gone; false during shutdown(). */
static __always_inline bool kernel_file_released(const struct socket *socket)
{
	const struct file *file = socket ? socket->file : NULL;

	if (!file)
		return false;
	/* file_ref_t counts from 0 for one reference and is negative when none is left. */
	if (bpf_core_field_exists(file->f_ref))
		return file->f_ref.refcnt.counter < 0;

	const struct file___before_6_13 *old = (const void *)file;

	return old->f_count.counter == 0;
}

static __always_inline bool kernel_sock_flag(const struct sock *sk, __u32 bit)
{
	return sk->__sk_common.skc_flags & (1ul << bit);
}

static __always_inline bool kernel_is_orphan(const struct sock *sk)
{
	return kernel_sock_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_DEAD));
}

static __always_inline bool kernel_fin_seen(const struct sock *sk)
{
	return kernel_sock_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_DONE));
}

/* `socket`: its own. */
static __always_inline __u16 kernel_context(const struct sock *sk, const struct socket *socket)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	__u16 context = 0;

	if (sk->sk_lock.owned) {
		__u32 flags = BPF_CORE_READ(task, flags);

		context |= CONTEXT_CALL;
		if (flags & PF_EXITING)
			context |= CONTEXT_EXITING;
		if (flags & PF_KTHREAD)
			context |= CONTEXT_PROXY;
		if (kernel_file_released(socket))
			context |= CONTEXT_LAST_REF;
	}
	if (kernel_is_orphan(sk))
		context |= CONTEXT_ORPHAN;
	if (kernel_fin_seen(sk))
		context |= CONTEXT_FIN_SEEN;
	if (!socket)
		context |= CONTEXT_NO_SOCKET;
	if (kernel_sock_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_LINGER)) &&
	    !sk->sk_lingertime)
		context |= CONTEXT_LINGER_0;
	return context;
}

/* The smoothed one, in ns; 0 if none was measured. */
static __always_inline __u64 kernel_round_trip(const struct tcp_sock *tcp)
{
	return (__u64)(tcp->srtt_us >> 3) * 1000;
}

/* 3.5 times the retransmission timeout, in jiffies: no mini-socket waits for less. */
static __always_inline __u32 kernel_two_retransmissions(const struct tcp_sock *tcp)
{
	__u32 rto = tcp->inet_conn.icsk_rto;

	return (rto << 2) - (rto >> 1);
}

/* For how long the mini-socket of an orphan in FIN_WAIT2 is to wait, in jiffies (tcp_fin_time()).
 * Of more than the length of a TIME_WAIT the socket itself has waited for all but that excess
 * (tcp_keepalive_timer()). */
static __always_inline __u32 kernel_fin_wait2_left(const struct tcp_sock *tcp, __u32 hz)
{
	const struct net *net = kernel_base(tcp)->__sk_common.skc_net.net;
	__u32 time = tcp->linger2 ? tcp->linger2 : net->ipv4.sysctl_tcp_fin_timeout;
	__u32 least = kernel_two_retransmissions(tcp), length = TIME_WAIT_SECONDS * hz;

	if (time < least)
		time = least;
	return time > length ? time - length : time;
}

static __always_inline void kernel_task(struct task *task)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	task->pid = pid_tgid >> 32;
	task->tid = (__u32)pid_tgid;
	bpf_get_current_comm(task->comm, sizeof(task->comm));
}

static __always_inline const struct inet_timewait_death_row *kernel_death_row(const struct net *net)
{
	const struct net___before_6_1 *old = (const void *)net;

	if (bpf_core_field_exists(old->ipv4.tcp_death_row))
		return BPF_CORE_READ(old, ipv4.tcp_death_row);
	return (const void *)((__u64)net + bpf_core_field_offset(net->ipv4.tcp_death_row));
}

/* Whether tcp_max_tw_buckets may have kept a mini-socket from being made a moment ago: others may
 * have gone meanwhile. */
static __always_inline bool kernel_mini_sockets_full(const struct net *net)
{
	const struct inet_timewait_death_row *row = kernel_death_row(net);
	const struct inet_timewait_death_row___before_5_18 *old = (const void *)row;
	const struct net___before_6_1 *apart = (const void *)net;
	int count;

	if (bpf_core_field_exists(row->tw_refcount) &&
	    !bpf_core_field_exists(apart->ipv4.tcp_death_row)) {
		count = net->ipv4.tcp_death_row.tw_refcount.refs.counter - 1;
		return count + 256 >= net->ipv4.tcp_death_row.sysctl_max_tw_buckets;
	}
	if (bpf_core_field_exists(row->tw_refcount))
		count = BPF_CORE_READ(row, tw_refcount.refs.counter) - 1;
	else if (bpf_core_field_exists(old->tw_count))
		count = BPF_CORE_READ(old, tw_count.counter);
	else
		return true;
	return count + 256 >= BPF_CORE_READ(row, sysctl_max_tw_buckets);
}

/* Who has a flow in the kernel's table of connections. */
enum kernel_holder {
	HOLDER_NONE = 0,
	HOLDER_SOCKET = 1,
	HOLDER_FIN_WAIT2 = STATE_FIN_WAIT2, /* the mini-socket of an orphan */
	HOLDER_TIME_WAIT = STATE_TIME_WAIT,
	HOLDER_UNKNOWN = 0xff, /* the chain is too long, or was changed meanwhile */
};

static __always_inline const struct inet_hashinfo *kernel_table(const struct net *net)
{
	return BPF_CORE_READ(kernel_death_row(net), hashinfo);
}

#define HOLDER_CHAIN 32

/* By the hash of a flow and its ports, as kernels keep them: skc_hash, skc_dport, skc_num. A chain
 * is a list without a lock that ends in an odd number, made of the bucket's: another one says that
 * the walk went astray. An enum kernel_holder. Global, so that the verifier checks it once; its
 * table is a pointer that only helpers follow. */
__weak __noinline int kernel_find_holder(__u64 table_address, __u32 netns, __u32 hash,
					 __u32 remote_port, __u32 local_port)
{
	const struct inet_hashinfo *table = (const void *)table_address;
	__u64 slot = hash & BPF_CORE_READ(table, ehash_mask);
	const struct inet_ehash_bucket *bucket =
		(const void *)((__u64)BPF_CORE_READ(table, ehash) +
			       slot * bpf_core_type_size(struct inet_ehash_bucket));
	__u64 node = (__u64)BPF_CORE_READ(bucket, chain.first);

	for (int i = 0; i < HOLDER_CHAIN && node && !(node & 1); i++) {
		const struct sock_common *common =
			(const void *)(node -
				       bpf_core_field_offset(struct sock_common, skc_nulls_node));

		if (BPF_CORE_READ(common, skc_hash) == hash &&
		    BPF_CORE_READ(common, skc_dport) == remote_port &&
		    BPF_CORE_READ(common, skc_num) == local_port &&
		    BPF_CORE_READ(common, skc_net.net, ns.inum) == netns) {
			if (BPF_CORE_READ(common, skc_state) != STATE_TIME_WAIT)
				return HOLDER_SOCKET;
			return BPF_CORE_READ((const struct inet_timewait_sock *)common,
					     tw_substate);
		}
		node = (__u64)BPF_CORE_READ((const struct hlist_nulls_node *)node, next);
	}
	return node & 1 && node >> 1 == slot ? HOLDER_NONE : HOLDER_UNKNOWN;
}

static __always_inline enum kernel_holder kernel_holder(const struct inet_hashinfo *table,
							__u32 netns, __u32 hash, __be16 remote_port,
							__u16 local_port)
{
	return kernel_find_holder((__u64)table, netns, hash, remote_port, local_port);
}

/* Of a socket that changes to CLOSE for a mini-socket to take its place: none did, as there are
 * too many already (tcp_max_tw_buckets). Proven: it is not in the table. */
static __always_inline bool kernel_mini_socket_missing(const struct tcp_sock *tcp)
{
	const struct sock *sk = kernel_base(tcp);
	const struct net *net = sk->__sk_common.skc_net.net;

	return kernel_mini_sockets_full(net) &&
	       kernel_holder(kernel_table(net), net->ns.inum, sk->__sk_common.skc_hash,
			     sk->__sk_common.skc_dport,
			     bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport)) == HOLDER_NONE;
}

/* The socket behind a descriptor of the current task, or what stands there if it is no socket:
 * only good as a key. */
static __always_inline __u64 kernel_descriptor_sock(long descriptor)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (descriptor < 0 || descriptor >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	if (!file)
		return 0;

	const struct socket *socket = BPF_CORE_READ(file, private_data);

	return (__u64)BPF_CORE_READ(socket, sk);
}

/* Where in its memory the current task has what. */
struct user_memory {
	__u64 start_code; /* of the program itself, without libraries */
	__u64 end_code;
	__u64 start_heap;
	__u64 end_heap;
};

/* Where tasks' registers can be had, programs may follow pointers from the task without a helper.
 */
static __always_inline bool kernel_has_user_registers(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

static __always_inline void kernel_user_memory(struct user_memory *memory)
{
	const struct mm_struct *mm;

	__builtin_memset(memory, 0, sizeof(*memory));
	if (kernel_has_user_registers()) {
		mm = bpf_get_current_task_btf()->mm;
		if (!mm)
			return;
		memory->start_code = mm->start_code;
		memory->end_code = mm->end_code;
		memory->start_heap = mm->start_brk;
		memory->end_heap = mm->brk;
	} else {
		mm = BPF_CORE_READ((const struct task_struct *)bpf_get_current_task(), mm);
		memory->start_code = BPF_CORE_READ(mm, start_code);
		memory->end_code = BPF_CORE_READ(mm, end_code);
		memory->start_heap = BPF_CORE_READ(mm, start_brk);
		memory->end_heap = BPF_CORE_READ(mm, brk);
	}
}

struct user_registers {
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 lr; /* 0 where there is none */
};

/* Of the current task, as it entered the kernel; all 0 where they cannot be had. */
static __always_inline void kernel_user_registers(struct user_registers *user)
{
	const struct pt_regs___x86 *x86;
	const struct pt_regs___arm64 *arm64;

	__builtin_memset(user, 0, sizeof(*user));
	if (!kernel_has_user_registers())
		return;
	x86 = (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	arm64 = (const void *)x86;
	if (bpf_core_field_exists(x86->ip)) {
		user->ip = x86->ip;
		user->sp = x86->sp;
		user->fp = x86->bp;
	} else if (bpf_core_field_exists(arm64->pc)) {
		user->ip = BPF_CORE_READ(arm64, pc);
		user->sp = BPF_CORE_READ(arm64, sp);
		user->fp = BPF_CORE_READ(arm64, regs[29]);
		user->lr = BPF_CORE_READ(arm64, regs[30]);
	}
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Mini-sockets: how one begins, has its time set anew, and ends. By the entries of the kernel's
 * functions where programs may be attached to them; else timer_expire_entry, the one timer
 * tracepoint that fires rarely enough to leave attached, tells whose time is up and state.bpf.c of
 * those that begin. All of these run in softirq or with it disabled, but for tcp_abort().
 */
#include "mini_socket.bpf.h"

/* What was seen last on this CPU. */
struct cpu_value {
	__u64 expiring;   /* address of the one whose timer is run */
	__u64 restarted;  /* cookie of the last one that was told of, or its address */
	__u64 restart_at; /* and when, in jiffies */
};

/* Key: 0; value: see there. Writers and readers: the handlers of this file. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_value);
} cpus SEC(".maps");

/* Key: a task (pid and tgid); value: address of the mini-socket that it was told to abort. Writer:
 * tcp_abort(). Reader and deleter: the end of that mini-socket. Bound: least recently used goes
 * first; one that was gone already stays until then. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} aborts SEC(".maps");

static __always_inline struct cpu_value *this_cpu(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&cpus, &only);
}

static __always_inline __u32 netns_of(const struct inet_timewait_sock *tw)
{
	return BPF_CORE_READ(tw, __tw_common.skc_net.net, ns.inum);
}

/* Of its owner it knows the namespace and nothing else: then the flow has to be known. */
static __always_inline bool owner_passes(const struct flow *flow, __u32 netns)
{
	const struct filter *filter = (const struct filter *)&settings.filter;

	if (!settings.follow_flows)
		return true;
	if (filter->netns && netns != filter->netns)
		return false;
	return (!filter->pid && !filter->comm[0] && !filter->cgroup) || flow_is_wanted(flow);
}

/* Who it is, and whether the filter wants to hear of it. */
static __always_inline bool identify(const struct inet_timewait_sock *tw, struct flow *flow,
				     struct mini_socket_news *news)
{
	kernel_flow_probed(flow, &tw->__tw_common);
	if (!socket_flow_passes(flow) || !owner_passes(flow, netns_of(tw)))
		return false;
	/* It keeps the cookie of the socket it stands for. */
	if (settings.has_cookie)
		news->socket = BPF_CORE_READ(tw, __tw_common.skc_cookie.counter);
	news->substate = BPF_CORE_READ(tw, tw_substate);
	return true;
}

static __always_inline int handle_expiry(const struct timer_list *timer)
{
	const struct inet_timewait_sock *tw =
		(const void *)((__u64)timer -
			       bpf_core_field_offset(struct inet_timewait_sock, tw_timer));
	struct mini_socket_news news = {.event = TIME_WAIT_EXPIRED};
	struct cpu_value *cpu = this_cpu();
	struct flow flow;
	__u32 netns;

	if (cpu)
		cpu->expiring = (__u64)tw;
	if (!identify(tw, &flow, &news))
		return 0;
	netns = netns_of(tw);
	held_take(&flow, netns);
	mini_socket_tell(&flow, netns, &news);
	return 0;
}

static __always_inline __u8 removal_of(const struct inet_timewait_sock *tw)
{
	__u64 task = bpf_get_current_pid_tgid();
	const __u64 *aborted = bpf_map_lookup_elem(&aborts, &task);

	if (!aborted || *aborted != (__u64)tw)
		return REMOVED_EARLY;
	bpf_map_delete_elem(&aborts, &task);
	return REMOVED_BY_ABORT;
}

/* Every end passes here; what its timer ends was told of when that began to run. */
static __always_inline int handle_end(const struct inet_timewait_sock *tw)
{
	struct mini_socket_news news = {.event = TIME_WAIT_REMOVED};
	struct cpu_value *cpu = this_cpu();
	struct flow flow;
	__u64 expiring;
	__u32 netns;

	if (!cpu)
		return 0;
	expiring = cpu->expiring;
	cpu->expiring = 0;
	if (expiring == (__u64)tw || !identify(tw, &flow, &news))
		return 0;
	netns = netns_of(tw);
	news.removal = removal_of(tw);
	if (news.removal != REMOVED_BY_ABORT)
		held_note(&flow, netns, bpf_ktime_get_boot_ns());
	mini_socket_tell(&flow, netns, &news);
	return 0;
}

/* Any stray segment does this, so it is told once in a jiffy: the timer knows no finer time. */
static __always_inline int handle_restart(const struct inet_timewait_sock *tw, __u32 jiffies)
{
	struct mini_socket_news news = {.event = TIME_WAIT_RESTART};
	struct cpu_value *cpu = this_cpu();
	__u64 now = bpf_jiffies64(), who;
	struct flow flow;

	if (!cpu || !identify(tw, &flow, &news))
		return 0;
	who = news.socket ? news.socket : (__u64)tw;
	if (cpu->restarted == who && cpu->restart_at == now)
		return 0;
	cpu->restarted = who;
	cpu->restart_at = now;
	news.timeout_ms = mini_socket_ms(jiffies);
	mini_socket_tell(&flow, netns_of(tw), &news);
	return 0;
}

/* Of a TIME_WAIT state.bpf.c tells: it is what the last change of the socket's state means. */
static __always_inline int handle_begin(struct sock *sk, int state, int jiffies)
{
	const struct tcp_sock *tcp;
	struct flow flow;

	if (state != STATE_FIN_WAIT2)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	kernel_flow(&flow, sk, tcp);
	if (socket_flow_passes(&flow) && owner_passes(&flow, kernel_netns(sk)))
		mini_socket_begins(sk, tcp, &flow, jiffies);
	return 0;
}

static __always_inline int handle_abort(const struct sock *sk)
{
	__u64 task = bpf_get_current_pid_tgid(), tw = (__u64)sk;

	if (sk->__sk_common.skc_state == STATE_TIME_WAIT)
		bpf_map_update_elem(&aborts, &task, &tw, BPF_ANY);
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expired, struct timer_list *timer)
{
	if ((__u64)timer->function != settings.tw_timer_handler)
		return 0;
	return handle_expiry(timer);
}

SEC("fentry/tw_timer_handler")
int BPF_PROG(mini_socket_expires, struct timer_list *timer)
{
	return handle_expiry(timer);
}

SEC("fentry/inet_twsk_kill")
int BPF_PROG(mini_socket_ends, struct inet_timewait_sock *tw)
{
	return handle_end(tw);
}

/* A bool argument reads wrong on 5.10: its upper bits are whatever the register held. */
SEC("fentry/__inet_twsk_schedule")
int BPF_PROG(mini_socket_restarts, struct inet_timewait_sock *tw, int jiffies, __u8 rearm)
{
	return rearm ? handle_restart(tw, jiffies) : 0;
}

SEC("fentry/tcp_time_wait")
int BPF_PROG(mini_socket_starts, struct sock *sk, int state, int jiffies)
{
	return handle_begin(sk, state, jiffies);
}

SEC("fentry/tcp_abort")
int BPF_PROG(socket_aborted, struct sock *sk)
{
	return handle_abort(sk);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * sock:inet_sock_set_state: the kernel's own account of a close. Opening states only leave facts
 * behind; closing states are sent.
 */
#include "lister.bpf.h"
#include "mini_socket.bpf.h"

/* Key: inode of a network namespace; value: unused. Those user space was told of. Writer: here.
 * Deleter: user space, when one is gone. Bound: least recently used goes first. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} known_namespaces SEC(".maps");

/* The first socket of a namespace: user space finds its interfaces by the task's pid. */
static __always_inline void announce_namespace(const struct sock *sk)
{
	__u32 netns = kernel_netns(sk);
	__u8 known = 1;

	if (netns == settings.home_netns || bpf_map_lookup_elem(&known_namespaces, &netns))
		return;
	bpf_map_update_elem(&known_namespaces, &netns, &known, BPF_ANY);

	struct emission emission = emit_reserve(RECORD_NAMESPACE, sizeof(struct namespace_record));
	struct namespace_record *record = emission.record;

	if (!record)
		return;
	record->header.netns = netns;
	__builtin_memset(&record->header.flow, 0, sizeof(record->header.flow));
	record->pid = bpf_get_current_pid_tgid() >> 32;
	record->pad = 0;
	emit_submit(&emission);
}

static __always_inline __u64 new_generation(__u64 now)
{
	return (__u64)bpf_get_smp_processor_id() << 56 | now;
}

/* A socket opens: CLOSE -> SYN_SENT in the context of connect(), or LISTEN -> SYN_RECV. */
static __always_inline void open_facts(const struct sock *sk, __u32 role)
{
	struct socket_facts_value value = {.role = role, .born = bpf_ktime_get_boot_ns()};
	__u64 key = (__u64)sk;

	value.id = new_generation(value.born);
	if (role == ROLE_CLIENT) {
		value.owner.pid = bpf_get_current_pid_tgid() >> 32;
		value.owner.how = OWNER_CONNECT;
		bpf_get_current_comm(value.owner.comm, sizeof(value.owner.comm));
	}
	if (bpf_map_update_elem(&facts, &key, &value, BPF_ANY))
		emit_count_lost(RECORD_OWNER);
}

/* Where a filter asks for an owner, the packet witness must know the flow before the first FIN. */
static __always_inline void established(const struct sock *sk)
{
	const struct socket_facts_value *known;
	struct flow flow;

	if (!settings.follow_flows || !place_passes(sk))
		return;
	if (filter_asks_for_process()) {
		known = facts_find((__u64)sk);
		if (!known || !task_passes(known->owner.pid, known->owner.comm))
			return;
	}
	kernel_flow(&flow, sk, NULL);
	facts_want(&flow);
}

/* When a new socket began: its connect(), or the SYN that it answers. A child of a listener is born
 * only at the end of the handshake: the round trip of its SYN and ACK, which the kernel has
 * measured then (unless it had to send the SYN,ACK again), lies before that. */
static __always_inline __u64 began(struct sock *sk, const struct socket_facts_value *known)
{
	const struct tcp_sock *tcp;

	if (known->role != ROLE_SERVER)
		return known->born;
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp ? known->born - kernel_round_trip(tcp) : known->born;
}

/* A new socket that has its addresses from a mini-socket: its connect() took them over, or the SYN
 * that it answers. (A child of a listener knows its peer's port from here on: before 6.13 it does
 * not in SYN_RECV.) */
static __always_inline void take_over(struct sock *sk, const struct tcp_sock *tcp)
{
	struct mini_socket_news news = {.event = TIME_WAIT_TAKEN};
	const struct socket_facts_value *known;
	__u32 netns = kernel_netns(sk);
	struct flow flow;

	kernel_flow(&flow, sk, tcp);
	if (!held_take(&flow, netns))
		return;
	known = facts_find((__u64)sk);
	if (!known)
		return;
	news.taken = began(sk, known);
	news.role = known->role;
	mini_socket_tell(&flow, netns, &news);
}

/* A socket never connected that its program gives up, or a handshake's child that a program had
 * already accepted (TCP Fast Open), is a close; a refused or failed handshake is not. */
static __always_inline bool is_close(const struct sock *sk, int from, int to,
				     const struct socket_facts_value *known)
{
	switch (from) {
	case STATE_ESTABLISHED:
	case STATE_FIN_WAIT1:
	case STATE_FIN_WAIT2:
	case STATE_CLOSE_WAIT:
	case STATE_LAST_ACK:
	case STATE_CLOSING:
		return true;
	case STATE_SYN_SENT:
		return to == STATE_CLOSE && sk->sk_lock.owned && !sk->sk_err;
	case STATE_SYN_RECV:
		return to != STATE_ESTABLISHED &&
		       (to != STATE_CLOSE || (known && known->owner.pid));
	case STATE_LISTEN:
		return to == STATE_CLOSE; /* explains what happens to its queue */
	}
	return false;
}

static __always_inline void fill_counters(struct state_record *record, const struct tcp_sock *tcp)
{
	record->bytes_sent = tcp->bytes_sent;
	record->bytes_retrans = tcp->bytes_retrans;
	record->bytes_acked = tcp->bytes_acked;
	record->bytes_received = tcp->bytes_received;
	record->snd_una = tcp->snd_una;
	record->snd_nxt = tcp->snd_nxt;
	record->write_seq = tcp->write_seq;
	record->rcv_nxt = tcp->rcv_nxt;
	record->copied_seq = tcp->copied_seq;
	record->snd_wscale = BPF_CORE_READ_BITFIELD(tcp, rx_opt.snd_wscale);
	record->rcv_wscale = BPF_CORE_READ_BITFIELD(tcp, rx_opt.rcv_wscale);
	record->retransmits = tcp->inet_conn.icsk_retransmits;
	record->pad = 0;
}

static __always_inline void fill_facts(struct state_record *record, struct sock *sk,
				       const struct socket_facts_value *known)
{
	if (known) {
		record->born = known->born;
		record->role = known->role;
		record->owner = known->owner;
	} else {
		record->born = 0;
		record->role = ROLE_UNKNOWN;
		__builtin_memset(&record->owner, 0, sizeof(record->owner));
	}
	if (settings.has_cookie)
		record->socket = bpf_get_socket_cookie(sk);
	else
		record->socket = known ? known->id : 0;
}

/* Filter by process: the owner's; of a socket older than the tracer what user space found out, or
 * the caller's where the change is a local call. */
static __always_inline bool process_passes(const struct sock *sk, const struct flow *flow,
					   const struct socket_facts_value *known)
{
	struct task task;

	if (!filter_asks_for_process())
		return true;
	if (known && known->owner.pid)
		return task_passes(known->owner.pid, known->owner.comm);
	if (bpf_map_lookup_elem(&wanted_flows, flow))
		return true;
	if (!sk->sk_lock.owned)
		return false;
	kernel_task(&task);
	return task_passes(task.pid, task.comm);
}

/* The time of the record, 0 if there was no room for it. */
static __always_inline __u64 send_state(struct sock *sk, const struct tcp_sock *tcp, int from,
					int to, const struct flow *flow,
					const struct socket_facts_value *known, __u16 bucket)
{
	const struct sock *base = kernel_base(tcp);
	const struct socket *socket = base->sk_socket;
	struct emission emission = emit_reserve(RECORD_STATE, sizeof(struct state_record));
	struct state_record *record = emission.record;
	__u64 time;

	if (!record)
		return 0;
	time = record->header.time;
	record->header.netns = kernel_netns(base);
	record->header.flow = *flow;
	record->cgroup = kernel_cgroup_id(base);
	record->inode = kernel_inode(socket);
	record->uid = base->sk_uid.val;
	record->context =
		kernel_context(base, socket) | (tcp->linger2 < 0 ? CONTEXT_LINGER_2 : 0) | bucket;
	record->error = base->sk_err;
	record->from = from;
	record->to = to;
	record->shutdown = base->sk_shutdown;
	fill_counters(record, tcp);
	fill_facts(record, sk, known);
	kernel_task(&record->task);
	if (record->context & CONTEXT_CALL && record->task.pid == lister)
		record->context |= CONTEXT_PROXY;
	emit_submit(&emission);
	return time;
}

/* A socket older than the tracer: no birth; the cookie, if the snapshot gave it one, as identity.
 */
static __always_inline void adopt(struct socket_facts_value *known, const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;

	known->born = 0;
	if (cookie)
		known->id = cookie;
}

/* Whether this change to CLOSE leaves a mini-socket behind, as far as the socket shows it. */
static __always_inline bool leaves_mini_socket(const struct sock *sk, int from, int to)
{
	return to == STATE_CLOSE && (from == STATE_FIN_WAIT2 || from == STATE_CLOSING) &&
	       !sk->sk_err;
}

/* One in FIN_WAIT2 that waits for the FIN without its program. */
static __always_inline bool is_orphan(const struct sock *sk, const struct tcp_sock *tcp, int from)
{
	return from == STATE_FIN_WAIT2 && kernel_is_orphan(sk) && !kernel_fin_seen(sk) &&
	       tcp->linger2 >= 0;
}

static __always_inline void closing(struct sock *sk, int from, int to)
{
	struct socket_facts_value *known = facts_find((__u64)sk);
	const struct tcp_sock *tcp;
	const struct sock *base;
	struct flow flow;
	__u16 bucket = 0;
	bool leaves;
	__u64 time;

	if (!is_close(sk, from, to, known))
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return;
	base = kernel_base(tcp);
	kernel_flow(&flow, base, tcp);
	if (!socket_flow_passes(&flow) || !place_passes(base) ||
	    !process_passes(base, &flow, known))
		return;
	if (settings.follow_flows)
		facts_want(&flow);
	if (!settings.has_cookie && !known) {
		open_facts(sk, ROLE_UNKNOWN);
		known = facts_find((__u64)sk);
		if (known)
			adopt(known, sk);
	}
	leaves = leaves_mini_socket(base, from, to);
	if (leaves && kernel_mini_socket_missing(tcp)) {
		leaves = false;
		bucket = CONTEXT_NO_BUCKET;
	}
	if (leaves && settings.state_tells_begin && is_orphan(base, tcp, from))
		mini_socket_begins(sk, tcp, &flow, kernel_fin_wait2_left(tcp, settings.hz));
	time = send_state(sk, tcp, from, to, &flow, known, bucket);
	if (known)
		known->state = to;
	if (leaves && settings.hold_at_begin)
		held_note(&flow, kernel_netns(base), time ? time : bpf_ktime_get_boot_ns());
}

/* A connect() that came to nothing, after it had sent its SYN or, where it did not get the
 * addresses (EADDRNOTAVAIL), without. */
static __always_inline void give_up_opening(struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	if (tcp && tcp->write_seq)
		take_over(sk, tcp);
}

static __always_inline void handle_state(struct sock *sk, int from, int to)
{
	/* close() after shutdown() sets the state that it finds. */
	if (sk->sk_protocol != IPPROTO_TCP || from == to)
		return;
	switch (to) {
	case STATE_SYN_SENT:
		announce_namespace(sk);
		open_facts(sk, ROLE_CLIENT);
		return;
	case STATE_LISTEN:
		announce_namespace(sk);
		return;
	case STATE_SYN_RECV:
		open_facts(sk, ROLE_SERVER);
		return;
	case STATE_ESTABLISHED:
		take_over(sk, NULL);
		established(sk);
		return;
	}
	if (from == STATE_SYN_SENT)
		give_up_opening(sk);
	closing(sk, from, to);
	/* Else tcp_destroy_sock forgets: a RST that is sent after this change may need our
	 * generation. */
	if (to == STATE_CLOSE && !settings.has_destroy)
		facts_forget((__u64)sk);
}

/* The kernel skips a program that runs on this CPU already (6.2): for a softirq that interrupts it,
 * and from 7.0, where tracepoints can be preempted, for each task that then runs there. So a second
 * copy takes what the first did not. User space knows how often the first was skipped
 * (recursion_misses, 5.12): what the second did not take of that is lost, and counted so. */
enum state_copy {
	COPY_FIRST,
	COPY_SECOND,
};

/* A change that the first copy took. The context's address is the same for both copies and other
 * for whoever interrupts: it is on the stack. */
struct taken_note {
	__u64 context;
	__u64 sk;
	__u32 from;
	__u32 to;
};

#define TAKEN_NOTES 4

struct taken_value {
	struct taken_note notes[TAKEN_NOTES];
	__u64 next;
};

/* Key: 0; value: the changes that were taken last on this CPU. Writer: the first copy. Reader: the
 * second, which removes it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct taken_value);
} taken SEC(".maps");

/* How many changes the second copy took in place of the first. Reader: user space. */
__u64 taken_by_second = 0;

/* Where the first copy writes: over what the second, skipped in its turn, left behind here, else
 * where there is room. */
static __always_inline struct taken_note *note_place(struct taken_value *value, __u64 context)
{
	struct taken_note *free = NULL;

	for (int i = 0; i < TAKEN_NOTES; i++) {
		if (value->notes[i].context == context)
			return &value->notes[i];
		if (!value->notes[i].context)
			free = &value->notes[i];
	}
	if (free)
		return free;
	return &value->notes[value->next++ % TAKEN_NOTES];
}

static __always_inline bool note_take(struct taken_value *value, const struct taken_note *change)
{
	for (int i = 0; i < TAKEN_NOTES; i++) {
		struct taken_note *note = &value->notes[i];

		if (note->context != change->context || note->sk != change->sk ||
		    note->from != change->from || note->to != change->to)
			continue;
		note->context = 0;
		return true;
	}
	return false;
}

/* Of a task that was preempted and goes on elsewhere there is no note; then the facts tell. */
static __always_inline bool was_taken(struct taken_value *value, const struct taken_note *change)
{
	const struct socket_facts_value *known;

	if (note_take(value, change))
		return true;
	known = facts_find(change->sk);
	return known && known->state == change->to;
}

static __always_inline void take_turn(enum state_copy copy, __u64 context, struct sock *sk,
				      int from, int to)
{
	const struct taken_note change = {context, (__u64)sk, from, to};
	__u32 only = 0;
	struct taken_value *value = bpf_map_lookup_elem(&taken, &only);

	if (!value)
		return;
	if (copy == COPY_FIRST) {
		handle_state(sk, from, to);
		*note_place(value, context) = change;
	} else if (!was_taken(value, &change)) {
		__sync_fetch_and_add(&taken_by_second, 1);
		handle_state(sk, from, to);
	}
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int from, int to)
{
	take_turn(COPY_FIRST, (__u64)ctx, sk, from, to);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state_second, struct sock *sk, int from, int to)
{
	take_turn(COPY_SECOND, (__u64)ctx, sk, from, to);
	return 0;
}

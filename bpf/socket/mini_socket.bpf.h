/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is told of a mini-socket (TIME_WAIT, or an orphan in FIN_WAIT2), whichever hook saw it: the
 * records of all are made here.
 */
#ifndef TCPCLOSE_SOCKET_MINI_SOCKET_BPF_H
#define TCPCLOSE_SOCKET_MINI_SOCKET_BPF_H

#include "emit.bpf.h"
#include "facts.bpf.h"
#include "held.bpf.h"

/* The fields of a record, by their names there; one that is not set is 0. */
struct mini_socket_news {
	__u64 socket;
	__u64 taken;
	__u32 timeout_ms;
	__u8 event;
	__u8 substate;
	__u8 role;
	__u8 removal;
};

static __always_inline void mini_socket_tell(const struct flow *flow, __u32 netns,
					     const struct mini_socket_news *news)
{
	struct emission emission = emit_reserve(RECORD_TIME_WAIT, sizeof(struct time_wait_record));
	struct time_wait_record *record = emission.record;

	if (!record)
		return;
	record->header.netns = netns;
	record->header.flow = *flow;
	record->socket = news->socket;
	record->taken = news->taken;
	record->timeout_ms = news->timeout_ms;
	record->event = news->event;
	record->substate = news->substate;
	record->role = news->role;
	record->removal = news->removal;
	emit_submit(&emission);
}

static __always_inline __u32 mini_socket_ms(__u32 jiffies)
{
	return (__u64)jiffies * 1000 / settings.hz;
}

/* An orphan in FIN_WAIT2 makes room for its mini-socket: tcp_time_wait(), which never lets one wait
 * for less than two retransmissions of the peer's FIN. `jiffies` is what it is asked for. */
static __always_inline void mini_socket_begins(struct sock *sk, const struct tcp_sock *tcp,
					       const struct flow *flow, __u32 jiffies)
{
	const struct socket_facts_value *known;
	struct mini_socket_news news = {.event = TIME_WAIT_BEGIN, .substate = STATE_FIN_WAIT2};
	__u32 least = kernel_two_retransmissions(tcp);

	if (settings.has_cookie) {
		news.socket = bpf_get_socket_cookie(sk);
	} else {
		/* Read apart from the other, or one load is made of both, which no verifier lets
		 * pass. */
		news.socket = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
		known = facts_find((__u64)sk);
		if (known)
			news.socket = known->id;
	}
	news.timeout_ms = mini_socket_ms(jiffies < least ? least : jiffies);
	mini_socket_tell(flow, kernel_netns(kernel_base(tcp)), &news);
}

#endif

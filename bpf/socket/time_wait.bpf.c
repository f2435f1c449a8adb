// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Mini-sockets whose time is up: TIME_WAIT, and an orphaned FIN_WAIT2 that no segment ended.
 * timer_expire_entry is the one timer tracepoint that fires rarely enough to leave attached.
 */
#include "emit.bpf.h"
#include "facts.bpf.h"
#include "mini_sockets.bpf.h"

static __always_inline void tw_expired(const struct inet_timewait_sock *tw)
{
	struct time_wait_record *record;
	struct flow flow;
	__u32 netns;

	kernel_flow_probed(&flow, &tw->__tw_common);
	if (!socket_flow_passes(&flow) || (settings.follow_flows && !flow_is_wanted(&flow)))
		return;
	netns = BPF_CORE_READ(tw, __tw_common.skc_net.net, ns.inum);
	mini_socket_end(&flow, netns);
	record = emit_reserve(RECORD_TIME_WAIT, sizeof(*record));
	if (!record)
		return;
	record->header.netns = netns;
	record->header.flow = flow;
	/* The mini-socket keeps the cookie of the socket it stands for. */
	record->socket =
		settings.has_cookie ? BPF_CORE_READ(tw, __tw_common.skc_cookie.counter) : 0;
	record->taken = 0;
	record->timeout_ms = 0;
	record->event = TIME_WAIT_EXPIRED;
	record->substate = BPF_CORE_READ(tw, tw_substate);
	record->role = ROLE_UNKNOWN;
	record->removal = 0;
	emit_submit(record);
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expired, struct timer_list *timer)
{
	if ((__u64)timer->function != settings.tw_timer_handler)
		return 0;
	tw_expired((const void *)((__u64)timer -
				  bpf_core_field_offset(struct inet_timewait_sock, tw_timer)));
	return 0;
}

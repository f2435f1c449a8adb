// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Mini-sockets whose time is up. */
#include "maps.bpf.h"

static __always_inline void expired(const struct inet_timewait_sock *tw)
{
	const struct population_value *value;
	struct population_key key;

	kernel_flow_probed(&key.flow, &tw->__tw_common);
	key.netns = BPF_CORE_READ(tw, __tw_common.skc_net.net, ns.inum);
	value = bpf_map_lookup_elem(&waiting, &key);
	if (!value)
		return;
	if (value->state == STATE_TIME_WAIT || BPF_CORE_READ(tw, tw_substate) != STATE_TIME_WAIT)
		wait_end(&key, value, TIME_WAIT_BY_TIMER, lasted(value, bpf_ktime_get_boot_ns()));
	else
		wait_end_unheard(&key, value, TIME_WAIT_BY_TIMER);
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(population_timer, struct timer_list *timer)
{
	if ((__u64)timer->function != settings.tw_timer_handler)
		return 0;
	expired((const void *)((__u64)timer -
			       bpf_core_field_offset(struct inet_timewait_sock, tw_timer)));
	return 0;
}

/* The same where functions may be traced: called for no other timer. */
SEC("fentry/tw_timer_handler")
int BPF_PROG(population_timer_function, struct timer_list *timer)
{
	expired((const void *)((__u64)timer -
			       bpf_core_field_offset(struct inet_timewait_sock, tw_timer)));
	return 0;
}

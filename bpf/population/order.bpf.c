// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What user space does to the population: run by it (BPF_PROG_TEST_RUN), attached to nothing, so
 * that it counts with the same atomic additions as the other programs. */
#include "maps.bpf.h"

/* Written and run by one thread of user space at a time. */
struct population_order order = {};

/* Less than this before its end it may be gone: the kernel's list told of what is left in ticks. */
#define NEARLY_OVER 20000000ull

/* A mini-socket that was there before the programs: not if they have it already, nor if it may have
 * gone since it was listed, which they could not tell of what they did not know. */
SEC("raw_tp")
int population_add(void *context)
{
	struct population_key key = order.key;
	struct population_value value = order.value;
	long error;

	order.done = 0;
	if (order.until < bpf_ktime_get_boot_ns() + NEARLY_OVER)
		return 0;
	error = wait_add(&key, &value);
	order.done = !error;
	if (error == -17) /* EEXIST */
		return 0;
	if (error) {
		__sync_fetch_and_add(&missed, 1);
		return 0;
	}
	hold(key.netns, 1);
	if (value.state == STATE_TIME_WAIT)
		count_entered(&key, &value);
	return 0;
}

/* The table of the namespace that user space is in: of all namespaces but those that were given one
 * of their own (tcp_child_ehash_entries, 6.1). */
static __always_inline const struct inet_hashinfo *home_table(void)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();

	return kernel_table(BPF_CORE_READ(task, nsproxy, net_ns));
}

/* One that may be there no more: not if the kernel has it, or has given its addresses to a socket,
 * which will tell; nor if another has come since. */
SEC("raw_tp")
int population_remove(void *context)
{
	struct population_key key = order.key;
	const struct population_value *value = bpf_map_lookup_elem(&waiting, &key);

	order.done = 0;
	if (!value || value->state == STATE_FIN_WAIT1 || value->start > order.value.start)
		return 0;
	if (value->hash &&
	    kernel_holder(home_table(), key.netns, value->hash, bpf_htons(key.flow.remote_port),
			  key.flow.local_port) != HOLDER_NONE)
		return 0;
	order.done = 1;
	wait_end(&key, value, order.end, lasted(value, bpf_ktime_get_boot_ns()));
	return 0;
}

/* One whose TIME_WAIT may have begun unheard: if it did, it is counted in from now on. */
SEC("raw_tp")
int population_catch_up(void *context)
{
	struct population_key key = order.key;
	struct population_value *value = bpf_map_lookup_elem(&waiting, &key);

	order.done = 0;
	if (!value || value->state == STATE_TIME_WAIT || !value->hash ||
	    kernel_holder(home_table(), key.netns, value->hash, bpf_htons(key.flow.remote_port),
			  key.flow.local_port) != HOLDER_TIME_WAIT)
		return 0;
	order.done = 1;
	if (value->state == STATE_FIN_WAIT1)
		hold(key.netns, 1);
	value->start = 0;
	value->state = STATE_TIME_WAIT;
	count_entered(&key, value);
	return 0;
}

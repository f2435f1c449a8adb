// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "emit.bpf.h"

/* Between the addition and the look another may come and ask, too, on this processor only: whoever
 * then reads 1 is alone. (An addition that gives back the old value came with 5.12.) */
static __always_inline bool claim(struct stage *stage)
{
	__sync_fetch_and_add(&stage->claims, 1);
	if (*(volatile __u32 *)&stage->claims == 1)
		return true;
	emit_let_go(stage);
	return false;
}

static __always_inline bool make_room(struct stage *stage, __u32 size)
{
	if (stage->used + size <= STAGE_ROOM)
		return true;
	if (!emit_send(stage))
		return false;
	stage->sent = bpf_ktime_get_boot_ns();
	return true;
}

int emit_claim(__u32 size)
{
	__u32 first = bpf_get_smp_processor_id() * STAGE_LEVELS;

	for (__u32 level = 0; level < STAGE_LEVELS; level++) {
		__u32 key = first + level;
		struct stage *stage = bpf_map_lookup_elem(&stages, &key);

		if (!stage || !claim(stage))
			continue;
		if (make_room(stage, size)) {
			stage->load.stage = key;
			return key;
		}
		emit_let_go(stage);
	}
	return -1;
}

/* For the reader, which runs it on each processor (BPF_PROG_TEST_RUN) with its number: what has
 * gathered there goes into the ring. How many stages could not be sent: a program that this
 * interrupts has one, or the ring is full. */
SEC("raw_tp")
int stages_send(const __u64 *arguments)
{
	__u32 first = (__u32)arguments[0] * STAGE_LEVELS, left = 0;

	for (__u32 level = 0; level < STAGE_LEVELS; level++) {
		__u32 key = first + level;
		struct stage *stage = bpf_map_lookup_elem(&stages, &key);

		if (!stage)
			continue;
		if (!claim(stage)) {
			left++;
			continue;
		}
		left += stage->used && !emit_send(stage);
		emit_let_go(stage);
	}
	return left;
}

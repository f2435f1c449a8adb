/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The only way into the ring: reserve, fill the record, submit; what finds no room is counted.
 * Records gather in this processor's stage and go on together: when it is full, when the reader
 * asks for them (stages_send), or at once where there was nothing to tell of for a while.
 * No flags at output: the ring then wakes its reader only when the reader had caught up, so a
 * reader that drains in batches is woken once a batch.
 */
#ifndef TCPCLOSE_EMIT_BPF_H
#define TCPCLOSE_EMIT_BPF_H

#include "ring.bpf.h"

static __always_inline void emit_count_lost(__u32 kind)
{
	__u64 *count = bpf_map_lookup_elem(&lost, &kind);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* A stage of this processor that has room for `size` more, for the caller alone until it is let go:
 * its key, or -1. Global, so that the verifier checks it once. */
int emit_claim(__u32 size);

struct emission {
	struct stage *stage;
	void *record;
};

/* A record of a kind with kind, length, cpu and time filled in, or NULL in its place (counted).
 * The caller fills every other byte and calls emit_submit(). */
static __always_inline struct emission emit_reserve(__u32 kind, __u32 size)
{
	struct emission emission = {};
	__u32 key = emit_claim(size), used;
	struct record *record;

	emission.stage = bpf_map_lookup_elem(&stages, &key);
	if (!emission.stage) {
		emit_count_lost(kind);
		return emission;
	}
	used = emission.stage->used;
	/* For the verifier, which does not know what the claim has seen to. */
	if (used > STAGE_ROOM - size)
		used = 0;
	record = (void *)(emission.stage->load.records + used);
	record->length = size;
	record->kind = kind;
	record->cpu = bpf_get_smp_processor_id();
	record->source = 0;
	record->time = bpf_ktime_get_boot_ns();
	emission.record = record;
	return emission;
}

static __always_inline bool ring_is_half_full(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >
	       bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
}

/* Half of the ring is for what must not be missed. Seldom asked, as all processors write to what
 * says so: it may have become true since this one sent last. */
static __always_inline bool emit_room_is_short(void)
{
	__u32 key = bpf_get_smp_processor_id() * STAGE_LEVELS;
	const struct stage *stage = bpf_map_lookup_elem(&stages, &key);

	return stage && stage->crowded && ring_is_half_full();
}

static __always_inline bool emit_send(struct stage *stage)
{
	const __u32 head = offsetof(struct stage_load, records);
	__u32 used;

	stage->crowded = ring_is_half_full();
	/* For the verifier, which before 5.12 forgets what is spilled to the stack. */
	used = *(volatile __u32 *)&stage->used;
	if (used > STAGE_ROOM)
		return false;
	if (bpf_ringbuf_output(&ring, &stage->load, head + used, 0))
		return false;
	stage->used = 0;
	return true;
}

static __always_inline void emit_let_go(struct stage *stage)
{
	__sync_fetch_and_add(&stage->claims, -1);
}

static __always_inline void emit_submit(const struct emission *emission)
{
	struct stage *stage = emission->stage;
	const struct record *record = emission->record;

	stage->used += record->length;
	if (record->time - stage->sent > STAGE_QUIET && emit_send(stage))
		stage->sent = record->time;
	emit_let_go(stage);
}

#endif

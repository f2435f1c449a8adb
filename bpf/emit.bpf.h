/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The only way into the ring: reserve, fill the header, submit; what finds no room is counted.
 * No flags at submit: the ring then wakes its reader only when the reader had caught up, so a
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

/* Half of the ring is for what must not be missed. */
static __always_inline bool emit_room_is_short(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >
	       bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
}

/* Room for one record of a kind with kind, length, cpu and time filled in, or NULL (counted).
 * The caller fills every other byte and calls emit_submit(). */
static __always_inline void *emit_reserve(__u32 kind, __u64 size)
{
	struct record *record = bpf_ringbuf_reserve(&ring, size, 0);

	if (!record) {
		emit_count_lost(kind);
		return NULL;
	}
	record->length = size;
	record->kind = kind;
	record->cpu = bpf_get_smp_processor_id();
	record->source = 0;
	record->time = bpf_ktime_get_boot_ns();
	return record;
}

static __always_inline void emit_submit(void *record)
{
	bpf_ringbuf_submit(record, 0);
}

#endif

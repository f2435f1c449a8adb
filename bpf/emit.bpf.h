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
	record->reserved = 0;
	record->time = bpf_ktime_get_boot_ns();
	return record;
}

static __always_inline void emit_submit(void *record)
{
	bpf_ringbuf_submit(record, 0);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The maps that both witnesses share (defined once, in ring.bpf.c, and given to both objects by
 * the loader). Only emit.bpf.h and filter.bpf.h touch them.
 */
#ifndef TCPCLOSE_RING_BPF_H
#define TCPCLOSE_RING_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "record.h"
#include "settings.h"
#include "stage.h"

/* Value: records. Writers: every program, by emit.bpf.h. Reader and deleter: user space.
 * Bound: its size, set by user space before the load. */
struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
};

/* Key: processor * STAGE_LEVELS + level; value: records on their way into the ring. Writers: every
 * program, by emit.bpf.h. Reader: user space, by mmap(), of whether there are any and since when;
 * it gets them by the ring. Bound: one page each; user space sets how many before the load. */
struct stages_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, STAGE_LEVELS);
	__type(key, __u32);
	__type(value, struct stage);
};

/* Key: enum record_kind; value: how many found no room in the ring. Writers: emit.bpf.h. Reader:
 * user space, by mmap(). Never deleted. */
struct lost_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RECORD_KINDS);
	__type(key, __u32);
	__type(value, __u64);
};

/* Key: flow as the socket sees it; value: unused. The flows that a filter by owner lets through.
 * Writer: the socket witness. Reader: the packet witness, for closing segments only. Bound: least
 * recently used goes first. Without such a filter it is unread, and user space makes it small. */
struct wanted_flows_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 18);
	__type(key, struct flow);
	__type(value, __u8);
};

extern struct ring_map ring SEC(".maps");
extern struct stages_map stages SEC(".maps");
extern struct lost_map lost SEC(".maps");
extern struct wanted_flows_map wanted_flows SEC(".maps");
extern const volatile struct settings settings;

#endif

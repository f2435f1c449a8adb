/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the programs of the packet witness share (defined once, in tables.bpf.c).
 */
#ifndef TCPCLOSE_PACKET_TABLES_BPF_H
#define TCPCLOSE_PACKET_TABLES_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "packet/fin_acks.h"
#include "packet/parse.h"

/* Key: enum packet_count; value: how often. Writers: all programs here. Reader: user space, by
 * mmap(). Never deleted. */
struct packet_counts_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PACKET_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
};

/* A fragmented datagram at one place: fragments meet again at each hook they pass. */
struct fragment_key {
	__u8 source[16];
	__u8 target[16];
	__u32 id;
	__u32 netns;
	__u32 interface;
	__u32 hook;
};

/* The half that came first; segment.datagram is not 0 if that was the last fragment. */
struct fragment_value {
	struct tcp_segment segment;
	__u64 jiffies;
};

/* Key: a fragmented datagram; value: what its first or its last fragment told. Writer, reader and
 * deleter: fragments.bpf.h. Bound: least recently used goes first. */
struct fragments_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment_value);
};

/* What the program on this CPU has before it. */
struct packet_at_hand {
	struct tcp_segment segment;
	bool leaves;   /* else it arrives */
	bool ethernet; /* it begins with such a header, else with IP's */
};

/* Key: 0; value: see there. Writers: tc_parse(), xdp_parse(), and who goes on with tc_closely.
 * Reader: the program that called them. It is a map because a function that the verifier checks on
 * its own, once, can give back no more than a number (pointers: 5.12), and a program none that it
 * goes on with. */
struct packets_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet_at_hand);
};

extern struct packet_counts_map packet_counts SEC(".maps");
extern struct packets_map packets SEC(".maps");
extern struct fragments_map fragments SEC(".maps");

/* Index: by the ports of the flow. Writers and readers: fin_acks.bpf.h. A global, because its
 * address is then a constant of the program: nothing is looked up for an ordinary segment. */
extern struct fin_bucket fin_acks[FIN_BUCKETS];
/* Index: as before; whether FINs of this bucket may stand elsewhere (fin_across()), and since when:
 * fin_spill_now(). */
extern __u8 fin_spilled[FIN_BUCKETS];

static __always_inline struct packet_at_hand *this_packet(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&packets, &key);
}

static __always_inline struct tcp_segment *this_segment(void)
{
	struct packet_at_hand *packet = this_packet();

	return packet ? &packet->segment : NULL;
}

static __always_inline void count_packet(__u32 kind)
{
	__u64 *count = bpf_map_lookup_elem(&packet_counts, &kind);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif

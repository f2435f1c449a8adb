/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The memory of the packet witness: which FINs wait for their acknowledgement, and which segment
 * was it. Only the layout, so that user space can size and read it; the rules are in
 * fin_acks.bpf.h.
 */
#ifndef TCPCLOSE_PACKET_FIN_ACKS_H
#define TCPCLOSE_PACKET_FIN_ACKS_H

#include "record.h"

#define FIN_BUCKETS 16384
#define FIN_WAYS 4
#define FIN_PLACES 8

/* A FIN that waits (armed), or that has been acknowledged. */
struct fin_entry {
	__u32 signature;          /* of the flow that acknowledges it; 0: free */
	__u32 seq;                /* of the first segment that acknowledged it */
	__u32 state;              /* enum fin_entry_state in the low bits, time in the others */
	__u16 places[FIN_PLACES]; /* where that segment was seen; ends with 0 */
};

/* A bit for each FIN of a bucket whose acknowledgement may still come, by its number's hash: all
 * that most segments look at, in 32 kB that stay near the processor. */
typedef __u16 fin_tag;

/* ends[] is what is looked at where the tag has the bit: one cache line. */
struct fin_bucket {
	__u32 ends[FIN_WAYS]; /* number after the FIN, network order as in an ack field */
	struct fin_entry entries[FIN_WAYS];
};

_Static_assert(sizeof(struct fin_bucket) == 128, "two cache lines");

enum packet_count {
	PACKET_FIN_FORGOTTEN =
		0,              /* a waiting FIN had to make room for another: its ACK is missed */
	PACKET_UNREADABLE = 1,  /* headers in a part of the packet that cannot be reached */
	PACKET_PASSED_OVER = 2, /* no socket here has to do with it, and room was short: it was not
				   sent, or its acknowledgement is not waited for */
	PACKET_COUNTS,
};

#endif

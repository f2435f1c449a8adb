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

/* FINs that wait (armed), or that have been acknowledged: of each what stands at its way. The first
 * cache line is all that is looked at until one is acknowledged, and of most segments only ends[].
 */
struct fin_bucket {
	__u32 ends[FIN_WAYS];       /* number after the FIN, network order as in an ack field */
	__u32 signatures[FIN_WAYS]; /* of the flow that acknowledges it; 0: free */
	__u32 states[FIN_WAYS];     /* enum fin_state in the low bits, time in the others */
	__u32 seqs[FIN_WAYS];       /* of the first segment that acknowledged it */
	/* Where that segment was seen; ends with 0. */
	__u16 places[FIN_WAYS][FIN_PLACES];
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

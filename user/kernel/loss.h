/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Records that never arrived, by cause and kind, since the start. Only the shape: the probes fill
 * in what they know.
 */
#ifndef TCPCLOSE_KERNEL_LOSS_H
#define TCPCLOSE_KERNEL_LOSS_H

#include <stdint.h>

#include "record.h"

enum loss_cause {
	LOSS_NO_ROOM,    /* the ring was full */
	LOSS_SKIPPED,    /* the kernel did not run the program (recursion_misses, 5.12) */
	LOSS_FORGOTTEN,  /* too many FINs waited for their acknowledgement, or sockets in
			    TIME_WAIT */
	LOSS_UNREADABLE, /* headers in a part of the packet that programs cannot reach */
	LOSS_CAUSES,
};

struct loss {
	uint64_t records[LOSS_CAUSES][RECORD_KINDS];
	uint64_t passed_over; /* segments of no socket here that had no room: nobody's loss */
};

#endif

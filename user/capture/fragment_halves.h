/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fragmented datagrams: the first fragment has TCP's header, the last one tells how long the
 * segment is; what lies between does not matter. Whichever comes first waits in one of a fixed
 * number of places, where a newer one may replace it. It must not know connections.
 */
#ifndef TCPCLOSE_CAPTURE_FRAGMENT_HALVES_H
#define TCPCLOSE_CAPTURE_FRAGMENT_HALVES_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/parse.h"

#define FRAGMENT_PLACES 1024

struct fragment_half {
	struct tcp_segment segment; /* datagram is not 0: the last fragment */
	uint64_t time;              /* 0: none waits here */
	uint32_t interface;
};

struct fragment_halves {
	struct fragment_half places[FRAGMENT_PLACES];
};

/* True when the other half had been seen: the segment is then whole. */
bool fragment_halves_join(struct fragment_halves *halves, struct tcp_segment *segment,
			  uint32_t interface, uint64_t time);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A frame as a capture file holds it, whatever the file's format. Pointers are into the reader's
 * memory and valid until it is asked for the next one.
 */
#ifndef TCPCLOSE_CAPTURE_PACKET_H
#define TCPCLOSE_CAPTURE_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum packet_direction {
	PACKET_UNKNOWN = 0,
	PACKET_IN = 1,
	PACKET_OUT = 2,
};

struct packet {
	uint64_t time;   /* ns since 1970, UTC; where the file tells none, the packet's before it */
	uint64_t number; /* from 1, as Wireshark counts: journal entries, too */
	const uint8_t *data;
	uint32_t captured;
	uint32_t original;  /* never less than what was captured */
	uint32_t interface; /* in the order of the file's interfaces, all sections together */
	uint16_t link_type; /* LINKTYPE_..., as tcpdump.org numbers them */
	uint8_t direction;  /* enum packet_direction */
	/* Our own option of a recording (PCAPNG_OPTION_RECORD), NULL: none. */
	const uint8_t *record;
	size_t record_length;
};

#endif

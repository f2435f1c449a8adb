/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The pcap format (draft-ietf-opsawg-pcap): one header, then a packet after the other. It must not
 * know pcapng.
 */
#ifndef TCPCLOSE_CAPTURE_PCAP_H
#define TCPCLOSE_CAPTURE_PCAP_H

#include "capture/stream.h"

struct pcap {
	size_t header;  /* of a packet */
	uint32_t limit; /* bytes of one that may have been captured */
	uint32_t unit;  /* ns of what follows its seconds */
	uint16_t link_type;
	bool swapped;
};

/* Whether a file that begins with these four bytes is one. */
bool pcap_is(const uint8_t *magic);
/* Reads the file's header: false if it is cut off. */
bool pcap_begin(struct pcap *pcap, struct stream *stream);
/* CAPTURE_PACKET, and item is it; else what is the matter. */
enum capture_item_kind pcap_next(struct pcap *pcap, struct stream *stream,
				 struct capture_item *item);

#endif

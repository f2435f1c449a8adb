/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads the blocks of a pcapng file: packets and journal entries become items, sections and
 * interfaces are kept, what else there is, is skipped. It must not know pcap.
 */
#ifndef TCPCLOSE_CAPTURE_PCAPNG_READER_H
#define TCPCLOSE_CAPTURE_PCAPNG_READER_H

#include "capture/stream.h"

struct pcapng_interface;

struct pcapng_reader {
	struct pcapng_interface *interfaces; /* of all sections */
	uint32_t count;
	uint32_t room;
	uint32_t section; /* the first one of this section */
	uint64_t time;    /* of the latest packet */
	bool swapped;
};

/* Whether a file that begins with these four bytes is one. */
bool pcapng_is(const uint8_t *magic);
/* CAPTURE_PACKET or CAPTURE_JOURNAL, and item is it; else what is the matter. */
enum capture_item_kind pcapng_next(struct pcapng_reader *reader, struct stream *stream,
				   struct capture_item *item);
/* NULL: there is no such interface. */
const char *pcapng_interface_name(const struct pcapng_reader *reader, uint32_t interface);
void pcapng_done(struct pcapng_reader *reader);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), each whole, into a buffer, in this machine's
 * byte order. Times have nanoseconds. It must not know where they go.
 */
#ifndef TCPCLOSE_CAPTURE_PCAPNG_WRITER_H
#define TCPCLOSE_CAPTURE_PCAPNG_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct pcapng_section {
	const char *hardware;
	const char *os;
	const char *application;
};

struct pcapng_interface {
	const char *name;
	const char *description;
	uint16_t link_type;
	uint32_t snaplen;
};

struct pcapng_packet {
	uint32_t interface; /* in the order of the section's interfaces, from 0 */
	uint64_t time;      /* ns since 1970 */
	const void *data;
	uint32_t captured;
	uint32_t original;
	uint8_t direction;    /* enum packet_direction */
	const char *comments; /* each terminated; NULL if there is none */
	size_t comments_length;
	const void *record; /* our own option, NULL: none; at most PCAPNG_OPTION_LIMIT bytes */
	size_t record_length;
};

/* The longest value of an option; a longer comment or name is cut between two characters. */
#define PCAPNG_OPTION_LIMIT 0xffff

void pcapng_add_section(struct buffer *out, const struct pcapng_section *section);
void pcapng_add_interface(struct buffer *out, const struct pcapng_interface *interface);
void pcapng_add_packet(struct buffer *out, const struct pcapng_packet *packet);
/* One entry in the Journal Export Format. */
void pcapng_add_journal(struct buffer *out, const void *entry, size_t length);

#endif

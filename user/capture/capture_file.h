/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads a capture from a stream, forwards only: pcap (either byte order, micro- and nanoseconds)
 * and pcapng (any number of sections and interfaces), told apart by their first bytes. It must not
 * know TCP, nor what a recording of ours says.
 */
#ifndef TCPCLOSE_CAPTURE_FILE_H
#define TCPCLOSE_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/packet.h"

/* Where bytes come from: as read(2), 0 at the end, below 0 a negative errno. */
struct capture_source {
	ssize_t (*read)(void *context, void *bytes, size_t room);
	void *context;
};

enum capture_item_kind {
	CAPTURE_END,    /* nothing more comes */
	CAPTURE_BROKEN, /* the same, and something is wrong with the file: capture_file_trouble() */
	CAPTURE_PACKET, /* packet is valid */
	CAPTURE_JOURNAL, /* a systemd Journal Export Block: journal, journal_length; of packet only
			    its number */
};

struct capture_item {
	enum capture_item_kind kind;
	struct packet packet;
	const char *journal; /* as in the block, its padding not counted */
	size_t journal_length;
};

struct capture_file;

/* NULL without memory; what the stream is, is found out with the first item. */
struct capture_file *capture_file_open(const struct capture_source *source);
void capture_file_close(struct capture_file *file);

/* What comes next; what it points to is valid until the next call. After CAPTURE_END or
 * CAPTURE_BROKEN it stays that. */
struct capture_item capture_file_next(struct capture_file *file);

/* Why it is CAPTURE_BROKEN, a clause: "is cut short after frame 12"; else "". */
const char *capture_file_trouble(const struct capture_file *file);

/* Of the interface of a packet, "" if the file does not say; never NULL. From outside: escape it.
 */
const char *capture_file_interface(const struct capture_file *file, uint32_t interface);

/* Bytes taken from the source so far. */
uint64_t capture_file_position(const struct capture_file *file);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Numbers of the pcapng format (draft-ietf-opsawg-pcapng) that reader and writer share. No code.
 */
#ifndef TCPCLOSE_CAPTURE_PCAPNG_H
#define TCPCLOSE_CAPTURE_PCAPNG_H

enum pcapng_block {
	PCAPNG_INTERFACE = 1,
	PCAPNG_PACKET = 2, /* obsolete, still read */
	PCAPNG_SIMPLE_PACKET = 3,
	PCAPNG_ENHANCED_PACKET = 6,
	PCAPNG_JOURNAL = 9,
	/* Others' that Wireshark counts as frames: of the sysdig tool, and private ones. */
	PCAPNG_SYSTEM_CALL = 0x204,
	PCAPNG_SYSTEM_CALL_2 = 0x216,
	PCAPNG_SYSTEM_CALL_2_LARGE = 0x221,
	PCAPNG_CUSTOM = 0xbad,
	PCAPNG_CUSTOM_NO_COPY = 0x40000bad,
	PCAPNG_SECTION = 0x0a0d0d0a,
};

#define PCAPNG_BYTE_ORDER 0x1a2b3c4du

enum pcapng_option {
	PCAPNG_END_OF_OPTIONS = 0,
	PCAPNG_COMMENT = 1,
	PCAPNG_HARDWARE = 2, /* of a section */
	PCAPNG_OS = 3,
	PCAPNG_APPLICATION = 4,
	PCAPNG_NAME = 2,        /* of an interface */
	PCAPNG_DESCRIPTION = 3, /* of an interface */
	PCAPNG_RESOLUTION = 9,
	PCAPNG_TIME_OFFSET = 14,
	PCAPNG_FLAGS = 2, /* of a packet: bits 0 and 1 are the direction */
	/* Ours, of a packet: the segment's record as fields (record_fields.h). Numbers from 0x8000
	 * on are for local use. */
	PCAPNG_OPTION_RECORD = 0x8001,
};

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fields of a recording that writer and reader share, beside those of records (record_fields.h) and
 * names (names.h). No code.
 *
 * An entry, or the option of a packet, tells in this order: its number in the order in which the
 * core was called; one call, that of its record; the names that were looked up in that call; and
 * then any number of calls of correlator_advance(), each followed by its names.
 */
#ifndef TCPCLOSE_CAPTURE_RECORDING_FORMAT_H
#define TCPCLOSE_CAPTURE_RECORDING_FORMAT_H

/* What Wireshark shows of an entry. */
#define FIELD_REALTIME "__REALTIME_TIMESTAMP" /* us since 1970; must be an entry's first */
#define FIELD_MESSAGE "MESSAGE"

#define FIELD_SEQUENCE "TCPCLOSE_SEQUENCE"
#define FIELD_TICK "TCPCLOSE_TICK" /* a time that correlator_advance() was given */

/* Instead of a call: what user space told of something the core knows nothing of. Its value says
 * what; the fields around it are the teller's. */
#define FIELD_NOTE "TCPCLOSE_NOTE"

/* A verdict that found no packet to stand on: no call, no number. */
#define FIELD_VERDICT "TCPCLOSE_VERDICT"

/* The first entry of each file. Its number is the lowest that is in the file. */
#define FIELD_FORMAT "TCPCLOSE_FORMAT"
#define FIELD_RUN "TCPCLOSE_RUN"
#define FIELD_WALL_OFFSET "TCPCLOSE_WALL_OFFSET"
#define FIELD_STARTED "TCPCLOSE_STARTED"
#define FIELD_COUNT "TCPCLOSE_COUNT"
#define FIELD_QUESTIONS "TCPCLOSE_QUESTIONS"

/* Written. Of 1, which had no RECORD_FIELDS_ROW, a reader needs to know no more than that it may be
 * missing. */
#define RECORDING_FORMAT 2

#endif

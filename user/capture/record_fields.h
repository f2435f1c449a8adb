/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A record as fields of the Journal Export Format and back, so that a recording outlives changes of
 * struct layouts and byte orders. One table per kind of record. Its numbers and addresses are one
 * row, in the order of the table, those that all records have first: most of a recording is that,
 * and names would be two thirds of it. So a table may only grow at its end, and the one of all
 * kinds not at all. Each may also be a field of its own name, "TCPCLOSE_FROM=1", as in recordings
 * of format 1, where what is 0 was left out; names of tasks always are. What is unknown is skipped.
 * It must not know blocks or files.
 */
#ifndef TCPCLOSE_CAPTURE_RECORD_FIELDS_H
#define TCPCLOSE_CAPTURE_RECORD_FIELDS_H

#include "base/buffer.h"
#include "capture/journal.h"
#include "record.h"

/* The kind stands before the fields that depend on it, by its name. */
#define RECORD_FIELDS_KIND "TCPCLOSE_KIND"
#define RECORD_FIELDS_ROW "TCPCLOSE_RECORD"

/* Large enough for any record that is recorded. A segment's tail is not: the packet holds it. */
union any_record {
	struct record header;
	struct state_record state;
	struct segment_record segment;
	struct reset_record reset;
	struct retransmit_record retransmit;
	struct time_wait_record time_wait;
	struct namespace_record namespace;
	struct owner_record owner;
	struct loss_record loss;
};

/* Of the struct of a kind, 0: it is not recorded. */
size_t record_fields_size(uint16_t kind);

/* Adds all fields of a record, its kind first. False: it is not recorded. */
bool record_fields_add(struct buffer *out, const struct record *record);

/* Makes the record that a RECORD_FIELDS_KIND is the first field of. False: no such kind. */
bool record_fields_begin(union any_record *record, const struct journal_field *kind);

enum field_answer {
	FIELD_UNKNOWN, /* of this kind of record there is none such: skip it */
	FIELD_BAD,     /* its value is none: the record is bad */
	FIELD_TAKEN,
};

/* Fills one more field of that record. */
enum field_answer record_fields_take(union any_record *record, const struct journal_field *field);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A record as one line for people: what a recording shows between its packets. It knows no story
 * that the record is part of.
 */
#ifndef TCPCLOSE_OUTPUT_RECORD_MESSAGE_H
#define TCPCLOSE_OUTPUT_RECORD_MESSAGE_H

#include "output/output.h"

/* 10.0.0.5:52344 → 10.0.0.9:80  ESTABLISHED → FIN_WAIT1  curl[991] close() */
void record_message_add(struct buffer *out, const struct output_lookup *lookup,
			const struct record *record);

#endif

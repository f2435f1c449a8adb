/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is said of two recordings that are read together: whose they are, how far their clocks are
 * apart, how long a segment was on its way. It must not know how the offset is found.
 */
#ifndef TCPCLOSE_OUTPUT_JOINING_H
#define TCPCLOSE_OUTPUT_JOINING_H

#include "output/output.h"

/* Of one of the two, escaped, without its folder if that is clear. */
void joining_add_name(struct buffer *out, const struct output_join *join, unsigned int source);
/* Both, and the offset with its error: a sentence without its full stop. */
void joining_add_sentence(struct buffer *out, const struct output_join *join);
/* The same as a line of JSON. */
void joining_json(struct output *output);
/* A member of a teardown that both tell of. */
void joining_json_teardown(struct output *output, const struct teardown_report *report);
/* A member of a segment that was seen at both ends. */
void joining_json_segment(struct buffer *out, const struct connection_view *connection,
			  const struct segment *segment);
/* For a ladder: how long it was on its way, or that the other end never saw it. */
void joining_add_delay(struct buffer *out, const struct connection_view *connection,
		       const struct segment *segment);

#endif

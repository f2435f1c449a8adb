/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The verdict on a close as one sentence for people: what kind, who began it and how, why, and
 * what is not certain. It knows no columns and no lines.
 */
#ifndef TCPCLOSE_OUTPUT_SENTENCE_H
#define TCPCLOSE_OUTPUT_SENTENCE_H

#include "output/output.h"

void sentence_add(struct buffer *out, const struct output *output,
		  const struct teardown_report *report);

#endif

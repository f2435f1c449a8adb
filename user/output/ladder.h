/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One teardown as a ladder: time down, the two ends left and right, the segments between them. What
 * was not observed carries a ~. The left end is the report's. It must not know what else the text
 * format says.
 */
#ifndef TCPCLOSE_OUTPUT_LADDER_H
#define TCPCLOSE_OUTPUT_LADDER_H

#include "output/output.h"

void ladder_add(struct output *output, const struct teardown_report *report);

#endif

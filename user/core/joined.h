/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A connection that two recordings have: which of them was made at which end, and so when a segment
 * left and when it arrived. Their clocks were set alike before. Pure functions of a story; it must
 * not know how it was found.
 */
#ifndef TCPCLOSE_CORE_JOINED_H
#define TCPCLOSE_CORE_JOINED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/report.h"

/* Sets view->joined and the source of each end. */
void joined_derive(struct connection_view *view);

/* When a segment was at an end: it left with its first sighting there, it arrived with its last.
 * NULL: it was not seen there. */
const struct sighting *joined_sighting(const struct connection_view *view,
				       const struct segment *segment, unsigned int end);

/* How long it was on its way; below 0: the clocks differ by more than is known. False: it was not
 * seen at both ends. */
bool joined_delay(const struct connection_view *view, const struct segment *segment,
		  int64_t *delay);

#endif

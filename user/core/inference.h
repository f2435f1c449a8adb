/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The states of an end of which no socket tells (any more), from segments alone, by the state
 * machine of RFC 9293, 3.3.2 and 3.10.7.4. A segment on the wire may still be lost: all of it is
 * inferred.
 */
#ifndef TCPCLOSE_CORE_INFERENCE_H
#define TCPCLOSE_CORE_INFERENCE_H

#include "core/report.h"

/* Writes at most `room` changes of `end` and returns how many. */
uint32_t infer_states(const struct connection_view *connection, unsigned int end,
		      struct state_change *changes, uint32_t room);

/* Whether this end is known to have ended by FINs alone, or without a socket seems to have reached
 * TIME_WAIT: then no RST had an effect on the close. */
bool ended_by_fins(const struct connection_end *end);

#endif

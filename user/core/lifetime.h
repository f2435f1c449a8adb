/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * When something of a connection is due, its report or that it is forgotten, and which one goes
 * when there are too many. It must not know what records say.
 */
#ifndef TCPCLOSE_CORE_LIFETIME_H
#define TCPCLOSE_CORE_LIFETIME_H

#include "core/correlator_state.h"

/* After each change of a connection: what is due next for it, and when. */
void lifetime_set(struct correlator *correlator, struct connection *connection);

/* When something is due; UINT64_MAX: nothing. */
static inline uint64_t lifetime_deadline(const struct correlator *correlator)
{
	const struct heap_item *first = heap_first(&correlator->deadlines);
	uint64_t deadline = waiting_deadline(&correlator->waiting);

	return first && first->time < deadline ? first->time : deadline;
}

/* What is due by then leaves. */
void lifetime_advance(struct correlator *correlator, uint64_t now);

/* After there may be one more: the limits hold again. */
void lifetime_make_room(struct correlator *correlator);

/* Nothing more is known of it. */
void lifetime_forget(struct correlator *correlator, struct connection *connection);
/* The same for one that no socket claimed: of a capture it is reported first, as it stands. */
void lifetime_drop(struct correlator *correlator, struct connection *connection,
		   enum incomplete_reason reason);

#endif

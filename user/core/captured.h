/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What foreign captures tell of connections (RECORD_WIRE): of one that is not known yet it waits
 * for the segment that it came before, then it is the connection's. It must not know how
 * connections are found by their segments.
 */
#ifndef TCPCLOSE_CORE_CAPTURED_H
#define TCPCLOSE_CORE_CAPTURED_H

#include "core/connection.h"

/* The latest of each capture. */
struct captured {
	struct {
		bool tells; /* that source is one */
		bool waits;
		struct wire_record record;
	} news[CONNECTION_CAPTURES];
};

/* The connection that it is about, if that has this name already, has it now; else it waits. */
void captured_note(struct captured *captured, struct connection_table *table,
		   const struct wire_record *record);

/* Whether this source is a capture: live there is none. */
static inline bool captured_tells(const struct captured *captured, uint16_t source)
{
	return captured->news[source % CONNECTION_CAPTURES].tells;
}

/* What came before this segment, or NULL; valid until the next note. */
const struct wire_record *captured_take(struct captured *captured,
					const struct segment_record *segment);

/* Whether a segment of no known connection belongs to one that was reported before: else it were
 * its capture's first word of it. */
bool captured_is_late(const struct captured *captured, const struct segment_record *segment,
		      const struct wire_record *news);

/* Puts it into the connection; `end` is the one at ends[0] of the record. */
void captured_apply(struct connection_table *table, struct connection *connection,
		    const struct wire_record *record, unsigned int end);

/* The time from which a FIN that nobody acknowledged has been given up: its sender would have sent
 * it again. UINT64_MAX: there is none, or not yet sent often enough to tell. */
uint64_t captured_gives_up(const struct connection *connection);

#endif

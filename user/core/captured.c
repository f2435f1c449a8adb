// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/captured.h"

#include "core/flow.h"

/* Fewer may be an acknowledgement that the capture lacks. */
#define GIVES_UP_AFTER 4
/* The wait doubles (RFC 6298, 5.5); the capture may lack two. */
#define GIVES_UP_FACTOR 8

const struct wire_record *captured_take(struct captured *captured,
					const struct segment_record *segment)
{
	unsigned int place = segment->header.source % CONNECTION_CAPTURES;
	const struct wire_record *record = &captured->news[place].record;
	struct flow reverse;

	if (!captured->news[place].waits || record->header.source != segment->header.source)
		return NULL;
	reverse = flow_reverse(&segment->header.flow);
	if (!flow_equal(&record->header.flow, &segment->header.flow) &&
	    !flow_equal(&record->header.flow, &reverse))
		return NULL;
	captured->news[place].waits = false;
	return record;
}

bool captured_is_late(const struct captured *captured, const struct segment_record *segment,
		      const struct wire_record *news)
{
	return captured_tells(captured, segment->header.source) && (!news || news->told);
}

/* Of two captures the one that has the handshake knows better. */
static void apply_isn(struct connection_end *end, const struct wire_end *told, bool first)
{
	bool assumed = told->isn_how == WIRE_ISN_ASSUMED;

	if (told->isn_how == WIRE_ISN_UNKNOWN || end->has_socket)
		return;
	if (end->has_isn && !first && (assumed || !end->isn_assumed))
		return;
	end->has_isn = true;
	end->isn_assumed = assumed;
	end->isn = told->isn;
}

static void apply_end(struct connection_end *end, const struct wire_end *told, uint8_t role,
		      bool first)
{
	apply_isn(end, told, first);
	if (told->bytes > end->bytes)
		end->bytes = told->bytes;
	if (first || told->wscale != WIRE_SCALE_UNKNOWN)
		end->wscale = told->wscale;
	if (first || role != ROLE_UNKNOWN)
		end->role = role;
}

static uint8_t other_role(uint8_t role)
{
	return role == ROLE_CLIENT ? ROLE_SERVER : role == ROLE_SERVER ? ROLE_CLIENT : ROLE_UNKNOWN;
}

void captured_apply(struct connection_table *table, struct connection *connection,
		    const struct wire_record *record, unsigned int end)
{
	struct connection_view *view = &connection->view;
	bool first;

	connection_add_capture(connection, record);
	first = connection->captures[0].source == record->header.source;
	apply_end(&view->ends[end], &record->ends[0], record->role, first);
	apply_end(&view->ends[!end], &record->ends[1], other_role(record->role), first);
	view->wire.known = true;
	view->wire.completeness |= record->completeness;
	if (first)
		view->wire.stream = record->stream;
	/* Times are those of one clock. */
	if (first || !view->wire.born) {
		view->wire.born = record->born;
		view->wire.initial_rtt = record->initial_rtt;
	}
	connection_set_numbers(table, connection);
}

void captured_note(struct captured *captured, struct connection_table *table,
		   const struct wire_record *record)
{
	unsigned int place = record->header.source % CONNECTION_CAPTURES, end;
	struct connection *connection;
	struct tuple_link *at = NULL;

	while ((connection = connection_next_tuple(table, &record->header.flow, &at, &end))) {
		const struct capture_name *name =
			connection_capture(connection, record->header.source);

		if (!name || name->stream != record->stream)
			continue;
		captured_apply(table, connection, record, end);
		return;
	}
	captured->news[place].waits = true;
	captured->news[place].tells = true;
	captured->news[place].record = *record;
}

uint64_t captured_gives_up(const struct connection *connection)
{
	const struct connection_view *view = &connection->view;
	uint64_t times[2][2] = {{0}}; /* of the last two transmissions */
	unsigned int counts[2] = {0};

	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *segment = &view->segments[i];
		const struct fin *fin = &connection->ends[!segment->sender].fin;
		unsigned int sender = segment->sender;

		if (segment->flags & SEGMENT_ACK && fin->known && segment->ack == fin->end)
			counts[!sender] = 0;
		if (!(segment->flags & SEGMENT_FIN))
			continue;
		counts[sender]++;
		times[sender][0] = times[sender][1];
		times[sender][1] = segment->time;
	}
	for (unsigned int end = 0; end < 2; end++)
		if (counts[end] >= GIVES_UP_AFTER)
			return times[end][1] + GIVES_UP_FACTOR * (times[end][1] - times[end][0]);
	return UINT64_MAX;
}

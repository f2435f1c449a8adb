// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/matching.h"

#include "core/flow.h"
#include "core/segment.h"

/* Behind NAT a segment is known again by its numbers for this long. */
#define SAME_NUMBERS_WITHIN 2000000000ull
enum fit {
	FIT_NONE,
	FIT_WEAK,  /* the addresses alone, or nothing to compare with */
	FIT_NEAR,  /* its numbers are near those in use */
	FIT_EXACT, /* it is this FIN or acknowledges it */
};

static enum fit fit_position(const struct end_state *end, uint32_t position)
{
	if (!end->has_position)
		return FIT_WEAK;
	/* Nothing follows a FIN: it is of the next connection with these addresses, whose numbers
	 * begin not far away (RFC 6191). */
	if (end->fin.known && (int32_t)(position - end->fin.end) > 0)
		return FIT_NONE;
	return segment_numbers_near(position, end->position) ? FIT_NEAR : FIT_NONE;
}

/* Surely not where it was first seen. */
static bool elsewhere(const struct connection *connection, const struct record *record)
{
	return connection->source != record->source ||
	       (connection->netns && record->netns && connection->netns != record->netns);
}

static enum fit fit_segment(const struct connection *connection, unsigned int sender,
			    const struct segment_record *record)
{
	const struct end_state *from = &connection->ends[sender];
	const struct end_state *to = &connection->ends[!sender];
	bool has_length = !(record->notes & SEGMENT_LENGTH_UNKNOWN);
	enum fit fit;

	if (flow_is_loopback(&record->header.flow) && elsewhere(connection, &record->header))
		return FIT_NONE;
	if (record->flags & SEGMENT_FIN && from->fin.known && has_length)
		return record->seq + record->payload + 1 == from->fin.end ? FIT_EXACT : FIT_NONE;
	if (record->flags & SEGMENT_ACK && to->fin.known && record->ack == to->fin.end)
		return FIT_EXACT;
	fit = fit_position(from, record->seq);
	if (record->flags & SEGMENT_ACK) {
		enum fit ack = fit_position(to, record->ack);

		/* A RST that answers a segment without ACK carries no sequence number of its own.
		 */
		if (record->flags & SEGMENT_RST && !record->seq)
			return ack;
		fit = ack < fit ? ack : fit;
	}
	return fit;
}

/* A foreign capture tells its connections apart by itself: without news it goes on with the latest
 * between these addresses. What another capture told of is found by the numbers of both SYNs, which
 * NAT leaves alone. */
struct connection *matching_captured(struct connection_table *table,
				     const struct segment_record *record,
				     const struct wire_record *news, unsigned int *sender)
{
	const struct flow *flow = &record->header.flow;
	const struct capture_name *name;
	struct connection *candidate;
	struct tuple_link *at = NULL;
	unsigned int end;

	while ((candidate = connection_next_tuple(table, flow, &at, &end))) {
		name = connection_capture(candidate, record->header.source);
		if (!name || (news && name->stream != news->stream))
			continue;
		*sender = end;
		return candidate;
	}
	if (!news || news->ends[0].isn_how != WIRE_ISN_SYN || news->ends[1].isn_how != WIRE_ISN_SYN)
		return NULL;
	candidate = connection_find_numbers(table, news->ends[0].isn, news->ends[1].isn, &end);
	if (!candidate || connection_capture(candidate, record->header.source))
		return NULL;
	*sender = flow_equal(flow, &news->header.flow) ? end : !end;
	connection_add_tuple(table, candidate, &record->header, *sender);
	return candidate;
}

struct connection *matching_segment(struct connection_table *table,
				    const struct segment_record *record, unsigned int *sender)
{
	uint16_t source = record->header.source;
	struct connection *found = NULL, *candidate;
	struct tuple_link *at = NULL;
	enum fit best = FIT_NONE;
	struct mark_link *mark;
	unsigned int end;

	while ((candidate = connection_next_tuple(table, &record->header.flow, &at, &end))) {
		enum fit fit = fit_segment(candidate, end, record);

		if (fit > best && !connection_capture(candidate, source)) {
			best = fit;
			found = candidate;
			*sender = end;
		}
	}
	if (found || !(record->flags & (SEGMENT_FIN | SEGMENT_RST)) || !record->seq)
		return found;
	/* Behind NAT the same segment has other addresses and the same numbers. */
	mark = connection_find_mark(table, record, SAME_NUMBERS_WITHIN);
	if (!mark || connection_capture(mark->connection, source))
		return NULL;
	*sender = mark->sender;
	connection_add_tuple(table, mark->connection, &record->header, *sender);
	return mark->connection;
}

/* It has a segment of before the socket was born. */
static bool is_older(const struct connection *connection, const struct state_record *record)
{
	const struct connection_view *view = &connection->view;

	return connection->last_time < record->born ||
	       (view->segment_count &&
		view->segments[0].sightings[0].source == record->header.source &&
		view->segments[0].time < record->born);
}

struct connection *matching_socket(const struct connection_table *table,
				   const struct state_record *record, unsigned int *end)
{
	struct connection *candidate, *weak = NULL;
	struct tuple_link *at = NULL;
	unsigned int local, weak_end = 0;

	while ((candidate = connection_next_tuple(table, &record->header.flow, &at, &local))) {
		const struct end_state *ends = candidate->ends;
		enum fit ours, theirs;

		if (candidate->view.ends[local].has_socket || is_older(candidate, record))
			continue;
		if (place_of(candidate->source, candidate->netns) !=
			    record_place(&record->header) &&
		    flow_is_loopback(&record->header.flow))
			continue;
		ours = fit_position(&ends[local], record->snd_nxt);
		theirs = fit_position(&ends[!local], record->rcv_nxt);
		if (ours == FIT_NONE || theirs == FIT_NONE)
			continue;
		*end = local;
		if (ours == FIT_NEAR && theirs == FIT_NEAR)
			return candidate;
		if (!weak) {
			weak = candidate;
			weak_end = local;
		}
	}
	*end = weak_end;
	return weak;
}

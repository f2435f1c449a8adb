// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/intake.h"

#include "core/flow.h"
#include "core/lifetime.h"
#include "core/matching.h"
#include "core/orphan.h"
#include "core/reporting.h"
#include "core/segment.h"
#include "core/socket.h"

/* ns. A change of state and the segment that it goes with come within this time: what is told soon
 * after a loss may lack the other. */
#define OF_ONE_STEP 5000000

static void take_late_segment(struct correlator *correlator, const struct connection *connection,
			      const struct segment_record *record, unsigned int sender)
{
	const struct connection_view *view = &connection->view;

	waiting_take_segment(&correlator->waiting, record);
	/* Of two recordings the one where it arrives counts it. */
	if (!view->joined || record->header.source == view->ends[!sender].source)
		correlator->stats.late_segments++;
}

/* More segments than are kept of one connection: of one that is nobody's here it is no loss. */
static void count_surplus(struct correlator *correlator, const struct connection *connection)
{
	if (connection->claimed || correlator->settings.wire)
		correlator->stats.lost[RECORD_SEGMENT]++;
	else
		correlator->stats.unclaimed++;
}

/* The other end may be a socket of this machine, too, of which nothing was told yet. */
static bool may_have_twin(const struct connection *connection)
{
	const struct connection_end *ends = connection->view.ends;

	return connection->claimed && !(ends[0].has_socket && ends[1].has_socket);
}

static void add_segment(struct correlator *correlator, struct connection *connection,
			const struct segment_record *record, unsigned int sender)
{
	bool marks = record->flags & (SEGMENT_FIN | SEGMENT_RST) && record->seq;
	const struct segment *segment;
	bool told;

	connection->last_time = record->header.time;
	if (correlator->settings.sources > 1)
		connection_add_tuple(&correlator->table, connection, &record->header, sender);
	segment = segment_seen_again(connection, record, sender);
	if (segment) {
		orphan_take_segment(connection, segment);
		return;
	}
	told = reporting_is_done(connection);
	if (told)
		take_late_segment(correlator, connection, record, sender);
	if (told && !may_have_twin(connection))
		return;
	segment = segment_begin(connection, record, sender, correlator->settings.segments);
	if (!segment) {
		if (!told)
			count_surplus(correlator, connection);
		return;
	}
	if (marks)
		connection_add_mark(&correlator->table, connection, segment);
	orphan_take_segment(connection, segment);
}

static void take_segment(struct correlator *correlator, const struct segment_record *record)
{
	const struct wire_record *news = captured_take(&correlator->captured, record);
	struct connection_table *table = &correlator->table;
	struct connection *connection = NULL;
	unsigned int sender = 0;

	if (captured_tells(&correlator->captured, record->header.source))
		connection = matching_captured(table, record, news, &sender);
	if (!connection)
		connection = matching_segment(table, record, &sender);
	if (!connection && (waiting_take_segment(&correlator->waiting, record) ||
			    captured_is_late(&correlator->captured, record, news))) {
		correlator->stats.late_segments++;
		return;
	}
	if (!connection) {
		/* The answer to a SYN for which there is no listener ends no connection. */
		if (record->flags & SEGMENT_RST && !record->seq) {
			correlator->stats.unclaimed++;
			return;
		}
		connection = connection_new(table, &record->header);
		if (!connection) {
			correlator->stats.lost[RECORD_SEGMENT]++;
			return;
		}
	}
	if (news)
		captured_apply(table, connection, news,
			       flow_equal(&news->header.flow, &record->header.flow) ? sender
										    : !sender);
	add_segment(correlator, connection, record, sender);
	lifetime_set(correlator, connection);
	lifetime_make_room(correlator);
}

static struct socket_link *socket_of(struct correlator *correlator, const struct record *header,
				     uint64_t socket)
{
	return socket ? connection_find_socket(&correlator->table, header->source, socket) : NULL;
}

static void take_reset(struct correlator *correlator, const struct reset_record *record)
{
	struct socket_link *link = socket_of(correlator, &record->header, record->socket);

	if (link)
		socket_note_reset(&link->connection->view.ends[link->end].socket, record);
	else if (record->socket)
		forerunners_add_reset(&correlator->forerunners, record);
}

/* A socket has had its addresses since it was born: what held them before is gone, though nobody
 * told how. */
static void end_former(struct correlator *correlator, const struct state_record *record)
{
	struct connection *former;
	struct tuple_link *at = NULL;
	unsigned int end;

	waiting_take_socket(&correlator->waiting, record);
	while ((former = connection_next_tuple(&correlator->table, &record->header.flow, &at,
					       &end))) {
		if (!former->ends[end].orphan || record->born <= former->ends[end].orphan_since ||
		    socket_place(&former->view.ends[end].socket) != record_place(&record->header))
			continue;
		orphan_lose(former, end, record->born);
		lifetime_set(correlator, former);
	}
}

static bool is_gap(const struct correlator *correlator, const struct state_record *record)
{
	uint64_t gap = correlator->gap[record->header.source % CONNECTION_CAPTURES];

	return gap && record->born <= gap;
}

static struct connection *claim(struct correlator *correlator, const struct state_record *record,
				unsigned int *end)
{
	struct connection_table *table = &correlator->table;
	struct connection *connection = NULL;
	struct socket_isn isn = socket_isn(record);

	if (isn.known)
		connection = connection_find_numbers(table, isn.local, isn.remote, end);
	if (!connection || connection->view.ends[*end].has_socket)
		connection = matching_socket(table, record, end);
	if (!connection) {
		connection = connection_new(table, &record->header);
		*end = 0;
	}
	if (!connection)
		return NULL;
	connection_claim(table, connection);
	connection_add_tuple(table, connection, &record->header, *end);
	connection_add_socket(table, connection, *end, record->header.source, record->socket);
	socket_begin(connection, *end, record);
	connection->view.ends[*end].socket.gap = is_gap(correlator, record);
	end_former(correlator, record);
	forerunners_apply_reset(&correlator->forerunners, connection, *end);
	return connection;
}

/* What was lost may be its first changes, if it was found late, or its first segments. */
static bool may_lack_records(const struct correlator *correlator, const struct state_record *record,
			     uint32_t incomplete)
{
	unsigned int source = record->header.source % CONNECTION_CAPTURES;

	if (correlator->stats.lost[RECORD_STATE] && incomplete & INCOMPLETE_STARTED_LATE)
		return true;
	return record->header.time <= correlator->lossy_until[source];
}

static void take_state(struct correlator *correlator, const struct state_record *record)
{
	struct connection *connection = NULL;
	struct socket_link *link = NULL;
	unsigned int end = 0;
	bool lost = false, kept;

	if (record->from == TCP_STATE_LISTEN) {
		forerunners_add_listener(&correlator->forerunners, record);
		return;
	}
	link = socket_of(correlator, &record->header, record->socket);
	if (link && socket_told_before(link->connection, link->end, record))
		return;
	if (link && link->connection->view.ends[link->end].socket.over) {
		if (tcp_state_is_closing(record->from)) {
			correlator->stats.bad_records++;
			return;
		}
		/* The same socket connected again (connect() after AF_UNSPEC): another life. */
		connection_remove_socket(&correlator->table, link->connection, link->end);
		link = NULL;
	}
	if (link) {
		connection = link->connection;
		end = link->end;
		if (record->context & CONTEXT_SNAPSHOT)
			return; /* attached before the snapshot: the change itself was seen */
		lost = connection->ends[end].incomplete & INCOMPLETE_LOST_RECORDS;
	} else {
		connection = claim(correlator, record, &end);
		if (!connection) {
			correlator->changes_told_lost++;
			correlator_count_losses(correlator);
			return;
		}
	}
	kept = socket_change(connection, end, record);
	if (!kept || (!lost && connection->ends[end].incomplete & INCOMPLETE_LOST_RECORDS))
		correlator->changes_missed++;
	correlator_count_losses(correlator);
	connection_set_numbers(&correlator->table, connection);
	if (may_lack_records(correlator, record, connection->ends[end].incomplete))
		connection->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
	forerunners_apply_listener(&correlator->forerunners, connection, end, record);
	orphan_take_earlier_segments(connection, end);
	connection->last_time = record->header.time;
	lifetime_set(correlator, connection);
	lifetime_make_room(correlator);
}

/* A capture shows that the addresses are used anew: what it told of until then is a story of its
 * own, whose end it may not have. */
static void report_superseded(struct correlator *correlator, const struct record *header)
{
	struct connection *connection;
	struct tuple_link *at = NULL;
	unsigned int end;

	while ((connection = connection_next_tuple(&correlator->table, &header->flow, &at, &end))) {
		if (!connection_capture(connection, header->source))
			continue;
		if (connection->claimed) {
			reporting_as_it_stands(correlator, connection, INCOMPLETE_LOST_RECORDS);
			lifetime_forget(correlator, connection);
		} else {
			lifetime_drop(correlator, connection, INCOMPLETE_LOST_RECORDS);
		}
		at = NULL;
	}
}

/* A TIME_WAIT may have begun so recently that its teardown is not reported yet: then it is. */
static void report_before(struct correlator *correlator, const struct time_wait_record *record)
{
	const struct flow *flow = &record->header.flow;
	struct connection *connection;
	struct tuple_link *at = NULL;
	unsigned int end;

	if (correlator->settings.wire)
		report_superseded(correlator, &record->header);
	if (time_waits_find(&correlator->waiting.table, flow, record_place(&record->header)))
		return;
	while ((connection = connection_next_tuple(&correlator->table, flow, &at, &end))) {
		const struct socket_facts *socket = &connection->view.ends[end].socket;

		if (!connection->view.ends[end].has_socket || !socket->over ||
		    connection->ends[end].reported ||
		    socket_place(socket) != record_place(&record->header))
			continue;
		reporting_of_over(correlator, connection);
		lifetime_set(correlator, connection);
		return;
	}
}

/* The orphans of a namespace that was deleted. */
static void destroy_orphans(struct correlator *correlator, const struct record *header)
{
	for (struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++) {
			if (!at->ends[end].orphan ||
			    socket_place(&at->view.ends[end].socket) != record_place(header))
				continue;
			orphan_destroy(at, end, header->time);
			lifetime_set(correlator, at);
		}
}

static void take_orphan(struct correlator *correlator, const struct time_wait_record *record)
{
	unsigned int end;
	struct connection *connection = orphan_find(&correlator->table, record, &end);

	if (!connection)
		return;
	orphan_take_record(connection, end, record);
	lifetime_set(correlator, connection);
}

static bool may_be_of_orphan(const struct correlator *correlator,
			     const struct time_wait_record *record)
{
	if (record->substate == TCP_STATE_FIN_WAIT2 || record->event == TIME_WAIT_RESTART)
		return true;
	if (record->event != TIME_WAIT_EXPIRED && record->event != TIME_WAIT_TAKEN &&
	    (record->event != TIME_WAIT_REMOVED || record->substate))
		return false;
	return !time_waits_find(&correlator->waiting.table, &record->header.flow,
				record_place(&record->header));
}

static void take_time_wait(struct correlator *correlator, const struct time_wait_record *record)
{
	if (record->event == TIME_WAIT_EMPTY)
		destroy_orphans(correlator, &record->header);
	if (may_be_of_orphan(correlator, record))
		take_orphan(correlator, record);
	if (record->substate == TCP_STATE_FIN_WAIT2)
		return;
	if (record->event == TIME_WAIT_EXPIRED || record->event == TIME_WAIT_TAKEN ||
	    record->event == TIME_WAIT_REMOVED)
		report_before(correlator, record);
	waiting_take_record(&correlator->waiting, record);
	correlator_count_losses(correlator);
}

static void take_owner(struct correlator *correlator, const struct owner_record *record)
{
	struct socket_link *link = socket_of(correlator, &record->header, record->socket);

	if (link && !link->connection->view.ends[link->end].socket.owner.pid)
		link->connection->view.ends[link->end].socket.owner = record->owner;
}

static void take_loss(struct correlator *correlator, const struct loss_record *record)
{
	uint64_t time = record->header.time, until = record->until > time ? record->until : time;

	if (record->lost_kind == RECORD_STATE)
		correlator->changes_told_lost += record->count;
	else if (record->lost_kind == RECORD_TIME_WAIT)
		correlator->ends_told_lost += record->count;
	else
		correlator->stats.lost[record->lost_kind] += record->count;
	correlator_count_losses(correlator);
	correlator->gap[record->header.source % CONNECTION_CAPTURES] = until;
	correlator->lossy_until[record->header.source % CONNECTION_CAPTURES] = until + OF_ONE_STEP;
	for (struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++)
			if (!at->view.ends[end].has_socket ||
			    at->view.ends[end].socket.source == record->header.source)
				at->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
}

/* What one recording tells has ended; the other may go on. */
static void take_end(struct correlator *correlator, const struct record *record)
{
	struct connection_table *table = &correlator->table;

	if (++correlator->ended < correlator->settings.sources) {
		waiting_end(&correlator->waiting, record->source, record->time);
		return;
	}
	while (table->claimed.oldest) {
		reporting_as_it_stands(correlator, table->claimed.oldest, INCOMPLETE_STOPPED);
		lifetime_forget(correlator, table->claimed.oldest);
	}
	while (table->unclaimed.oldest)
		lifetime_drop(correlator, table->unclaimed.oldest, INCOMPLETE_STOPPED);
	while (table->told.oldest)
		lifetime_forget(correlator, table->told.oldest);
	waiting_end(&correlator->waiting, record->source, record->time);
}

void intake_take(struct correlator *correlator, const struct record *record)
{
	const void *body = record;

	correlator->time = record->time;
	switch ((enum record_kind)record->kind) {
	case RECORD_STATE:
		take_state(correlator, body);
		break;
	case RECORD_SEGMENT:
		take_segment(correlator, body);
		break;
	case RECORD_RESET:
		take_reset(correlator, body);
		break;
	case RECORD_RETRANSMIT: {
		const struct retransmit_record *retransmit = body;
		struct socket_link *link =
			socket_of(correlator, &retransmit->header, retransmit->socket);

		if (link)
			link->connection->view.ends[link->end].socket.kernel_retransmissions++;
		break;
	}
	case RECORD_TIME_WAIT:
		take_time_wait(correlator, body);
		break;
	case RECORD_OWNER:
		take_owner(correlator, body);
		break;
	case RECORD_LOSS:
		take_loss(correlator, body);
		break;
	case RECORD_END:
		take_end(correlator, record);
		break;
	case RECORD_WIRE:
		captured_note(&correlator->captured, &correlator->table, body);
		break;
	case RECORD_NAMESPACE: /* for the loader */
	case RECORD_TICK:
	case RECORD_KINDS:
		break;
	}
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/correlator.h"

#include <stdlib.h>

#include "core/connection.h"
#include "core/flow.h"
#include "core/forerunners.h"
#include "core/matching.h"
#include "core/orphan.h"
#include "core/segment.h"
#include "core/socket.h"
#include "core/waiting.h"

#define MS 1000000ull
#define S (1000 * MS)

struct correlator {
	struct correlator_settings settings;
	struct correlator_listener listener;
	struct connection_table table;
	struct waiting waiting;
	struct heap deadlines;
	struct core_stats stats;
	uint64_t time;              /* of the latest record */
	uint64_t changes_told_lost; /* by the source; it does not know of all */
	uint64_t changes_missed;    /* found missing in the stories */
	uint64_t ends_told_lost;    /* of TIME_WAIT, as changes_told_lost */
	struct forerunners forerunners;
};

const struct correlator_settings correlator_defaults = {
	.connections = 1 << 17,
	.time_waits = 1 << 20,
	.unclaimed = 1 << 13,
	.segments = 256,
	.settle = 20 * MS,
	.tolerance = 5 * MS,
	.linger = 100 * MS,
	.unclaimed_life = 120 * S,
	.orphan_limit = 70 * S, /* TCP_TIMEWAIT_LEN and what the timer wheel rounds up */
	.time_wait_limit = 70 * S,
	.silence = 2 * S, /* a FIN that was not acknowledged would have been sent again */
};

struct correlator *correlator_new(const struct correlator_settings *settings,
				  const struct correlator_listener *listener)
{
	struct correlator *correlator = calloc(1, sizeof(*correlator));

	if (!correlator)
		return NULL;
	correlator->settings = *settings;
	correlator->listener = *listener;
	heap_init(&correlator->deadlines);
	if (connection_table_init(&correlator->table)) {
		free(correlator);
		return NULL;
	}
	if (waiting_init(&correlator->waiting)) {
		correlator_free(correlator);
		return NULL;
	}
	correlator->waiting.room = settings->time_waits;
	correlator->waiting.stats = &correlator->stats;
	correlator->waiting.wire = settings->wire;
	correlator->waiting.limit = settings->time_wait_limit;
	correlator->waiting.listener = (struct waiting_listener){
		.began = listener->time_wait_began,
		.ended = listener->time_wait,
		.question = listener->question,
		.context = listener->context,
	};
	return correlator;
}

void correlator_free(struct correlator *correlator)
{
	if (!correlator)
		return;
	connection_table_done(&correlator->table);
	waiting_done(&correlator->waiting);
	heap_done(&correlator->deadlines);
	free(correlator);
}

const struct core_stats *correlator_stats(const struct correlator *correlator)
{
	return &correlator->stats;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* Between the end of the teardown and its report. */
static bool waits_unreported(const struct connection *connection, unsigned int end)
{
	const struct connection_end *shown = &connection->view.ends[end];

	return shown->socket.over && !connection->ends[end].reported && shown->state_count &&
	       shown->states[shown->state_count - 1].to == TCP_STATE_TIME_WAIT;
}

size_t correlator_mini_sockets(const struct correlator *correlator, uint32_t netns)
{
	size_t count = time_waits_count(&correlator->waiting.table, netns);

	for (const struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++)
			count += at->view.ends[end].socket.netns == netns &&
				 (at->ends[end].orphan || waits_unreported(at, end));
	return count;
}

static size_t add_place(uint32_t *netns, size_t count, size_t room, uint32_t another)
{
	for (size_t i = 0; i < count; i++)
		if (netns[i] == another)
			return count;
	if (count < room)
		netns[count++] = another;
	return count;
}

size_t correlator_places(const struct correlator *correlator, uint32_t *netns, size_t room)
{
	const struct time_wait_place *place = correlator->waiting.table.newest_place;
	size_t count = 0;

	for (; place; place = place->next)
		count = add_place(netns, count, room, place->netns);
	for (const struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++)
			if (at->ends[end].orphan)
				count = add_place(netns, count, room,
						  at->view.ends[end].socket.netns);
	return count;
}

bool correlator_is_empty(const struct correlator *correlator)
{
	return !correlator->waiting.table.count && !correlator->table.claimed.count;
}

void correlator_question_all(struct correlator *correlator, uint32_t netns)
{
	const struct correlator_listener *listener = &correlator->listener;

	for (const struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++)
			if (at->ends[end].orphan && at->view.ends[end].socket.netns == netns &&
			    listener->question)
				listener->question(listener->context,
						   &at->view.ends[end].socket.flow, netns);
	waiting_question_all(&correlator->waiting, netns);
}

uint64_t correlator_deadline(const struct correlator *correlator)
{
	const struct heap_item *first = heap_first(&correlator->deadlines);

	return earlier(first ? first->time : UINT64_MAX, waiting_deadline(&correlator->waiting));
}

/* Reports */

static void fill_durations(struct teardown_report *report, const struct connection_end *end)
{
	for (uint32_t i = 0; i + 1 < end->state_count; i++)
		report->durations[end->states[i].to] +=
			end->states[i + 1].time - end->states[i].time;
}

static uint64_t first_event(const struct connection_view *view, unsigned int local)
{
	uint64_t time = UINT64_MAX;

	if (view->ends[local].state_count)
		time = view->ends[local].states[0].time;
	if (view->segment_count && view->segments[0].time < time)
		time = view->segments[0].time;
	return time == UINT64_MAX ? 0 : time;
}

/* The teardown that was just reported is over; what holds its addresses, or held them until then,
 * is told of by itself. An orphan that a FIN ended is in TIME_WAIT now. */
static void report_mini_socket(struct correlator *correlator, const struct connection *connection,
			       unsigned int end)
{
	const struct end_state *state = &connection->ends[end];
	struct time_wait_report report;

	if (state->orphan_since && state->orphan_end != TIME_WAIT_BY_FIN) {
		report = orphan_report(connection, end, correlator->time);
		correlator->stats.orphans++;
		correlator->listener.time_wait(correlator->listener.context, &report);
	}
	waiting_begin(&correlator->waiting, connection, end);
}

static void report_end(struct correlator *correlator, struct connection *connection,
		       unsigned int local)
{
	struct end_state *end = &connection->ends[local];
	const struct connection_end *ends = connection->view.ends;
	struct teardown_report report = {
		.time = first_event(&connection->view, local),
		.connection = &connection->view,
		.local = (uint8_t)local,
		.twin = ends[!local].has_socket,
		.twin_over = ends[!local].has_socket && ends[!local].socket.over,
		.incomplete = end->incomplete,
		.verdict = classify(&connection->view, local),
	};

	fill_durations(&report, &ends[local]);
	end->reported = true;
	if (end->incomplete & (INCOMPLETE_STOPPED | INCOMPLETE_EVICTED))
		correlator->stats.unfinished++;
	else
		correlator->stats.teardowns++;
	if (correlator->listener.teardown(correlator->listener.context, &report))
		report_mini_socket(correlator, connection, local);
}

static uint64_t greater(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* Losses as the source counts them and as the stories show them are the same ones. */
static void count_losses(struct correlator *correlator)
{
	correlator->stats.lost[RECORD_STATE] =
		greater(correlator->changes_told_lost, correlator->changes_missed);
	correlator->stats.lost[RECORD_TIME_WAIT] =
		greater(correlator->ends_told_lost, correlator->waiting.missed);
}

/* The deadline of what comes next for this connection; UINT64_MAX: only a record moves it. */
static uint64_t next_deadline(const struct correlator *correlator,
			      const struct connection *connection)
{
	const struct correlator_settings *settings = &correlator->settings;
	uint64_t deadline = UINT64_MAX, over = 0;
	bool waiting = false, unreported = false;

	if (!connection->claimed) {
		if (settings->wire)
			return connection_closed_on_wire(connection)
				       ? connection->last_time + settings->settle
				       : UINT64_MAX;
		return connection->last_time + settings->unclaimed_life;
	}
	for (unsigned int i = 0; i < 2; i++) {
		const struct end_state *end = &connection->ends[i];

		if (!connection->view.ends[i].has_socket || end->reported)
			continue;
		unreported = true;
		if (connection->view.ends[i].socket.over) {
			waiting = true;
			over = end->over_time > over ? end->over_time : over;
		} else if (end->orphan) {
			deadline = earlier(deadline, end->orphan_since + settings->orphan_limit);
		} else if (connection->view.ends[i].state_count &&
			   connection_fins_acknowledged(connection)) {
			deadline = earlier(deadline, connection->last_time + settings->silence);
		}
	}
	if (!unreported)
		return connection->last_time + settings->linger;
	return waiting ? earlier(deadline, over + settings->settle) : deadline;
}

static void reschedule(struct correlator *correlator, struct connection *connection)
{
	uint64_t deadline = next_deadline(correlator, connection);

	if (deadline == UINT64_MAX)
		heap_remove(&correlator->deadlines, &connection->deadline);
	else if (deadline != connection->deadline.time ||
		 connection->deadline.position == HEAP_NONE)
		heap_set(&correlator->deadlines, &connection->deadline, deadline);
}

static void forget(struct correlator *correlator, struct connection *connection)
{
	heap_remove(&correlator->deadlines, &connection->deadline);
	connection_free(&correlator->table, connection);
}

/* Of a capture: the end that began to close stands for the connection. */
static void report_wire(struct correlator *correlator, struct connection *connection)
{
	unsigned int local = 0;

	if (connection->view.segment_count)
		local = connection->view.segments[0].sender;
	connection_derive(connection);
	report_end(correlator, connection, local);
	forget(correlator, connection);
}

static void report_over(struct correlator *correlator, struct connection *connection)
{
	connection_derive(connection);
	for (unsigned int end = 0; end < 2; end++)
		if (connection->view.ends[end].has_socket &&
		    connection->view.ends[end].socket.over && !connection->ends[end].reported)
			report_end(correlator, connection, end);
}

static bool all_reported(const struct connection *connection)
{
	for (unsigned int end = 0; end < 2; end++)
		if (connection->view.ends[end].has_socket && !connection->ends[end].reported)
			return false;
	return true;
}

/* Its close is whole on the wire, and nothing was heard since of a socket that was heard before. */
static bool is_silent(const struct correlator *correlator, const struct connection *connection,
		      unsigned int end, uint64_t time)
{
	const struct connection_end *shown = &connection->view.ends[end];

	return shown->has_socket && !shown->socket.over && shown->state_count &&
	       !connection->ends[end].orphan &&
	       connection->last_time + correlator->settings.silence <= time &&
	       connection_fins_acknowledged(connection);
}

static void expire(struct correlator *correlator, struct connection *connection, uint64_t time)
{
	if (!connection->claimed) {
		if (correlator->settings.wire) {
			report_wire(correlator, connection);
			return;
		}
		correlator->stats.unclaimed += connection->view.segment_count;
		forget(correlator, connection);
		return;
	}
	if (all_reported(connection)) {
		forget(correlator, connection);
		return;
	}
	for (unsigned int end = 0; end < 2; end++) {
		const struct end_state *state = &connection->ends[end];

		if (state->orphan && !state->reported &&
		    state->orphan_since + correlator->settings.orphan_limit <= time)
			orphan_give_up(connection, end, time);
		else if (is_silent(correlator, connection, end, time))
			correlator->changes_missed += socket_presume_over(connection, end);
	}
	count_losses(correlator);
	report_over(correlator, connection);
	connection->last_time = time;
	reschedule(correlator, connection);
}

void correlator_advance(struct correlator *correlator, uint64_t now)
{
	struct heap_item *first;

	while ((first = heap_first(&correlator->deadlines)) && first->time <= now)
		expire(correlator, container_of(first, struct connection, deadline), first->time);
	waiting_advance(&correlator->waiting, now);
}

/* Reports what is open as it stands: the source ended, or memory is needed. */
static void report_open(struct correlator *correlator, struct connection *connection,
			enum incomplete_reason reason)
{
	connection_derive(connection);
	for (unsigned int end = 0; end < 2; end++) {
		if (!connection->view.ends[end].has_socket || connection->ends[end].reported)
			continue;
		/* Found closing by the snapshot, and nothing happened to it since: no story. */
		if (!connection->view.ends[end].state_count && !connection->view.segment_count) {
			correlator->stats.unfinished++;
			continue;
		}
		if (!connection->view.ends[end].socket.over)
			connection->ends[end].incomplete |= reason;
		report_end(correlator, connection, end);
	}
}

static void make_room(struct correlator *correlator)
{
	struct connection_table *table = &correlator->table;

	if (table->unclaimed.count > correlator->settings.unclaimed) {
		correlator->stats.unclaimed += table->unclaimed.oldest->view.segment_count;
		forget(correlator, table->unclaimed.oldest);
	}
	if (table->claimed.count > correlator->settings.connections) {
		struct connection *oldest = table->claimed.oldest;

		if (!all_reported(oldest)) {
			correlator->stats.evicted++;
			report_open(correlator, oldest, INCOMPLETE_EVICTED);
		}
		forget(correlator, oldest);
	}
}

/* Segments */

static void add_segment(struct correlator *correlator, struct connection *connection,
			const struct segment_record *record, unsigned int sender)
{
	bool marks = record->flags & (SEGMENT_FIN | SEGMENT_RST) && record->seq;
	const struct segment *segment;

	connection->last_time = record->header.time;
	segment = segment_seen_again(connection, record, sender);
	if (segment) {
		orphan_take_segment(connection, segment);
		return;
	}
	if (connection->claimed && all_reported(connection)) {
		waiting_take_segment(&correlator->waiting, record);
		correlator->stats.late_segments++;
		return;
	}
	segment = segment_begin(connection, record, sender, correlator->settings.segments);
	if (!segment) {
		correlator->stats.lost[RECORD_SEGMENT]++;
		return;
	}
	if (marks)
		connection_add_mark(&correlator->table, connection, segment);
	orphan_take_segment(connection, segment);
}

static void feed_segment(struct correlator *correlator, const struct segment_record *record)
{
	struct connection *connection;
	unsigned int sender = 0;

	connection = matching_segment(&correlator->table, record, &sender);
	if (!connection && waiting_take_segment(&correlator->waiting, record)) {
		correlator->stats.late_segments++;
		return;
	}
	if (!connection) {
		/* The answer to a SYN for which there is no listener ends no connection. */
		if (record->flags & SEGMENT_RST && !record->seq) {
			correlator->stats.unclaimed++;
			return;
		}
		connection = connection_new(&correlator->table, &record->header.flow,
					    record->header.netns);
		if (!connection) {
			correlator->stats.lost[RECORD_SEGMENT]++;
			return;
		}
	}
	add_segment(correlator, connection, record, sender);
	reschedule(correlator, connection);
	make_room(correlator);
}

/* Sockets */

static struct socket_link *socket_of(struct correlator *correlator, uint64_t socket)
{
	return socket ? connection_find_socket(&correlator->table, socket) : NULL;
}

static void feed_reset(struct correlator *correlator, const struct reset_record *record)
{
	struct socket_link *link = socket_of(correlator, record->socket);

	if (link)
		socket_note_reset(&link->connection->view.ends[link->end].socket, record);
	else if (record->socket)
		forerunners_add_reset(&correlator->forerunners, record);
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
		connection = connection_new(table, &record->header.flow, record->header.netns);
		*end = 0;
	}
	if (!connection)
		return NULL;
	connection_claim(table, connection);
	connection_add_tuple(table, connection, &record->header.flow, *end);
	connection_add_socket(table, connection, *end, record->socket);
	socket_begin(connection, *end, record);
	forerunners_apply_reset(&correlator->forerunners, connection, *end);
	return connection;
}

static void feed_state(struct correlator *correlator, const struct state_record *record)
{
	struct connection *connection = NULL;
	struct socket_link *link = NULL;
	unsigned int end = 0;
	bool lost = false;

	if (record->from == TCP_STATE_LISTEN) {
		forerunners_add_listener(&correlator->forerunners, record);
		return;
	}
	if (record->socket)
		link = connection_find_socket(&correlator->table, record->socket);
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
			count_losses(correlator);
			return;
		}
	}
	socket_change(connection, end, record);
	if (!lost && connection->ends[end].incomplete & INCOMPLETE_LOST_RECORDS)
		correlator->changes_missed++;
	count_losses(correlator);
	connection_set_numbers(&correlator->table, connection);
	if (correlator->stats.lost[RECORD_STATE] &&
	    connection->ends[end].incomplete & INCOMPLETE_STARTED_LATE)
		connection->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
	forerunners_apply_listener(&correlator->forerunners, connection, end, record);
	orphan_take_earlier_segments(connection, end);
	connection->last_time = record->header.time;
	reschedule(correlator, connection);
	make_room(correlator);
}

/* A TIME_WAIT may have begun so recently that its teardown is not reported yet: then it is. */
static void report_before(struct correlator *correlator, const struct time_wait_record *record)
{
	const struct flow *flow = &record->header.flow;
	struct connection *connection;
	struct tuple_link *at = NULL;
	unsigned int end;

	if (time_waits_find(&correlator->waiting.table, flow, record->header.netns))
		return;
	while ((connection = connection_next_tuple(&correlator->table, flow, &at, &end))) {
		const struct socket_facts *socket = &connection->view.ends[end].socket;

		if (!connection->view.ends[end].has_socket || !socket->over ||
		    connection->ends[end].reported || socket->netns != record->header.netns)
			continue;
		report_over(correlator, connection);
		reschedule(correlator, connection);
		return;
	}
}

/* The orphans of a namespace that was deleted. */
static void destroy_orphans(struct correlator *correlator, const struct record *header)
{
	for (struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++) {
			if (!at->ends[end].orphan ||
			    at->view.ends[end].socket.netns != header->netns)
				continue;
			orphan_destroy(at, end, header->time);
			reschedule(correlator, at);
		}
}

static void feed_orphan(struct correlator *correlator, const struct time_wait_record *record)
{
	unsigned int end;
	struct connection *connection = orphan_find(&correlator->table, record, &end);

	if (!connection)
		return;
	orphan_take_record(connection, end, record);
	reschedule(correlator, connection);
}

static void feed_time_wait(struct correlator *correlator, const struct time_wait_record *record)
{
	if (record->event == TIME_WAIT_EMPTY)
		destroy_orphans(correlator, &record->header);
	if (record->substate == TCP_STATE_FIN_WAIT2 || record->event == TIME_WAIT_RESTART ||
	    (record->event == TIME_WAIT_REMOVED && !record->substate))
		feed_orphan(correlator, record);
	if (record->substate == TCP_STATE_FIN_WAIT2)
		return;
	if (record->event == TIME_WAIT_EXPIRED || record->event == TIME_WAIT_TAKEN ||
	    record->event == TIME_WAIT_REMOVED)
		report_before(correlator, record);
	waiting_take_record(&correlator->waiting, record);
	count_losses(correlator);
}

static void feed_owner(struct correlator *correlator, const struct owner_record *record)
{
	struct socket_link *link = socket_of(correlator, record->socket);

	if (link && !link->connection->view.ends[link->end].socket.owner.pid)
		link->connection->view.ends[link->end].socket.owner = record->owner;
}

static void feed_loss(struct correlator *correlator, const struct loss_record *record)
{
	if (record->lost_kind >= RECORD_KINDS) {
		correlator->stats.bad_records++;
		return;
	}
	if (record->lost_kind == RECORD_STATE)
		correlator->changes_told_lost += record->count;
	else if (record->lost_kind == RECORD_TIME_WAIT)
		correlator->ends_told_lost += record->count;
	else
		correlator->stats.lost[record->lost_kind] += record->count;
	count_losses(correlator);
	for (struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++)
			at->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
}

static void feed_end(struct correlator *correlator, uint64_t time)
{
	struct connection_table *table = &correlator->table;

	while (table->claimed.oldest) {
		report_open(correlator, table->claimed.oldest, INCOMPLETE_STOPPED);
		forget(correlator, table->claimed.oldest);
	}
	while (table->unclaimed.oldest) {
		if (correlator->settings.wire) {
			if (!connection_closed_on_wire(table->unclaimed.oldest))
				table->unclaimed.oldest
					->ends[table->unclaimed.oldest->view.segments[0].sender]
					.incomplete |= INCOMPLETE_STOPPED;
			report_wire(correlator, table->unclaimed.oldest);
			continue;
		}
		correlator->stats.unclaimed += table->unclaimed.oldest->view.segment_count;
		forget(correlator, table->unclaimed.oldest);
	}
	waiting_end(&correlator->waiting, time);
}

static size_t record_size(uint16_t kind)
{
	static const size_t sizes[RECORD_KINDS] = {
		[RECORD_STATE] = sizeof(struct state_record),
		[RECORD_SEGMENT] = sizeof(struct segment_record),
		[RECORD_RESET] = sizeof(struct reset_record),
		[RECORD_RETRANSMIT] = sizeof(struct retransmit_record),
		[RECORD_TIME_WAIT] = sizeof(struct time_wait_record),
		[RECORD_NAMESPACE] = sizeof(struct namespace_record),
		[RECORD_OWNER] = sizeof(struct owner_record),
		[RECORD_LOSS] = sizeof(struct loss_record),
		[RECORD_END] = sizeof(struct record),
	};

	return kind < RECORD_KINDS ? sizes[kind] : 0;
}

void correlator_feed(struct correlator *correlator, const struct record *record, size_t length)
{
	const void *body = record;
	size_t size;

	if (length < sizeof(*record) || record->length > length ||
	    !(size = record_size(record->kind)) || record->length < size) {
		correlator->stats.bad_records++;
		return;
	}
	correlator->stats.records++;
	correlator->time = record->time;
	if (record->time > correlator->settings.tolerance)
		correlator_advance(correlator, record->time - correlator->settings.tolerance);
	switch ((enum record_kind)record->kind) {
	case RECORD_STATE:
		feed_state(correlator, body);
		break;
	case RECORD_SEGMENT:
		feed_segment(correlator, body);
		break;
	case RECORD_RESET:
		feed_reset(correlator, body);
		break;
	case RECORD_RETRANSMIT: {
		const struct retransmit_record *retransmit = body;
		struct socket_link *link = socket_of(correlator, retransmit->socket);

		if (link)
			link->connection->view.ends[link->end].socket.kernel_retransmissions++;
		break;
	}
	case RECORD_TIME_WAIT:
		feed_time_wait(correlator, body);
		break;
	case RECORD_OWNER:
		feed_owner(correlator, body);
		break;
	case RECORD_LOSS:
		feed_loss(correlator, body);
		break;
	case RECORD_END:
		feed_end(correlator, record->time);
		break;
	case RECORD_NAMESPACE: /* for the loader */
	case RECORD_KINDS:
		break;
	}
}

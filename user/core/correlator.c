// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/correlator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/connection.h"
#include "core/flow.h"
#include "core/inference.h"
#include "core/socket.h"

#define MS 1000000ull
#define S (1000 * MS)

/* The same segment may cross several interfaces; a copy seen later than this is another one. */
#define SIGHTING_WITHIN (2 * S)
/* Numbers this close to those in use belong to the same connection: no window is larger in
 * practice, and two connections on the same addresses are this close by chance once in 32 times,
 * twice (sequence and acknowledgement) once in 1000. */
#define NEAR (1 << 26)
/* A FIN this long before its receiver's socket was swapped for a mini-socket was not for that. */
#define FIN_BEFORE_SWAP (5 * MS)

#define LISTENERS_REMEMBERED 16

struct closed_listener {
	uint64_t time;
	uint16_t port;
	uint32_t netns;
	struct task task;
	enum close_how how;
};

/* A reset of a socket is told before its first change of state. */
#define RESETS_REMEMBERED 1024

struct correlator {
	struct correlator_settings settings;
	correlator_report report;
	void *context;
	struct connection_table table;
	struct heap deadlines;
	struct core_stats stats;
	uint64_t changes_told_lost; /* by the source; it does not know of all */
	uint64_t changes_missed;    /* found missing in the stories */
	struct closed_listener listeners[LISTENERS_REMEMBERED];
	unsigned int listener_next;
	struct reset_record resets[RESETS_REMEMBERED]; /* by socket; a newer one takes the place */
};

const struct correlator_settings correlator_defaults = {
	.connections = 1 << 17,
	.unclaimed = 1 << 13,
	.segments = 256,
	.settle = 20 * MS,
	.tolerance = 5 * MS,
	.linger = 100 * MS,
	.unclaimed_life = 120 * S,
	.orphan_limit = 70 * S, /* TCP_TIMEWAIT_LEN and what the timer wheel rounds up */
	.silence = 2 * S,       /* a FIN that was not acknowledged would have been sent again */
};

struct correlator *correlator_new(const struct correlator_settings *settings,
				  correlator_report report, void *context)
{
	struct correlator *correlator = calloc(1, sizeof(*correlator));

	if (!correlator)
		return NULL;
	correlator->settings = *settings;
	correlator->report = report;
	correlator->context = context;
	heap_init(&correlator->deadlines);
	if (connection_table_init(&correlator->table)) {
		free(correlator);
		return NULL;
	}
	return correlator;
}

void correlator_free(struct correlator *correlator)
{
	if (!correlator)
		return;
	connection_table_done(&correlator->table);
	heap_done(&correlator->deadlines);
	free(correlator);
}

const struct core_stats *correlator_stats(const struct correlator *correlator)
{
	return &correlator->stats;
}

uint64_t correlator_deadline(const struct correlator *correlator)
{
	const struct heap_item *first = heap_first(&correlator->deadlines);

	return first ? first->time : UINT64_MAX;
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
	correlator->report(correlator->context, &report);
}

/* A mini-socket that nothing more was heard of: it is gone by now, how is not known. */
static void give_up_orphan(struct connection *connection, unsigned int end, uint64_t time)
{
	connection->view.ends[end].socket.given_up = true;
	socket_end_orphan(connection, end, TCP_STATE_CLOSED, time, false);
}

/* Losses of changes as the source counts them and as the stories show them are the same ones. */
static void count_lost_changes(struct correlator *correlator)
{
	uint64_t told = correlator->changes_told_lost, missed = correlator->changes_missed;

	correlator->stats.lost[RECORD_STATE] = told > missed ? told : missed;
}

/* A socket whose close the wire shows whole, and whose last changes never arrived: it made them as
 * RFC 9293, 3.3.2 has it. */
static void presume_over(struct correlator *correlator, struct connection *connection,
			 unsigned int end)
{
	struct state_change inferred[CONNECTION_STATES];
	struct connection_end *shown = &connection->view.ends[end];
	struct end_state *state = &connection->ends[end];
	uint32_t count = infer_states(&connection->view, end, inferred, CONNECTION_STATES);

	for (uint32_t i = 0; i < count; i++) {
		const struct state_change *last = &shown->states[shown->state_count - 1];

		if (inferred[i].from != last->to)
			continue;
		if (inferred[i].time < last->time)
			inferred[i].time = last->time;
		connection_add_state(connection, end, &inferred[i]);
		correlator->changes_missed++;
	}
	count_lost_changes(correlator);
	state->incomplete |= INCOMPLETE_LOST_RECORDS;
	shown->socket.over = true;
	state->over_time = connection->last_time;
}

/* The latest transmission of both FINs was acknowledged. */
static bool both_fins_acknowledged(const struct connection *connection)
{
	bool acked[2] = {false, false};

	for (uint32_t i = 0; i < connection->view.segment_count; i++) {
		const struct segment *segment = &connection->view.segments[i];
		const struct fin *fin = &connection->ends[!segment->sender].fin;

		if (fin->known && segment->flags & SEGMENT_ACK && segment->ack == fin->end)
			acked[!segment->sender] = true;
		if (segment->flags & SEGMENT_FIN)
			acked[segment->sender] = false;
	}
	return acked[0] && acked[1];
}

static bool both_ends_closed(const struct connection *connection)
{
	for (uint32_t i = 0; i < connection->view.segment_count; i++)
		if (connection->view.segments[i].flags & SEGMENT_RST)
			return true;
	return both_fins_acknowledged(connection);
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
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
			return both_ends_closed(connection)
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
			   both_fins_acknowledged(connection)) {
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
	       both_fins_acknowledged(connection);
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
			give_up_orphan(connection, end, time);
		else if (is_silent(correlator, connection, end, time))
			presume_over(correlator, connection, end);
	}
	report_over(correlator, connection);
	connection->last_time = time;
	reschedule(correlator, connection);
}

void correlator_advance(struct correlator *correlator, uint64_t now)
{
	struct heap_item *first;

	while ((first = heap_first(&correlator->deadlines)) && first->time <= now)
		expire(correlator, container_of(first, struct connection, deadline), first->time);
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

static bool near(uint32_t a, uint32_t b)
{
	int32_t distance = (int32_t)(a - b);

	return distance < NEAR && distance > -NEAR;
}

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
	return near(position, end->position) ? FIT_NEAR : FIT_NONE;
}

static enum fit fit_segment(const struct connection *connection, unsigned int sender,
			    const struct segment_record *record)
{
	const struct end_state *from = &connection->ends[sender];
	const struct end_state *to = &connection->ends[!sender];
	bool has_length = !(record->notes & SEGMENT_LENGTH_UNKNOWN);
	enum fit fit;

	if (connection->netns != record->header.netns && connection->netns &&
	    record->header.netns && flow_is_loopback(&record->header.flow))
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

/* The connection that a segment belongs to, or NULL. */
static struct connection *find_segment(struct correlator *correlator,
				       const struct segment_record *record, unsigned int *sender)
{
	struct connection *found = NULL, *candidate;
	struct tuple_link *at = NULL;
	enum fit best = FIT_NONE;
	struct mark_link *mark;
	unsigned int end;

	while ((candidate = connection_next_tuple(&correlator->table, &record->header.flow, &at,
						  &end))) {
		enum fit fit = fit_segment(candidate, end, record);

		if (fit > best) {
			best = fit;
			found = candidate;
			*sender = end;
		}
	}
	if (found || !(record->flags & (SEGMENT_FIN | SEGMENT_RST)) || !record->seq)
		return found;
	/* Behind NAT the same segment has other addresses and the same numbers. */
	mark = connection_find_mark(&correlator->table, record, SIGHTING_WITHIN);
	if (!mark)
		return NULL;
	*sender = mark->sender;
	connection_add_tuple(&correlator->table, mark->connection, &record->header.flow, *sender);
	return mark->connection;
}

static bool seen_here(const struct segment *segment, const struct segment_record *record)
{
	for (unsigned int i = 0; i < segment->sighting_count && i < SEGMENT_SIGHTINGS; i++) {
		const struct sighting *sighting = &segment->sightings[i];

		if (sighting->hook == record->hook && sighting->interface == record->interface &&
		    sighting->netns == record->header.netns)
			return true;
	}
	return false;
}

/* An aggregate at one hook may be its first segment at another (GRO), with the same number. */
static bool same_payload(const struct segment *segment, const struct segment_record *record)
{
	return segment->payload == record->payload ||
	       (!(record->flags & SEGMENT_FIN) &&
		record->notes & segment->notes & SEGMENT_ACKS_FIN);
}

static bool same_segment(const struct segment *segment, const struct segment_record *record,
			 unsigned int sender)
{
	const uint8_t kind = SEGMENT_FIN | SEGMENT_SYN | SEGMENT_RST | SEGMENT_ACK;

	return segment->sender == sender && segment->seq == record->seq &&
	       segment->ack == record->ack && same_payload(segment, record) &&
	       !((segment->flags ^ record->flags) & kind) && segment->ip_id == record->ip_id &&
	       record->header.time <= segment->time + SIGHTING_WITHIN;
}

static void add_sighting(struct segment *segment, const struct segment_record *record)
{
	struct sighting sighting = {
		.time = record->header.time,
		.netns = record->header.netns,
		.interface = record->interface,
		.hook = record->hook,
	};
	unsigned int at = segment->sighting_count;

	if (at >= SEGMENT_SIGHTINGS)
		return;
	for (; at > 0 && segment->sightings[at - 1].time > sighting.time; at--)
		segment->sightings[at] = segment->sightings[at - 1];
	segment->sightings[at] = sighting;
	segment->sighting_count++;
	if (sighting.time < segment->time)
		segment->time = sighting.time;
}

static bool add_to_known_segment(struct connection *connection, const struct segment_record *record,
				 unsigned int sender)
{
	for (uint32_t i = connection->view.segment_count; i-- > 0;) {
		struct segment *segment = &connection->view.segments[i];

		/* Seen at this place before: this is a copy sent again, or one sent before that. */
		if (!same_segment(segment, record, sender) || seen_here(segment, record))
			continue;
		add_sighting(segment, record);
		return true;
	}
	return false;
}

static void note_numbers(struct connection *connection, const struct segment *segment)
{
	struct end_state *from = &connection->ends[segment->sender];
	struct end_state *to = &connection->ends[!segment->sender];

	if (segment->flags & SEGMENT_FIN && !(segment->notes & SEGMENT_LENGTH_UNKNOWN)) {
		from->fin.known = true;
		from->fin.end = segment->seq + segment->payload + 1;
	}
	if (segment->seq || !(segment->flags & SEGMENT_RST)) {
		from->has_position = true;
		from->position = segment->seq + segment->payload;
	}
	if (segment->flags & SEGMENT_ACK && !to->has_position) {
		to->has_position = true;
		to->position = segment->ack;
	}
}

/* What a segment means for an orphan's mini-socket, of which the kernel says nothing, as
 * tcp_timewait_state_process() has it: exactly the awaited FIN makes it TIME_WAIT, a RST in the
 * window or one of its own (to data that came after the close) removes it. TCP_STATE_UNKNOWN:
 * nothing. */
static enum tcp_state orphan_becomes(const struct end_state *orphan, bool from_peer,
				     const struct segment *segment)
{
	uint32_t expects = orphan->orphan_expects;
	uint32_t ahead = segment->seq - expects;

	if (segment->flags & SEGMENT_RST)
		return from_peer && expects && ahead > UINT16_MAX ? TCP_STATE_UNKNOWN
								  : TCP_STATE_CLOSED;
	if (!from_peer || !(segment->flags & SEGMENT_FIN))
		return TCP_STATE_UNKNOWN;
	return !expects || ahead + segment->payload == 0 ? TCP_STATE_TIME_WAIT : TCP_STATE_UNKNOWN;
}

static void end_orphan(struct connection *connection, unsigned int end,
		       const struct segment *segment)
{
	const struct end_state *state = &connection->ends[end];
	enum tcp_state to = orphan_becomes(state, segment->sender != end, segment);

	if (!state->orphan || to == TCP_STATE_UNKNOWN)
		return;
	socket_end_orphan(connection, end, to,
			  segment->time > state->orphan_since ? segment->time : state->orphan_since,
			  false);
}

static void add_segment(struct correlator *correlator, struct connection *connection,
			const struct segment_record *record, unsigned int sender)
{
	bool marks = record->flags & (SEGMENT_FIN | SEGMENT_RST) && record->seq;
	struct segment segment = {
		.time = record->header.time,
		.seq = record->seq,
		.ack = record->flags & SEGMENT_ACK ? record->ack : 0,
		.payload = record->payload,
		.window = record->window,
		.ip_id = record->ip_id,
		.flags = record->flags,
		.ttl = record->ttl,
		.notes = record->notes,
		.sender = (uint8_t)sender,
		.acks = NO_SEGMENT,
	};

	connection->last_time = record->header.time;
	if (add_to_known_segment(connection, record, sender))
		return;
	if (connection->claimed && all_reported(connection)) {
		correlator->stats.late_segments++;
		return;
	}
	add_sighting(&segment, record);
	note_numbers(connection, &segment);
	if (!connection_add_segment(connection, &segment, correlator->settings.segments)) {
		correlator->stats.lost[RECORD_SEGMENT]++;
		return;
	}
	if (marks)
		connection_add_mark(&correlator->table, connection, &segment);
	for (unsigned int end = 0; end < 2; end++)
		end_orphan(connection, end, &segment);
}

static void feed_segment(struct correlator *correlator, const struct segment_record *record)
{
	struct connection *connection;
	unsigned int sender = 0;

	connection = find_segment(correlator, record, &sender);
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

static void note_reset(struct socket_facts *socket, const struct reset_record *record)
{
	if (record->direction == RESET_RECEIVED) {
		socket->reset_received = true;
		return;
	}
	socket->reset_sent = true;
	socket->reset_reason = record->reason;
	socket->reset_state = record->state;
}

static struct reset_record *reset_place(struct correlator *correlator, uint64_t socket)
{
	return &correlator->resets[hash_mix(socket) % RESETS_REMEMBERED];
}

static void recall_reset(struct correlator *correlator, struct connection *connection,
			 unsigned int end)
{
	struct socket_facts *socket = &connection->view.ends[end].socket;
	struct reset_record *reset = reset_place(correlator, socket->id);

	if (!socket->id || reset->socket != socket->id)
		return;
	note_reset(socket, reset);
	reset->socket = 0;
}

static void feed_reset(struct correlator *correlator, const struct reset_record *record)
{
	struct socket_link *link = socket_of(correlator, record->socket);

	if (link)
		note_reset(&link->connection->view.ends[link->end].socket, record);
	else if (record->socket)
		*reset_place(correlator, record->socket) = *record;
}

/* A connection known from its segments alone, or from the other end, that this socket is part of.
 */
static struct connection *find_by_addresses(struct correlator *correlator,
					    const struct state_record *record, unsigned int *end)
{
	struct connection *candidate, *weak = NULL;
	struct tuple_link *at = NULL;
	unsigned int local, weak_end = 0;

	while ((candidate = connection_next_tuple(&correlator->table, &record->header.flow, &at,
						  &local))) {
		const struct end_state *ends = candidate->ends;
		enum fit ours, theirs;

		if (candidate->view.ends[local].has_socket)
			continue;
		if (candidate->netns != record->header.netns &&
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

static struct connection *claim(struct correlator *correlator, const struct state_record *record,
				unsigned int *end)
{
	struct connection_table *table = &correlator->table;
	struct connection *connection = NULL;
	struct socket_isn isn = socket_isn(record);

	if (isn.known)
		connection = connection_find_numbers(table, isn.local, isn.remote, end);
	if (!connection || connection->view.ends[*end].has_socket)
		connection = find_by_addresses(correlator, record, end);
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
	recall_reset(correlator, connection, *end);
	return connection;
}

static void remember_listener(struct correlator *correlator, const struct state_record *record)
{
	struct closed_listener *listener =
		&correlator->listeners[correlator->listener_next++ % LISTENERS_REMEMBERED];

	listener->time = record->header.time;
	listener->port = record->header.flow.local_port;
	listener->netns = record->header.netns;
	listener->task = record->task;
	listener->how = socket_close_how(record);
}

/* A child that was never accepted ends with its listener, in the listener's close(). */
static void blame_listener(struct correlator *correlator, struct connection *connection,
			   unsigned int end, const struct state_record *record)
{
	struct socket_facts *socket = &connection->view.ends[end].socket;

	if (!socket->never_accepted || record->to != TCP_STATE_CLOSED || record->error)
		return;
	for (unsigned int i = 0; i < LISTENERS_REMEMBERED; i++) {
		const struct closed_listener *listener = &correlator->listeners[i];

		if (!listener->time || listener->port != record->header.flow.local_port ||
		    listener->netns != record->header.netns ||
		    record->header.time - listener->time > S)
			continue;
		socket->listener_closed = true;
		socket->close_how = listener->how;
		socket->close_task = listener->task;
	}
}

/* The segment that ends an orphan's mini-socket may have been seen just before. */
static void end_orphan_by_earlier_segment(struct connection *connection, unsigned int end)
{
	const struct end_state *state = &connection->ends[end];

	for (uint32_t i = 0; state->orphan && i < connection->view.segment_count; i++)
		if (connection->view.segments[i].time + FIN_BEFORE_SWAP >= state->orphan_since)
			end_orphan(connection, end, &connection->view.segments[i]);
}

static void feed_state(struct correlator *correlator, const struct state_record *record)
{
	struct connection *connection = NULL;
	struct socket_link *link = NULL;
	unsigned int end = 0;
	bool lost = false;

	if (record->from == TCP_STATE_LISTEN) {
		remember_listener(correlator, record);
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
			count_lost_changes(correlator);
			return;
		}
	}
	socket_change(connection, end, record);
	if (!lost && connection->ends[end].incomplete & INCOMPLETE_LOST_RECORDS)
		correlator->changes_missed++;
	count_lost_changes(correlator);
	connection_set_numbers(&correlator->table, connection);
	if (correlator->stats.lost[RECORD_STATE] &&
	    connection->ends[end].incomplete & INCOMPLETE_STARTED_LATE)
		connection->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
	blame_listener(correlator, connection, end, record);
	end_orphan_by_earlier_segment(connection, end);
	connection->last_time = record->header.time;
	reschedule(correlator, connection);
	make_room(correlator);
}

/* The orphan that a mini-socket stands for: by its cookie, or where the kernel gave it none by its
 * addresses. */
static struct connection *find_orphan(struct correlator *correlator,
				      const struct time_wait_record *record, unsigned int *end)
{
	struct socket_link *link = socket_of(correlator, record->socket);
	struct connection *candidate;
	struct tuple_link *at = NULL;

	if (link) {
		*end = link->end;
		return link->connection->ends[link->end].orphan ? link->connection : NULL;
	}
	while ((candidate =
			connection_next_tuple(&correlator->table, &record->header.flow, &at, end)))
		if (candidate->ends[*end].orphan &&
		    candidate->view.ends[*end].socket.netns == record->header.netns)
			return candidate;
	return NULL;
}

static void feed_time_wait(struct correlator *correlator, const struct time_wait_record *record)
{
	struct connection *connection;
	unsigned int end;

	if (record->event != TIME_WAIT_EXPIRED)
		return;
	connection = find_orphan(correlator, record, &end);
	if (!connection)
		return;
	connection->view.ends[end].socket.expired = true;
	socket_end_orphan(connection, end, TCP_STATE_CLOSED, record->header.time, true);
	reschedule(correlator, connection);
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
	else
		correlator->stats.lost[record->lost_kind] += record->count;
	count_lost_changes(correlator);
	for (struct connection *at = correlator->table.claimed.oldest; at; at = at->newer)
		for (unsigned int end = 0; end < 2; end++)
			at->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
}

static void feed_end(struct correlator *correlator)
{
	struct connection_table *table = &correlator->table;

	while (table->claimed.oldest) {
		report_open(correlator, table->claimed.oldest, INCOMPLETE_STOPPED);
		forget(correlator, table->claimed.oldest);
	}
	while (table->unclaimed.oldest) {
		if (correlator->settings.wire) {
			if (!both_ends_closed(table->unclaimed.oldest))
				table->unclaimed.oldest
					->ends[table->unclaimed.oldest->view.segments[0].sender]
					.incomplete |= INCOMPLETE_STOPPED;
			report_wire(correlator, table->unclaimed.oldest);
			continue;
		}
		correlator->stats.unclaimed += table->unclaimed.oldest->view.segment_count;
		forget(correlator, table->unclaimed.oldest);
	}
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
		feed_end(correlator);
		break;
	case RECORD_NAMESPACE: /* for the loader */
	case RECORD_KINDS:
		break;
	}
}

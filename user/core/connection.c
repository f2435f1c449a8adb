// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow.h"

#define UNUSED_KEPT 4096
#define FIRST_SEGMENTS 2

int connection_table_init(struct connection_table *table)
{
	*table = (struct connection_table){0};
	if (map_init(&table->by_socket) || map_init(&table->by_tuple) ||
	    map_init(&table->by_numbers) || map_init(&table->by_mark)) {
		connection_table_done(table);
		return -ENOMEM;
	}
	return 0;
}

static void release(struct connection *connection)
{
	free(connection->view.segments);
	free(connection);
}

static void release_list(struct connection *connection)
{
	while (connection) {
		struct connection *newer = connection->newer;

		release(connection);
		connection = newer;
	}
}

void connection_table_done(struct connection_table *table)
{
	release_list(table->claimed.oldest);
	release_list(table->unclaimed.oldest);
	release_list(table->told.oldest);
	release_list(table->unused);
	map_done(&table->by_socket);
	map_done(&table->by_tuple);
	map_done(&table->by_numbers);
	map_done(&table->by_mark);
}

static void list_add(struct connection_list *list, struct connection *connection)
{
	connection->older = list->newest;
	connection->newer = NULL;
	if (list->newest)
		list->newest->newer = connection;
	else
		list->oldest = connection;
	list->newest = connection;
	list->count++;
	connection->list = list;
}

static void list_remove(struct connection *connection)
{
	struct connection_list *list = connection->list;

	if (connection->older)
		connection->older->newer = connection->newer;
	else
		list->oldest = connection->newer;
	if (connection->newer)
		connection->newer->older = connection->older;
	else
		list->newest = connection->older;
	list->count--;
}

static struct connection *take_unused(struct connection_table *table)
{
	struct connection *connection = table->unused;
	struct segment *segments;
	uint32_t capacity;

	if (!connection) {
		connection = calloc(1, sizeof(*connection));
		if (!connection)
			return NULL;
		connection->view.segments = malloc(FIRST_SEGMENTS * sizeof(struct segment));
		connection->segment_capacity = FIRST_SEGMENTS;
		if (!connection->view.segments) {
			free(connection);
			return NULL;
		}
		return connection;
	}
	table->unused = connection->newer;
	table->unused_count--;
	segments = connection->view.segments;
	capacity = connection->segment_capacity;
	*connection = (struct connection){0};
	connection->view.segments = segments;
	connection->segment_capacity = capacity;
	return connection;
}

static void set_address(struct connection_end *end, const uint8_t address[16], uint16_t port)
{
	memcpy(end->address, address, sizeof(end->address));
	end->port = port;
}

struct connection *connection_new(struct connection_table *table, const struct record *record)
{
	struct connection *connection = take_unused(table);
	const struct flow *flow = &record->flow;

	if (!connection)
		return NULL;
	connection->netns = record->netns;
	connection->source = record->source;
	connection->deadline.position = HEAP_NONE;
	set_address(&connection->view.ends[0], flow->local, flow->local_port);
	set_address(&connection->view.ends[1], flow->remote, flow->remote_port);
	for (unsigned int end = 0; end < 2; end++)
		connection->view.ends[end].states = connection->ends[end].states;
	list_add(&table->unclaimed, connection);
	connection_add_tuple(table, connection, record, 0);
	return connection;
}

void connection_free(struct connection_table *table, struct connection *connection)
{
	for (unsigned int end = 0; end < 2; end++)
		connection_remove_socket(table, connection, end);
	for (unsigned int i = 0; i < connection->tuple_count; i++)
		map_remove(&table->by_tuple, &connection->tuples[i].link);
	for (unsigned int i = 0; i < connection->mark_count; i++)
		map_remove(&table->by_mark, &connection->marks[i].link);
	if (connection->numbers.added)
		map_remove(&table->by_numbers, &connection->numbers.link);
	list_remove(connection);
	if (table->unused_count >= UNUSED_KEPT) {
		release(connection);
		return;
	}
	connection->newer = table->unused;
	table->unused = connection;
	table->unused_count++;
}

void connection_claim(struct connection_table *table, struct connection *connection)
{
	if (connection->claimed)
		return;
	list_remove(connection);
	connection->claimed = true;
	list_add(&table->claimed, connection);
}

void connection_retire(struct connection_table *table, struct connection *connection)
{
	list_remove(connection);
	list_add(&table->told, connection);
}

/* Cookies are given away in turn: those of one time lie side by side. */
static uint64_t socket_hash(uint16_t source, uint64_t socket)
{
	return socket + hash_mix(source);
}

void connection_add_socket(struct connection_table *table, struct connection *connection,
			   unsigned int end, uint16_t source, uint64_t socket)
{
	struct socket_link *link = &connection->sockets[end];

	link->connection = connection;
	link->end = (uint8_t)end;
	connection->view.ends[end].socket.id = socket;
	connection->view.ends[end].socket.source = source;
	if (socket)
		map_add(&table->by_socket, &link->link, socket_hash(source, socket));
	else
		link->connection = NULL;
}

void connection_remove_socket(struct connection_table *table, struct connection *connection,
			      unsigned int end)
{
	struct socket_link *link = &connection->sockets[end];

	if (!link->connection)
		return;
	map_remove(&table->by_socket, &link->link);
	link->connection = NULL;
}

struct socket_link *connection_find_socket(const struct connection_table *table, uint16_t source,
					   uint64_t socket)
{
	struct map_link *at = map_first(&table->by_socket, socket_hash(source, socket));

	for (; at; at = map_next(at)) {
		struct socket_link *link = container_of(at, struct socket_link, link);
		const struct socket_facts *facts = &link->connection->view.ends[link->end].socket;

		if (facts->id == socket && facts->source == source)
			return link;
	}
	return NULL;
}

void connection_add_tuple(struct connection_table *table, struct connection *connection,
			  const struct record *record, unsigned int local_end)
{
	uint8_t source = (uint8_t)(1 << record->source % CONNECTION_CAPTURES);
	struct tuple_link *tuple;
	struct flow canonical;
	bool turned = flow_canonical(&record->flow, &canonical);

	connection->sources |= source;
	for (unsigned int i = 0; i < connection->tuple_count; i++)
		if (flow_equal(&connection->tuples[i].flow, &canonical)) {
			connection->tuples[i].sources |= source;
			return;
		}
	if (connection->tuple_count == CONNECTION_TUPLES)
		return;
	tuple = &connection->tuples[connection->tuple_count++];
	tuple->connection = connection;
	tuple->flow = canonical;
	tuple->sources = source;
	tuple->first_end = (uint8_t)(turned ? !local_end : local_end);
	map_add(&table->by_tuple, &tuple->link, flow_hash(&canonical));
}

struct connection *connection_next_tuple(const struct connection_table *table,
					 const struct flow *flow, struct tuple_link **at,
					 unsigned int *end)
{
	struct flow canonical;
	bool turned = flow_canonical(flow, &canonical);
	struct map_link *link =
		*at ? map_next(&(*at)->link) : map_first(&table->by_tuple, flow_hash(&canonical));

	for (; link; link = map_next(link)) {
		struct tuple_link *tuple = container_of(link, struct tuple_link, link);

		if (!flow_equal(&tuple->flow, &canonical))
			continue;
		*at = tuple;
		*end = turned ? !tuple->first_end : tuple->first_end;
		return tuple->connection;
	}
	return NULL;
}

static uint64_t numbers_hash(uint32_t a, uint32_t b)
{
	return hash_mix(a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a);
}

bool connection_has_numbers(const struct connection *connection)
{
	const struct connection_end *ends = connection->view.ends;

	return ends[0].has_isn && !ends[0].isn_assumed && ends[1].has_isn && !ends[1].isn_assumed;
}

void connection_set_numbers(struct connection_table *table, struct connection *connection)
{
	const struct connection_end *ends = connection->view.ends;

	if (connection->numbers.added || !connection_has_numbers(connection))
		return;
	connection->numbers.added = true;
	connection->numbers.connection = connection;
	map_add(&table->by_numbers, &connection->numbers.link,
		numbers_hash(ends[0].isn, ends[1].isn));
}

struct connection *connection_find_numbers(const struct connection_table *table, uint32_t local_isn,
					   uint32_t remote_isn, unsigned int *local_end)
{
	struct map_link *at = map_first(&table->by_numbers, numbers_hash(local_isn, remote_isn));

	for (; at; at = map_next(at)) {
		struct numbers_link *link = container_of(at, struct numbers_link, link);
		const struct connection_end *ends = link->connection->view.ends;

		if (ends[0].isn == local_isn && ends[1].isn == remote_isn)
			*local_end = 0;
		else if (ends[1].isn == local_isn && ends[0].isn == remote_isn)
			*local_end = 1;
		else
			continue;
		return link->connection;
	}
	return NULL;
}

const struct capture_name *connection_capture(const struct connection *connection, uint16_t source)
{
	for (unsigned int i = 0; i < connection->capture_count; i++)
		if (connection->captures[i].source == source)
			return &connection->captures[i];
	return NULL;
}

void connection_add_capture(struct connection *connection, const struct wire_record *record)
{
	if (connection_capture(connection, record->header.source) ||
	    connection->capture_count == CONNECTION_CAPTURES)
		return;
	connection->captures[connection->capture_count++] = (struct capture_name){
		.stream = record->stream,
		.source = record->header.source,
	};
}

static uint64_t mark_hash(uint32_t seq, uint32_t ack)
{
	return hash_mix((uint64_t)seq << 32 | ack);
}

void connection_add_mark(struct connection_table *table, struct connection *connection,
			 const struct segment *segment)
{
	struct mark_link *mark;

	if (connection->mark_count == CONNECTION_MARKS)
		return;
	mark = &connection->marks[connection->mark_count++];
	*mark = (struct mark_link){
		.connection = connection,
		.time = segment->time,
		.seq = segment->seq,
		.ack = segment->ack,
		.payload = segment->payload,
		.sender = segment->sender,
	};
	map_add(&table->by_mark, &mark->link, mark_hash(segment->seq, segment->ack));
}

struct mark_link *connection_find_mark(const struct connection_table *table,
				       const struct segment_record *record, uint64_t within)
{
	struct map_link *at = map_first(&table->by_mark, mark_hash(record->seq, record->ack));

	for (; at; at = map_next(at)) {
		struct mark_link *mark = container_of(at, struct mark_link, link);

		if (mark->seq == record->seq && mark->ack == record->ack &&
		    mark->payload == record->payload && record->header.time <= mark->time + within)
			return mark;
	}
	return NULL;
}

bool connection_add_state(struct connection *connection, unsigned int end,
			  const struct state_change *change)
{
	struct connection_end *shown = &connection->view.ends[end];
	struct state_change *states = connection->ends[end].states;
	uint32_t at = shown->state_count;

	if (at == CONNECTION_STATES) {
		connection->ends[end].incomplete |= INCOMPLETE_LOST_RECORDS;
		return false;
	}
	for (; at > 0 && states[at - 1].time > change->time; at--)
		states[at] = states[at - 1];
	states[at] = *change;
	shown->state_count++;
	return true;
}

struct segment *connection_add_segment(struct connection *connection, const struct segment *segment,
				       uint32_t limit)
{
	struct connection_view *view = &connection->view;
	uint32_t at = view->segment_count;

	if (at >= limit)
		return NULL;
	if (at == connection->segment_capacity) {
		uint32_t capacity = connection->segment_capacity * 2;
		struct segment *segments = realloc(view->segments, capacity * sizeof(*segments));

		if (!segments)
			return NULL;
		view->segments = segments;
		connection->segment_capacity = capacity;
	}
	for (; at > 0 && view->segments[at - 1].time > segment->time; at--)
		view->segments[at] = view->segments[at - 1];
	view->segments[at] = *segment;
	view->segment_count++;
	return &view->segments[at];
}

struct segment *connection_move_segment(struct connection *connection, struct segment *segment)
{
	struct segment moved = *segment;

	for (; segment > connection->view.segments && segment[-1].time > moved.time; segment--)
		*segment = segment[-1];
	*segment = moved;
	return segment;
}

bool connection_fins_acknowledged(const struct connection *connection)
{
	bool acked[2] = {false, false};

	if (!connection->ends[0].fin.known || !connection->ends[1].fin.known)
		return false;
	for (uint32_t i = 0; i < connection->view.segment_count; i++) {
		const struct segment *segment = &connection->view.segments[i];
		const struct fin *fin = &connection->ends[!segment->sender].fin;

		if (segment->flags & SEGMENT_ACK && segment->ack == fin->end)
			acked[!segment->sender] = true;
		if (segment->flags & SEGMENT_FIN)
			acked[segment->sender] = false;
	}
	return acked[0] && acked[1];
}

bool connection_closed_on_wire(const struct connection *connection)
{
	for (uint32_t i = 0; i < connection->view.segment_count; i++)
		if (connection->view.segments[i].flags & SEGMENT_RST)
			return true;
	return connection_fins_acknowledged(connection);
}

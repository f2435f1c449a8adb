// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/forerunners.h"

#include "base/map.h"
#include "core/socket.h"

/* A listener's queue is emptied within its close(). */
#define QUEUE_CLOSED_WITHIN 1000000000ull

void forerunners_add_listener(struct forerunners *forerunners, const struct state_record *record)
{
	struct closed_listener *listener =
		&forerunners->listeners[forerunners->listener_next++ % FORERUNNER_LISTENERS];

	listener->time = record->header.time;
	listener->port = record->header.flow.local_port;
	listener->place = record_place(&record->header);
	listener->task = record->task;
	listener->how = socket_close_how(record);
}

void forerunners_apply_listener(const struct forerunners *forerunners,
				struct connection *connection, unsigned int end,
				const struct state_record *record)
{
	struct socket_facts *socket = &connection->view.ends[end].socket;

	const struct closed_listener *newest = NULL;

	if (!socket->never_accepted || record->to != TCP_STATE_CLOSED || record->error)
		return;
	for (unsigned int i = 0; i < FORERUNNER_LISTENERS; i++) {
		const struct closed_listener *listener = &forerunners->listeners[i];

		if (!listener->time || listener->port != record->header.flow.local_port ||
		    listener->place != record_place(&record->header) ||
		    record->header.time - listener->time > QUEUE_CLOSED_WITHIN)
			continue;
		if (!newest || listener->time > newest->time)
			newest = listener;
	}
	if (!newest)
		return;
	socket->listener_closed = true;
	socket->close_how = newest->how;
	socket->close_task = newest->task;
}

static unsigned int reset_room(uint64_t socket)
{
	return hash_mix(socket) % FORERUNNER_RESETS;
}

void forerunners_add_reset(struct forerunners *forerunners, const struct reset_record *record)
{
	unsigned int room = reset_room(record->socket);

	forerunners->resets[room] = *record;
	forerunners->has_reset[room / 64] |= 1ull << room % 64;
}

void forerunners_apply_reset(struct forerunners *forerunners, struct connection *connection,
			     unsigned int end)
{
	struct socket_facts *socket = &connection->view.ends[end].socket;
	unsigned int room = reset_room(socket->id);
	const struct reset_record *reset = &forerunners->resets[room];

	if (!(forerunners->has_reset[room / 64] >> room % 64 & 1) || reset->socket != socket->id ||
	    reset->header.source != socket->source)
		return;
	socket_note_reset(socket, reset);
	forerunners->has_reset[room / 64] &= ~(1ull << room % 64);
}

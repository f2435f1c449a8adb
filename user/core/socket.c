// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/socket.h"

#include <errno.h>
#include <string.h>

#include "core/inference.h"

#define SCALE_UNKNOWN 0xff
#define TOLD_TWICE_WITHIN 10000000 /* 10 ms */

/* Our FIN is in snd_nxt once it was sent; the change to FIN_WAIT1 or LAST_ACK comes before. */
static bool fin_in_snd_nxt(const struct state_record *record)
{
	switch (record->from) {
	case TCP_STATE_FIN_WAIT2:
		return true;
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
		return record->snd_nxt == record->write_seq;
	default:
		return false;
	}
}

struct socket_isn socket_isn(const struct state_record *record)
{
	uint32_t sent = (uint32_t)(record->bytes_sent - record->bytes_retrans);
	/* Holds at either end, unless the local queue discipline refused a segment that the counter
	 * had already included: so the other one is preferred where the role is known. */
	uint32_t by_sent = record->snd_nxt - sent - 1 - fin_in_snd_nxt(record);
	uint32_t by_acked = record->snd_una - (uint32_t)record->bytes_acked;
	struct socket_isn isn = {
		.known = true,
		.remote = record->rcv_nxt - (uint32_t)record->bytes_received - 1,
		.role = record->role,
	};

	/* A snapshot has no numbers; a socket in SYN_SENT has not heard the peer's. */
	if (record->context & CONTEXT_SNAPSHOT || record->from == TCP_STATE_SYN_SENT)
		return (struct socket_isn){.role = record->role};
	if (isn.role == ROLE_UNKNOWN && by_acked == by_sent)
		isn.role = ROLE_CLIENT;
	else if (isn.role == ROLE_UNKNOWN && by_acked == by_sent + 1)
		isn.role = ROLE_SERVER;
	/* In SYN_RECV (TCP Fast Open) our SYN is not acknowledged yet: snd_una is its number. */
	if (isn.role == ROLE_UNKNOWN || record->from == TCP_STATE_SYN_RECV)
		isn.local = by_sent;
	else
		isn.local = by_acked - (isn.role == ROLE_SERVER);
	return isn;
}

/* A change that only a local call makes. Others may run while a task holds the socket (segments
 * from its backlog), and then the task did not ask for them. */
static bool is_local_call(const struct state_record *record)
{
	if (!(record->context & CONTEXT_CALL))
		return false;
	if (record->to == TCP_STATE_FIN_WAIT1 || record->to == TCP_STATE_LAST_ACK)
		return true;
	if (record->from == TCP_STATE_LISTEN)
		return true;
	if (record->to != TCP_STATE_CLOSED || record->from == TCP_STATE_FIN_WAIT2 ||
	    record->from == TCP_STATE_CLOSING || record->from == TCP_STATE_LAST_ACK)
		return record->error == ECONNABORTED;
	return !record->error || record->error == ECONNABORTED;
}

enum close_how socket_close_how(const struct state_record *record)
{
	if (!is_local_call(record))
		return CLOSE_NONE;
	if (record->context & CONTEXT_PROXY)
		return CLOSE_UNKNOWN;
	if (record->context & CONTEXT_LAST_REF)
		return record->context & CONTEXT_EXITING ? CLOSE_EXIT : CLOSE_CALL;
	if (record->to == TCP_STATE_FIN_WAIT1 || record->to == TCP_STATE_LAST_ACK)
		return CLOSE_SHUTDOWN;
	return CLOSE_UNKNOWN; /* disconnect, or an administrator's abort */
}

static bool is_opening(uint8_t state)
{
	return state == TCP_STATE_ESTABLISHED || state == TCP_STATE_SYN_SENT ||
	       state == TCP_STATE_SYN_RECV;
}

static void set_isn(struct connection_end *end, uint32_t isn)
{
	if (end->has_isn && !end->isn_assumed)
		return;
	end->has_isn = true;
	end->isn_assumed = false;
	end->isn = isn;
}

static void learn_numbers(struct connection *connection, unsigned int end,
			  const struct state_record *record)
{
	struct socket_isn isn = socket_isn(record);
	struct socket_facts *socket = &connection->view.ends[end].socket;
	struct end_state *ours = &connection->ends[end], *theirs = &connection->ends[!end];

	if (!isn.known)
		return;
	set_isn(&connection->view.ends[end], isn.local);
	set_isn(&connection->view.ends[!end], isn.remote);
	if (socket->role == ROLE_UNKNOWN)
		socket->role = isn.role;
	ours->has_position = true;
	ours->position = record->snd_nxt;
	theirs->has_position = true;
	theirs->position = record->rcv_nxt;
}

void socket_begin(struct connection *connection, unsigned int end,
		  const struct state_record *record)
{
	struct connection_end *shown = &connection->view.ends[end];
	struct socket_facts *socket = &shown->socket;
	const struct flow *flow = &record->header.flow;

	shown->has_socket = true;
	shown->state_count = 0;
	memcpy(shown->address, flow->local, sizeof(shown->address));
	shown->port = flow->local_port;
	if (!connection->view.ends[!end].has_socket) {
		memcpy(connection->view.ends[!end].address, flow->remote, sizeof(flow->remote));
		connection->view.ends[!end].port = flow->remote_port;
	}
	*socket = (struct socket_facts){
		.id = record->socket,
		.flow = *flow,
		.born = record->born,
		.netns = record->header.netns,
		.source = record->header.source,
		.uid = record->uid,
		.role = record->role,
		.started_late = !record->born,
		.snd_wscale = SCALE_UNKNOWN,
		.rcv_wscale = SCALE_UNKNOWN,
		.reset_reason = RESET_REASON_NONE,
	};
	if (!is_opening(record->from) || record->context & CONTEXT_SNAPSHOT)
		connection->ends[end].incomplete |=
			record->born ? INCOMPLETE_LOST_RECORDS : INCOMPLETE_STARTED_LATE;
}

/* The state that the kernel's CLOSE stands for here: tcp_time_wait() closes the socket when a
 * mini-socket takes its place, in TIME_WAIT or still in FIN_WAIT2 (net/ipv4/tcp_minisocks.c). */
static enum tcp_state meant_by_close(const struct socket_facts *socket,
				     const struct state_record *record)
{
	if (record->error || record->to != TCP_STATE_CLOSED)
		return record->to;
	if (record->from == TCP_STATE_CLOSING)
		return TCP_STATE_TIME_WAIT;
	if (record->from != TCP_STATE_FIN_WAIT2)
		return TCP_STATE_CLOSED;
	if (record->context & CONTEXT_FIN_SEEN)
		return TCP_STATE_TIME_WAIT;
	if (record->context & CONTEXT_LINGER_2)
		return TCP_STATE_CLOSED;
	/* The orphan had kept its socket, and its time was up (tcp_keepalive_timer()). */
	if (socket->reset_active && socket->reset_state == TCP_STATE_FIN_WAIT2)
		return TCP_STATE_CLOSED;
	/* shutdown(), then connect(AF_UNSPEC): closed by a call with the file still open. (An
	 * orphan is swapped by close() itself if the acknowledgement came while it held the
	 * socket.) */
	if (record->context & CONTEXT_CALL &&
	    !(record->context & (CONTEXT_LAST_REF | CONTEXT_ORPHAN)))
		return TCP_STATE_CLOSED;
	return TCP_STATE_FIN_WAIT2;
}

static void note_close_wait(struct socket_facts *socket, const struct state_record *record)
{
	uint32_t queued = record->rcv_nxt - record->copied_seq;

	/* The peer's FIN is one of them until the program reads the end of file. */
	socket->eof_read = queued == 0;
	socket->unread_bytes = queued ? queued - 1 : 0;
}

static void note_call(struct socket_facts *socket, const struct state_record *record)
{
	enum close_how how = socket_close_how(record);

	if (how == CLOSE_NONE || socket->close_how != CLOSE_NONE)
		return;
	socket->close_how = how;
	socket->context = record->context;
	if (record->context & CONTEXT_PROXY)
		return;
	socket->close_task = record->task;
	if (socket->owner.pid || record->error == ECONNABORTED)
		return;
	socket->owner.pid = record->task.pid;
	socket->owner.how = OWNER_CLOSE;
	memcpy(socket->owner.comm, record->task.comm, sizeof(socket->owner.comm));
}

static void note_facts(struct socket_facts *socket, const struct state_record *record)
{
	bool established = record->from != TCP_STATE_SYN_SENT;
	uint64_t received = record->bytes_received;

	if (record->context & CONTEXT_FIN_SEEN)
		socket->fin_received = true;
	if (record->owner.pid && !socket->owner.pid)
		socket->owner = record->owner;
	if (record->inode)
		socket->inode = record->inode;
	if (record->cgroup)
		socket->cgroup = record->cgroup;
	socket->error = record->error;
	socket->orphaned = record->context & CONTEXT_ORPHAN;
	if (record->context & CONTEXT_LINGER_2)
		socket->linger2 = true;
	if (record->context & CONTEXT_NO_BUCKET)
		socket->no_bucket = true;
	socket->bytes_sent = record->bytes_sent - record->bytes_retrans;
	socket->bytes_received = received - (socket->fin_received && received);
	if (established && !(record->context & CONTEXT_SNAPSHOT)) {
		socket->snd_wscale = record->snd_wscale;
		socket->rcv_wscale = record->rcv_wscale;
	}
	/* The inode comes with accept(): a server's socket without one is still in the queue. */
	if (socket->inode || socket->owner.pid)
		socket->never_accepted = false;
	else if (socket->role == ROLE_SERVER && record->context & CONTEXT_NO_SOCKET &&
		 !(record->context & CONTEXT_ORPHAN))
		socket->never_accepted = true;
}

static void note_unread(struct socket_facts *socket, const struct state_record *record)
{
	if (record->from == TCP_STATE_CLOSE_WAIT)
		note_close_wait(socket, record);
	else if (record->to == TCP_STATE_CLOSED && record->from == TCP_STATE_ESTABLISHED)
		socket->unread_bytes = record->rcv_nxt - record->copied_seq;
}

bool socket_told_before(const struct connection *connection, unsigned int end,
			const struct state_record *record)
{
	const struct end_state *state = &connection->ends[end];

	return state->last_state == record->to && state->last_from == record->from &&
	       record->header.time < state->last_change + TOLD_TWICE_WITHIN;
}

static void check_chain(struct connection *connection, unsigned int end,
			const struct state_record *record)
{
	struct end_state *state = &connection->ends[end];

	if (state->last_state && state->last_state != record->from)
		state->incomplete |= INCOMPLETE_LOST_RECORDS;
	state->last_from = record->from;
	state->last_state = record->to;
	state->last_change = record->header.time;
}

bool socket_change(struct connection *connection, unsigned int end,
		   const struct state_record *record)
{
	struct end_state *state = &connection->ends[end];
	struct socket_facts *socket = &connection->view.ends[end].socket;
	enum tcp_state to = meant_by_close(socket, record);
	struct state_change change = {
		.time = record->header.time,
		.from = record->from,
		.to = (uint8_t)to,
		.observed = true,
	};
	bool kept;

	learn_numbers(connection, end, record);
	check_chain(connection, end, record);
	note_facts(socket, record);
	note_call(socket, record);
	note_unread(socket, record);
	if (record->context & CONTEXT_SNAPSHOT) {
		if (to == TCP_STATE_FIN_WAIT2 && record->context & CONTEXT_ORPHAN) {
			state->orphan = true;
			state->orphan_since = record->header.time;
		}
		return true;
	}
	if (record->context & CONTEXT_NO_BUCKET) {
		if (to == TCP_STATE_FIN_WAIT2) {
			state->orphan_since = record->header.time;
			state->orphan_end = TIME_WAIT_NEVER;
		}
		to = TCP_STATE_CLOSED;
		change.to = (uint8_t)to;
	}
	if (record->to == TCP_STATE_CLOSED && to == TCP_STATE_FIN_WAIT2) {
		state->orphan = true;
		state->orphan_since = record->header.time;
		state->orphan_expects = record->rcv_nxt;
		return true;
	}
	kept = connection_add_state(connection, end, &change);
	if (to == TCP_STATE_CLOSED || to == TCP_STATE_TIME_WAIT) {
		socket->over = true;
		state->over_time = record->header.time;
	}
	return kept;
}

void socket_end_orphan(struct connection *connection, unsigned int end, enum tcp_state to,
		       uint64_t time, bool observed)
{
	struct end_state *state = &connection->ends[end];
	struct socket_facts *socket = &connection->view.ends[end].socket;
	struct state_change change = {
		.time = time,
		.from = TCP_STATE_FIN_WAIT2,
		.to = (uint8_t)to,
		.observed = observed,
	};

	state->orphan = false;
	if (to == TCP_STATE_TIME_WAIT)
		socket->fin_received = true;
	connection_add_state(connection, end, &change);
	socket->over = true;
	state->over_time = time;
}

uint32_t socket_presume_over(struct connection *connection, unsigned int end)
{
	struct state_change inferred[CONNECTION_STATES];
	struct connection_end *shown = &connection->view.ends[end];
	struct end_state *state = &connection->ends[end];
	uint32_t count = infer_states(&connection->view, end, inferred, CONNECTION_STATES);
	const struct state_change *last;
	uint32_t missed = 0;

	for (uint32_t i = 0; i < count; i++) {
		last = &shown->states[shown->state_count - 1];
		if (inferred[i].from != last->to)
			continue;
		if (inferred[i].time < last->time)
			inferred[i].time = last->time;
		connection_add_state(connection, end, &inferred[i]);
		missed++;
	}
	last = &shown->states[shown->state_count - 1];
	if (last->to != TCP_STATE_CLOSED && last->to != TCP_STATE_TIME_WAIT) {
		struct state_change closed = {
			.time = connection->last_time,
			.from = last->to,
			.to = TCP_STATE_CLOSED,
		};

		connection_add_state(connection, end, &closed);
		missed++;
	}
	state->incomplete |= INCOMPLETE_LOST_RECORDS;
	shown->socket.over = true;
	state->over_time = connection->last_time;
	return missed;
}

void socket_note_reset(struct socket_facts *socket, const struct reset_record *record)
{
	if (record->direction == RESET_RECEIVED) {
		socket->reset_received = true;
		return;
	}
	socket->reset_sent = true;
	socket->reset_reason = record->reason;
	socket->reset_active = record->active;
	socket->reset_state = record->state;
}

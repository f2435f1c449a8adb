// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/classifier.h"

#include <errno.h>
#include <stddef.h>

#include "core/inference.h"
#include "core/joined.h"
#include "core/report.h"
#include "core/segment.h"

/* A direction that stayed open this long after the other had closed was left open on purpose. */
#define HALF_CLOSE_LASTS 1000000000ull

static const struct close_kind_info kinds[CLOSE_KINDS] = {
	[KIND_UNKNOWN] = {"unknown", "What was seen does not say how the connection ended.", NULL},
	[KIND_FOUR_WAY] =
		{"four-way",
		 "FIN, ACK, FIN, ACK: each side closed its half and the other acknowledged "
		 "it (RFC 9293, 3.6).",
		 NULL},
	[KIND_THREE_WAY] =
		{"three-way",
		 "The acknowledgement of the first FIN and the second FIN were one segment.", NULL},
	[KIND_SIMULTANEOUS] = {"simultaneous",
			       "Both sides sent their FIN before they saw the other's; both pass "
			       "CLOSING.",
			       NULL},
	[KIND_RESET] = {"reset", "A RST ended the connection; no FIN was sent before.", NULL},
	[KIND_RESET_AFTER_FIN] = {"reset-after-fin", "A FIN began the close, a RST ended it.",
				  NULL},
	[KIND_TIMEOUT] = {"timeout",
			  "What the kernel waited for never came (an acknowledgement, the peer's "
			  "FIN), so it gave the connection up.",
			  "look for a peer, firewall or NAT that vanished without closing"},
	[KIND_SILENT] = {"silent", "The socket was closed and no segment said so.", NULL},
};

static const struct close_cause_info causes[CLOSE_CAUSES] = {
	[CAUSE_NONE] = {NULL, NULL},
	[CAUSE_UNREAD_DATA] = {"unread-data", "it was closed with received data unread"},
	[CAUSE_LINGER] = {"linger", "SO_LINGER with time 0 was set"},
	[CAUSE_DATA_AFTER_CLOSE] = {"data-after-close", "data arrived after it was closed"},
	[CAUSE_ABORTED] = {"aborted", "an administrator's tool aborted it (ss -K)"},
	[CAUSE_KEEPALIVE] = {"keepalive", "keepalive probes went unanswered"},
	[CAUSE_RETRANSMISSION] = {"retransmission",
				  "what was sent again and again was never acknowledged"},
	[CAUSE_FIN_WAIT2_TIMEOUT] =
		{"fin-wait2-timeout",
		 "no program held it any more and the peer did not close within "
		 "tcp_fin_timeout"},
	[CAUSE_LISTENER_CLOSED] = {"listener-closed",
				   "it was still in the queue of a listener that was closed"},
	[CAUSE_NEVER_ACCEPTED] = {"never-accepted", "it ended before a program accepted it"},
	[CAUSE_BEFORE_ESTABLISHED] = {"before-established",
				      "it was closed before the handshake was complete"},
	[CAUSE_DISCONNECT] = {"disconnect", "the program disconnected it without closing it"},
	[CAUSE_PEER_RESET] = {"peer-reset", "the peer sent a RST"},
	[CAUSE_LINGER2] = {"linger2", "TCP_LINGER2 allows no FIN_WAIT2 without a program"},
	[CAUSE_MEMORY] = {"memory", "there were too many orphans or too little memory"},
	[CAUSE_DESTROYED] = {"destroyed",
			     "an administrator's tool removed it (ss -K), or its network "
			     "namespace was deleted"},
	[CAUSE_NO_BUCKET] = {"tw-buckets",
			     "no program held it any more and tcp_max_tw_buckets left no room "
			     "for it"},
};

const struct close_kind_info *close_kind_info(enum close_kind kind)
{
	return &kinds[kind < CLOSE_KINDS ? kind : KIND_UNKNOWN];
}

const struct close_cause_info *close_cause_info(enum close_cause cause)
{
	return &causes[cause < CLOSE_CAUSES ? cause : CAUSE_NONE];
}

const char *closed_by_name(enum closed_by by)
{
	static const char *const names[] = {"unknown", "local", "peer", "both"};

	return names[by <= CLOSED_BY_BOTH ? by : CLOSED_BY_UNKNOWN];
}

/* What the timeline holds, collected once. */
struct findings {
	int fin[2]; /* index of the first FIN of the local end, of the peer; or NO_SEGMENT */
	int rst;    /* index of the first RST */
	int passed[TCP_STATES]; /* index of the local change to a state, or -1 */
	bool rst_by_local;
	bool rst_has_ack;
	bool separate_ack; /* the first FIN was acknowledged by a segment that is not a FIN */
	bool fin_crossed;  /* neither FIN acknowledges the other */
};

static bool acknowledges(const struct segment *segment, const struct segment *fin)
{
	return segment->ack == fin->seq + fin->payload + 1;
}

static struct findings find(const struct connection_view *connection, unsigned int local)
{
	const struct connection_end *end = &connection->ends[local];
	struct findings found = {.fin = {NO_SEGMENT, NO_SEGMENT}, .rst = NO_SEGMENT};

	for (int state = 0; state < TCP_STATES; state++)
		found.passed[state] = -1;
	/* Where it already was when its story begins. */
	if (end->state_count)
		found.passed[end->states[0].from] = 0;
	for (uint32_t i = 0; i < end->state_count; i++)
		if (end->states[i].to < TCP_STATES && found.passed[end->states[i].to] < 0)
			found.passed[end->states[i].to] = (int)i;
	for (uint32_t i = 0; i < connection->segment_count; i++) {
		const struct segment *segment = &connection->segments[i];
		int *fin = &found.fin[segment->sender != local];

		if (segment->flags & SEGMENT_RST) {
			if (found.rst == NO_SEGMENT && !ended_by_fins(end)) {
				found.rst = (int)i;
				found.rst_has_ack = segment->flags & SEGMENT_ACK;
				found.rst_by_local = segment->sender == local;
			}
			continue;
		}
		/* One that crossed the RST did not begin the close. */
		if (segment->flags & SEGMENT_FIN && *fin == NO_SEGMENT && found.rst == NO_SEGMENT)
			*fin = (int)i;
		if (segment->wave == 2)
			found.separate_ack = true;
	}
	if (found.fin[0] != NO_SEGMENT && found.fin[1] != NO_SEGMENT)
		found.fin_crossed = !acknowledges(&connection->segments[found.fin[0]],
						  &connection->segments[found.fin[1]]) &&
				    !acknowledges(&connection->segments[found.fin[1]],
						  &connection->segments[found.fin[0]]);
	return found;
}

static void add_evidence(struct verdict *verdict, int index, uint16_t what)
{
	if (index >= 0 && verdict->evidence_count < VERDICT_EVIDENCE)
		verdict->evidence[verdict->evidence_count++] = (uint16_t)((uint16_t)index | what);
}

static void add_segment(struct verdict *verdict, int index)
{
	add_evidence(verdict, index, EVIDENCE_SEGMENT);
}

static bool sent_fin(const struct findings *found)
{
	return found->fin[0] != NO_SEGMENT || found->passed[TCP_STATE_FIN_WAIT1] >= 0 ||
	       found->passed[TCP_STATE_FIN_WAIT2] >= 0 || found->passed[TCP_STATE_LAST_ACK] >= 0;
}

static bool received_fin(const struct findings *found, const struct connection_end *end)
{
	return found->fin[1] != NO_SEGMENT || found->passed[TCP_STATE_CLOSE_WAIT] >= 0 ||
	       found->passed[TCP_STATE_CLOSING] >= 0 || found->passed[TCP_STATE_LAST_ACK] >= 0 ||
	       (end->has_socket && end->socket.fin_received);
}

static bool was_reset(const struct findings *found, const struct connection_end *end)
{
	if (found->rst != NO_SEGMENT)
		return true;
	if (!end->has_socket || ended_by_fins(end))
		return false;
	return end->socket.reset_sent || end->socket.reset_received ||
	       end->socket.error == ECONNRESET || end->socket.error == EPIPE;
}

/* Who sent the first FIN or RST. */
static enum closed_by find_closer(const struct connection_view *connection,
				  const struct findings *found, unsigned int local,
				  enum close_kind kind)
{
	const struct connection_end *end = &connection->ends[local];

	if (kind == KIND_SIMULTANEOUS)
		return CLOSED_BY_BOTH;
	for (uint32_t i = 0; i < end->state_count; i++) {
		if (!end->states[i].observed)
			break;
		if (end->states[i].to == TCP_STATE_FIN_WAIT1 ||
		    end->states[i].from == TCP_STATE_FIN_WAIT1 ||
		    end->states[i].from == TCP_STATE_FIN_WAIT2)
			return CLOSED_BY_LOCAL;
		if (end->states[i].to == TCP_STATE_CLOSE_WAIT ||
		    end->states[i].from == TCP_STATE_CLOSE_WAIT ||
		    end->states[i].from == TCP_STATE_LAST_ACK)
			return CLOSED_BY_PEER;
	}
	for (uint32_t i = 0; i < connection->segment_count; i++)
		if (connection->segments[i].flags & SEGMENT_FIN || (int)i == found->rst)
			return connection->segments[i].sender == local ? CLOSED_BY_LOCAL
								       : CLOSED_BY_PEER;
	if (!end->has_socket)
		return CLOSED_BY_UNKNOWN;
	if (end->socket.close_how != CLOSE_NONE || end->socket.reset_sent)
		return CLOSED_BY_LOCAL;
	if (end->socket.reset_received)
		return CLOSED_BY_PEER;
	return CLOSED_BY_UNKNOWN;
}

static enum close_kind find_kind(const struct connection_view *connection,
				 const struct findings *found, unsigned int local)
{
	const struct connection_end *end = &connection->ends[local];
	bool ours = sent_fin(found), theirs = received_fin(found, end);

	if (end->has_socket &&
	    (end->socket.error == ETIMEDOUT || end->socket.expired || end->socket.given_up))
		return KIND_TIMEOUT;
	if (!end->has_socket && connection->wire.given_up)
		return KIND_TIMEOUT;
	if (was_reset(found, end))
		return ours || theirs ? KIND_RESET_AFTER_FIN : KIND_RESET;
	if (ours && theirs) {
		if (found->passed[TCP_STATE_CLOSING] >= 0 || found->fin_crossed)
			return KIND_SIMULTANEOUS;
		if (found->fin[0] == NO_SEGMENT || found->fin[1] == NO_SEGMENT)
			return KIND_FOUR_WAY; /* by the states alone; marked as inferred */
		return found->separate_ack ? KIND_FOUR_WAY : KIND_THREE_WAY;
	}
	if (!ours && !theirs && end->has_socket && end->socket.over)
		return KIND_SILENT;
	return KIND_UNKNOWN;
}

/* Of a RST of ours that came after the program had closed. One that answers a segment, and so
 * carries no ACK (RFC 9293, 3.10.7.1), refuses what could not be delivered any more (RFC 1122,
 * 4.2.2.13). Another is the kernel's own wish: in FIN_WAIT2 its time is up (tcp_keepalive_timer()),
 * before that there are too many orphans (tcp_check_oom()). */
static enum close_cause late_reset_cause(const struct findings *found,
					 const struct connection_end *end)
{
	const struct socket_facts *socket = &end->socket;
	bool waited = found->passed[TCP_STATE_FIN_WAIT2] >= 0;

	if (found->passed[TCP_STATE_FIN_WAIT1] >= 0 && socket->linger2)
		return CAUSE_LINGER2;
	if (socket->reset_sent ? !socket->reset_active : !found->rst_has_ack)
		return found->passed[TCP_STATE_FIN_WAIT1] >= 0 ? CAUSE_DATA_AFTER_CLOSE
							       : CAUSE_NONE;
	if (!socket->orphaned)
		return CAUSE_NONE;
	return waited ? CAUSE_FIN_WAIT2_TIMEOUT : CAUSE_MEMORY;
}

/* Of one that is not over it may come yet. */
static bool was_never_accepted(const struct socket_facts *socket)
{
	return socket->never_accepted && socket->over;
}

static enum close_cause reset_cause(const struct findings *found, const struct connection_end *end)
{
	const struct socket_facts *socket = &end->socket;
	bool by_call = socket->close_how != CLOSE_NONE && found->passed[TCP_STATE_FIN_WAIT1] < 0 &&
		       found->passed[TCP_STATE_LAST_ACK] < 0;
	bool sent = socket->reset_sent || (found->rst != NO_SEGMENT && found->rst_by_local);

	if (socket->error == ECONNABORTED)
		return CAUSE_ABORTED;
	if (socket->listener_closed)
		return CAUSE_LISTENER_CLOSED;
	if (found->rst != NO_SEGMENT ? !found->rst_by_local
				     : socket->reset_received && !socket->reset_sent)
		return was_never_accepted(socket) ? CAUSE_NEVER_ACCEPTED : CAUSE_PEER_RESET;
	if (by_call && socket->unread_bytes)
		return CAUSE_UNREAD_DATA;
	if (by_call && socket->context & CONTEXT_LINGER_0)
		return CAUSE_LINGER;
	if (by_call && !(socket->context & CONTEXT_LAST_REF))
		return CAUSE_DISCONNECT;
	return sent ? late_reset_cause(found, end) : CAUSE_NONE;
}

static enum close_cause find_cause(const struct verdict *verdict, const struct findings *found,
				   const struct connection_end *end)
{
	const struct socket_facts *socket = &end->socket;

	if (!end->has_socket)
		return CAUSE_NONE;
	if (socket->destroyed)
		return CAUSE_DESTROYED;
	if (socket->no_bucket && !socket->fin_received)
		return CAUSE_NO_BUCKET;
	switch (verdict->kind) {
	case KIND_TIMEOUT:
		if (socket->expired || socket->given_up)
			return CAUSE_FIN_WAIT2_TIMEOUT;
		if (sent_fin(found) || !verdict->has_reset)
			return CAUSE_RETRANSMISSION;
		return CAUSE_KEEPALIVE;
	case KIND_RESET:
	case KIND_RESET_AFTER_FIN:
		return reset_cause(found, end);
	case KIND_SILENT:
		if (end->state_count && (end->states[0].from == TCP_STATE_SYN_SENT ||
					 end->states[0].from == TCP_STATE_SYN_RECV))
			return CAUSE_BEFORE_ESTABLISHED;
		if (socket->error == ECONNABORTED)
			return CAUSE_ABORTED;
		return was_never_accepted(socket) ? CAUSE_NEVER_ACCEPTED : CAUSE_NONE;
	default:
		return was_never_accepted(socket) ? CAUSE_NEVER_ACCEPTED : CAUSE_NONE;
	}
}

/* With a recording from each end it is known what the second closer saw, by its own clock: when the
 * first copy of the other's FIN came. */
static void judge_reaction(struct verdict *verdict, const struct connection_view *connection,
			   const struct segment *first, const struct segment *second)
{
	const struct sighting *left = joined_sighting(connection, second, second->sender);
	const struct sighting *came = NULL;

	for (uint32_t i = 0; i < connection->segment_count; i++) {
		const struct segment *copy = &connection->segments[i];
		const struct sighting *here = joined_sighting(connection, copy, second->sender);

		if (here && copy->sender == first->sender && copy->flags & SEGMENT_FIN &&
		    (!came || here->time < came->time))
			came = here;
	}
	if (came && left && left->time > came->time)
		verdict->half_close_ns = left->time - came->time;
}

static void judge_half_close(struct verdict *verdict, const struct connection_view *connection,
			     const struct findings *found)
{
	const struct segment *first, *second;

	if (found->fin[0] == NO_SEGMENT || found->fin[1] == NO_SEGMENT)
		return;
	first = &connection
			 ->segments[found->fin[0] < found->fin[1] ? found->fin[0] : found->fin[1]];
	second = &connection
			  ->segments[found->fin[0] < found->fin[1] ? found->fin[1] : found->fin[0]];
	verdict->half_close_ns = second->time - first->time;
	if (connection->joined)
		judge_reaction(verdict, connection, first, second);
	/* What the second closer still sent: its FIN's number against what the first FIN had
	 * acknowledged. */
	verdict->half_close = verdict->kind != KIND_SIMULTANEOUS &&
			      ((int32_t)(second->seq + second->payload - first->ack) > 0 ||
			       verdict->half_close_ns >= HALF_CLOSE_LASTS);
}

static void judge_reset(struct verdict *verdict, const struct findings *found,
			const struct connection_end *end)
{
	const struct socket_facts *socket = &end->socket;

	verdict->reset_reason = RESET_REASON_NONE;
	verdict->has_reset = was_reset(found, end);
	if (!verdict->has_reset)
		return;
	if (found->rst != NO_SEGMENT)
		verdict->reset_sent = found->rst_by_local;
	else
		verdict->reset_sent = end->has_socket && socket->reset_sent;
	if (end->has_socket && verdict->reset_sent)
		verdict->reset_reason = socket->reset_reason;
}

/* It rests on a segment that was not there: a FIN, a FIN that crossed, an ACK of its own. */
static bool denies_a_segment(enum close_kind kind)
{
	return kind == KIND_FOUR_WAY || kind == KIND_THREE_WAY || kind == KIND_SILENT ||
	       kind == KIND_RESET;
}

/* A RST that left here, or came here: the peer's may be lost on its way. */
static bool saw_reset(const struct connection_view *connection, const struct findings *found,
		      unsigned int local)
{
	const struct socket_facts *socket = &connection->ends[local].socket;

	if (found->rst == NO_SEGMENT)
		return false;
	if (socket->error)
		return true;
	for (uint32_t i = (uint32_t)found->rst; i < connection->segment_count; i++) {
		const struct segment *segment = &connection->segments[i];

		if (segment->flags & SEGMENT_RST &&
		    (segment->sender == local || segment_arrived(segment, socket)))
			return true;
	}
	return false;
}

/* A verdict is observed when the segments it names were seen or the kernel itself told of them, and
 * when nothing was lost that it denies. */
static bool is_inferred(const struct verdict *verdict, const struct connection_view *connection,
			const struct findings *found, unsigned int local)
{
	const struct connection_end *end = &connection->ends[local];

	if (!end->has_socket)
		return true;
	if (end->socket.gap && denies_a_segment(verdict->kind))
		return true;
	switch (verdict->kind) {
	case KIND_FOUR_WAY:
	case KIND_THREE_WAY:
		return found->fin[0] == NO_SEGMENT || found->fin[1] == NO_SEGMENT;
	case KIND_SIMULTANEOUS:
		return found->passed[TCP_STATE_CLOSING] < 0;
	case KIND_RESET:
	case KIND_RESET_AFTER_FIN:
		return !end->socket.reset_sent && !end->socket.reset_received &&
		       !saw_reset(connection, found, local);
	case KIND_TIMEOUT:
		return end->socket.given_up;
	default:
		return false;
	}
}

struct verdict classify(const struct connection_view *connection, unsigned int local)
{
	const struct connection_end *end = &connection->ends[local];
	struct findings found = find(connection, local);
	struct verdict verdict = {.kind = find_kind(connection, &found, local)};

	judge_reset(&verdict, &found, end);
	verdict.closed_by = find_closer(connection, &found, local, verdict.kind);
	verdict.cause = find_cause(&verdict, &found, end);
	verdict.inferred = is_inferred(&verdict, connection, &found, local);
	judge_half_close(&verdict, connection, &found);
	if (verdict.has_reset)
		add_segment(&verdict, found.rst);
	for (int i = 0; i < 2; i++)
		add_segment(&verdict, found.fin[i]);
	add_evidence(&verdict, found.passed[TCP_STATE_CLOSING], 0);
	add_evidence(&verdict, found.passed[TCP_STATE_CLOSED], 0);
	add_evidence(&verdict, found.passed[TCP_STATE_TIME_WAIT], 0);
	return verdict;
}

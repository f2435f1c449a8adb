// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/record_message.h"

#include "output/facts.h"
#include "output/text.h"

static void add_flow(struct buffer *out, const struct flow *flow)
{
	static const struct flow none;

	if (memcmp(flow, &none, sizeof(none)) == 0)
		return;
	text_add_endpoint(out, flow->local, flow->local_port);
	buffer_add_literal(out, " → ");
	text_add_endpoint(out, flow->remote, flow->remote_port);
	buffer_add_literal(out, "  ");
}

/* The call that the task made, where the change itself tells. */
static enum close_how close_how(const struct state_record *record)
{
	if (record->to != TCP_STATE_FIN_WAIT1 && record->to != TCP_STATE_LAST_ACK &&
	    record->to != TCP_STATE_CLOSED)
		return CLOSE_NONE;
	if (record->context & CONTEXT_LAST_REF)
		return record->context & CONTEXT_EXITING ? CLOSE_EXIT : CLOSE_CALL;
	return record->to == TCP_STATE_CLOSED ? CLOSE_NONE : CLOSE_SHUTDOWN;
}

static void add_party(struct buffer *out, const struct state_record *record)
{
	bool called = record->context & CONTEXT_CALL && record->task.pid;
	const char *call;

	if (called) {
		buffer_add_literal(out, "  ");
		text_add_process(out, record->task.pid, record->task.comm, RECORD_COMM_LENGTH);
		call = record->context & CONTEXT_PROXY ? "" : close_call_text(close_how(record));
		if (*call)
			buffer_add_char(out, ' ');
		buffer_add_string(out, call);
	} else if (record->owner.pid) {
		buffer_add_literal(out, "  of ");
		text_add_process(out, record->owner.pid, record->owner.comm, RECORD_COMM_LENGTH);
	}
}

static void add_state(struct buffer *out, const struct state_record *record)
{
	const char *error = record->error ? strerrorname_np(record->error) : NULL;

	if (record->context & CONTEXT_SNAPSHOT) {
		buffer_add_literal(out, "found in ");
	} else {
		buffer_add_string(out, tcp_state_name(record->from));
		buffer_add_literal(out, " → ");
	}
	buffer_add_string(out, tcp_state_name(record->to));
	add_party(out, record);
	if (error) {
		buffer_add_literal(out, "  ");
		buffer_add_string(out, error);
	}
}

static void add_segment(struct buffer *out, const struct segment_record *record)
{
	add_flags(out, record->flags);
	text_add_count(out, " seq ", record->seq, "");
	text_add_count(out, " ack ", record->ack, "");
	text_add_count(out, " len ", record->payload, "");
}

static void add_reset(struct buffer *out, const struct output_lookup *lookup,
		      const struct reset_record *record)
{
	const char *reason = NULL;

	buffer_add_string(out, record->direction == RESET_SENT ? "RST sent" : "RST received");
	if (record->state) {
		buffer_add_literal(out, " in ");
		buffer_add_string(out, tcp_state_name(record->state));
	}
	if (record->reason == RESET_REASON_NONE)
		return;
	if (lookup->reset_reason)
		reason = lookup->reset_reason(lookup->context, record->reason);
	buffer_add_literal(out, ": ");
	if (reason)
		buffer_add_escaped(out, reason, SIZE_MAX);
	else
		text_add_count(out, "reason ", record->reason, "");
}

static void add_retransmit(struct buffer *out, const struct retransmit_record *record)
{
	add_flags(out, record->flags);
	buffer_add_literal(out, " sent again");
	if (record->state) {
		buffer_add_literal(out, " in ");
		buffer_add_string(out, tcp_state_name(record->state));
	}
}

static void add_timeout(struct buffer *out, const char *before, uint32_t ms, const char *after)
{
	if (!ms)
		return;
	buffer_add_string(out, before);
	buffer_add_fixed(out, ms, 1000, 3);
	buffer_add_string(out, after);
}

static const char *removal_text(const struct time_wait_record *record)
{
	switch (record->removal) {
	case REMOVED_BY_ABORT:
		return " removed by an administrator";
	case REMOVED_UNSEEN:
		return " gone when it was looked for";
	default:
		return " removed before its time";
	}
}

static void add_time_wait(struct buffer *out, const struct time_wait_record *record)
{
	const char *state = record->substate ? tcp_state_name(record->substate) : "TIME_WAIT";

	if (record->event == TIME_WAIT_EMPTY) {
		text_add_count(out, "network namespace ", record->header.netns,
			       " was deleted, and every TIME_WAIT with it");
		return;
	}
	if (record->event == TIME_WAIT_FOUND)
		buffer_add_literal(out, "found in ");
	else if (record->substate == TCP_STATE_FIN_WAIT2)
		buffer_add_literal(out, "orphaned ");
	buffer_add_string(out, state);
	switch (record->event) {
	case TIME_WAIT_BEGIN:
		buffer_add_literal(out, " began");
		add_timeout(out, ", ", record->timeout_ms, " s");
		break;
	case TIME_WAIT_RESTART:
		buffer_add_literal(out, " began anew");
		add_timeout(out, ", ", record->timeout_ms, " s");
		break;
	case TIME_WAIT_EXPIRED:
		buffer_add_literal(out, " ended: its timer ran out");
		break;
	case TIME_WAIT_TAKEN:
		buffer_add_string(out, record->role == ROLE_CLIENT
					       ? " ended: a connect() took its addresses"
					       : " ended: a peer's SYN took its addresses");
		break;
	case TIME_WAIT_REMOVED:
		buffer_add_string(out, removal_text(record));
		break;
	case TIME_WAIT_FOUND:
		add_timeout(out, ", ", record->timeout_ms, " s are left");
		break;
	}
}

static void add_owner(struct buffer *out, const struct owner *owner)
{
	const char *how = owner_how_name(owner->how);

	buffer_add_literal(out, "owner found: ");
	text_add_process(out, owner->pid, owner->comm, RECORD_COMM_LENGTH);
	if (!how)
		return;
	buffer_add_literal(out, " (");
	buffer_add_string(out, how);
	buffer_add_char(out, ')');
}

static void add_loss(struct buffer *out, const struct loss_record *record)
{
	const char *kind = record_kind_name(record->lost_kind);

	text_add_count(out, "lost: ", record->count, " of ");
	buffer_add_string(out, kind ? kind : "an unknown kind");
}

void record_message_add(struct buffer *out, const struct output_lookup *lookup,
			const struct record *record)
{
	const void *body = record;

	add_flow(out, &record->flow);
	switch ((enum record_kind)record->kind) {
	case RECORD_STATE:
		add_state(out, body);
		break;
	case RECORD_SEGMENT:
		add_segment(out, body);
		break;
	case RECORD_RESET:
		add_reset(out, lookup, body);
		break;
	case RECORD_RETRANSMIT:
		add_retransmit(out, body);
		break;
	case RECORD_TIME_WAIT:
		add_time_wait(out, body);
		break;
	case RECORD_NAMESPACE:
		text_add_count(out, "the first socket of network namespace ", record->netns, "");
		break;
	case RECORD_OWNER:
		add_owner(out, &((const struct owner_record *)body)->owner);
		break;
	case RECORD_LOSS:
		add_loss(out, body);
		break;
	case RECORD_END:
		buffer_add_literal(out, "the recording ends");
		break;
	case RECORD_TICK:
		buffer_add_literal(out, "time went by: what was due is told");
		break;
	case RECORD_WIRE:
	case RECORD_KINDS:
		break;
	}
}

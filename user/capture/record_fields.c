// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/record_fields.h"

#include "capture/field_table.h"

#define NUMBER(record, member, label) FIELD(record, member, "TCPCLOSE_" label, FIELD_NUMBER)
#define ADDRESS(record, member, label) FIELD(record, member, "TCPCLOSE_" label, FIELD_ADDRESS)
#define COMM(record, member, label) FIELD(record, member, "TCPCLOSE_" label, FIELD_NAME)

static const struct field header_fields[] = {
	NUMBER(record, time, "TIME"),
	NUMBER(record, cpu, "CPU"),
	NUMBER(record, netns, "NETNS"),
	ADDRESS(record, flow.local, "LOCAL"),
	NUMBER(record, flow.local_port, "LOCAL_PORT"),
	ADDRESS(record, flow.remote, "REMOTE"),
	NUMBER(record, flow.remote_port, "REMOTE_PORT"),
	FIELD_END,
};

static const struct field state_fields[] = {
	NUMBER(state_record, socket, "SOCKET"),
	NUMBER(state_record, from, "FROM"),
	NUMBER(state_record, to, "TO"),
	NUMBER(state_record, context, "CONTEXT"),
	NUMBER(state_record, error, "ERROR"),
	NUMBER(state_record, shutdown, "SHUTDOWN"),
	NUMBER(state_record, role, "ROLE"),
	NUMBER(state_record, born, "BORN"),
	NUMBER(state_record, cgroup, "CGROUP"),
	NUMBER(state_record, inode, "INODE"),
	NUMBER(state_record, uid, "UID"),
	NUMBER(state_record, bytes_sent, "BYTES_SENT"),
	NUMBER(state_record, bytes_retrans, "BYTES_RETRANS"),
	NUMBER(state_record, bytes_acked, "BYTES_ACKED"),
	NUMBER(state_record, bytes_received, "BYTES_RECEIVED"),
	NUMBER(state_record, snd_una, "SND_UNA"),
	NUMBER(state_record, snd_nxt, "SND_NXT"),
	NUMBER(state_record, write_seq, "WRITE_SEQ"),
	NUMBER(state_record, rcv_nxt, "RCV_NXT"),
	NUMBER(state_record, copied_seq, "COPIED_SEQ"),
	NUMBER(state_record, snd_wscale, "SND_WSCALE"),
	NUMBER(state_record, rcv_wscale, "RCV_WSCALE"),
	NUMBER(state_record, retransmits, "RETRANSMITS"),
	NUMBER(state_record, owner.pid, "OWNER_PID"),
	NUMBER(state_record, owner.how, "OWNER_HOW"),
	COMM(state_record, owner.comm, "OWNER_COMM"),
	NUMBER(state_record, task.pid, "TASK_PID"),
	NUMBER(state_record, task.tid, "TASK_TID"),
	COMM(state_record, task.comm, "TASK_COMM"),
	FIELD_END,
};

static const struct field segment_fields[] = {
	NUMBER(segment_record, flags, "FLAGS"),
	NUMBER(segment_record, seq, "SEQ"),
	NUMBER(segment_record, ack, "ACK"),
	NUMBER(segment_record, payload, "PAYLOAD"),
	NUMBER(segment_record, window, "WINDOW"),
	NUMBER(segment_record, ttl, "TTL"),
	NUMBER(segment_record, ip_id, "IP_ID"),
	NUMBER(segment_record, interface, "INTERFACE"),
	NUMBER(segment_record, hook, "HOOK"),
	NUMBER(segment_record, notes, "NOTES"),
	FIELD_END,
};

static const struct field reset_fields[] = {
	NUMBER(reset_record, socket, "SOCKET"), NUMBER(reset_record, direction, "DIRECTION"),
	NUMBER(reset_record, reason, "REASON"), NUMBER(reset_record, state, "STATE"),
	NUMBER(reset_record, active, "ACTIVE"), FIELD_END,
};

static const struct field retransmit_fields[] = {
	NUMBER(retransmit_record, socket, "SOCKET"), NUMBER(retransmit_record, flags, "FLAGS"),
	NUMBER(retransmit_record, seq, "SEQ"),       NUMBER(retransmit_record, end_seq, "END_SEQ"),
	NUMBER(retransmit_record, state, "STATE"),   FIELD_END,
};

static const struct field time_wait_fields[] = {
	NUMBER(time_wait_record, socket, "SOCKET"),
	NUMBER(time_wait_record, event, "EVENT"),
	NUMBER(time_wait_record, substate, "SUBSTATE"),
	NUMBER(time_wait_record, timeout_ms, "TIMEOUT_MS"),
	NUMBER(time_wait_record, removal, "REMOVAL"),
	NUMBER(time_wait_record, taken, "TAKEN"),
	NUMBER(time_wait_record, role, "ROLE"),
	FIELD_END,
};

static const struct field namespace_fields[] = {
	NUMBER(namespace_record, pid, "PID"),
	FIELD_END,
};

static const struct field owner_fields[] = {
	NUMBER(owner_record, socket, "SOCKET"),
	NUMBER(owner_record, owner.pid, "OWNER_PID"),
	NUMBER(owner_record, owner.how, "OWNER_HOW"),
	COMM(owner_record, owner.comm, "OWNER_COMM"),
	FIELD_END,
};

static const struct field loss_fields[] = {
	NUMBER(loss_record, lost_kind, "LOST_KIND"),
	NUMBER(loss_record, count, "LOST"),
	NUMBER(loss_record, until, "LOST_UNTIL"),
	FIELD_END,
};

static const struct field no_fields[] = {
	FIELD_END,
};

/* Not a capture's own (RECORD_WIRE): that is what is read, not what is written. */
static const struct record_table {
	const char *name;
	size_t size;
	const struct field *fields;
} tables[RECORD_KINDS] = {
#define TABLE(record, fields) sizeof(struct record), fields
	[RECORD_STATE] = {"state", TABLE(state_record, state_fields)},
	[RECORD_SEGMENT] = {"segment", TABLE(segment_record, segment_fields)},
	[RECORD_RESET] = {"reset", TABLE(reset_record, reset_fields)},
	[RECORD_RETRANSMIT] = {"retransmit", TABLE(retransmit_record, retransmit_fields)},
	[RECORD_TIME_WAIT] = {"time_wait", TABLE(time_wait_record, time_wait_fields)},
	[RECORD_NAMESPACE] = {"namespace", TABLE(namespace_record, namespace_fields)},
	[RECORD_OWNER] = {"owner", TABLE(owner_record, owner_fields)},
	[RECORD_LOSS] = {"loss", TABLE(loss_record, loss_fields)},
	[RECORD_END] = {"end", TABLE(record, no_fields)},
	[RECORD_TICK] = {"tick", TABLE(record, no_fields)},
#undef TABLE
};

size_t record_fields_size(uint16_t kind)
{
	return kind < RECORD_KINDS ? tables[kind].size : 0;
}

bool record_fields_add(struct buffer *out, const struct record *record)
{
	size_t size = record_fields_size(record->kind);
	const struct record_table *table;

	if (!size || record->length < size)
		return false;
	table = &tables[record->kind];
	journal_add_string(out, RECORD_FIELDS_KIND, table->name);
	buffer_add_literal(out, RECORD_FIELDS_ROW "=");
	field_table_add_row(out, header_fields, record);
	field_table_add_row(out, table->fields, record);
	if (out->failed)
		return true;
	out->data[out->length - 1] = '\n';
	field_table_add_rest(out, table->fields, record);
	return true;
}

bool record_fields_begin(union any_record *record, const struct journal_field *kind)
{
	for (unsigned int i = 0; i < RECORD_KINDS; i++) {
		if (!tables[i].name || strlen(tables[i].name) != kind->value_length ||
		    memcmp(tables[i].name, kind->value, kind->value_length) != 0)
			continue;
		memset(record, 0, sizeof(*record));
		record->header.kind = (uint16_t)i;
		record->header.length = (uint16_t)tables[i].size;
		return true;
	}
	return false;
}

enum field_answer record_fields_take(union any_record *record, const struct journal_field *field)
{
	const struct field *fields = tables[record->header.kind].fields, *found;
	struct journal_field row = *field;

	if (journal_is(field, RECORD_FIELDS_ROW))
		return field_table_take_row(header_fields, record, &row) &&
				       field_table_take_row(fields, record, &row)
			       ? FIELD_TAKEN
			       : FIELD_BAD;
	found = field_table_find(header_fields, field);
	if (!found)
		found = field_table_find(fields, field);
	if (!found)
		return FIELD_UNKNOWN;
	return field_table_take(found, record, field, NULL) ? FIELD_TAKEN : FIELD_BAD;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/facts.h"
#include "output/joining.h"
#include "output/json_values.h"
#include "output/leaks.h"
#include "output/summary.h"

static uint32_t netns_of(const struct connection_end *end)
{
	return end->has_socket ? end->socket.netns : 0;
}

static void add_process(struct buffer *out, const struct socket_facts *socket)
{
	const struct owner *owner = &socket->owner;
	const char *how = owner_how_name(owner->how);

	if (!owner->pid)
		return;
	buffer_add_literal(out, ",\"process\":{");
	json_add_task(out, owner->pid, owner->comm);
	ADD_UNSIGNED(out, "uid", socket->uid);
	if (how) {
		buffer_add_literal(out, ",\"how\":");
		add_name(out, how);
	}
	buffer_add_char(out, '}');
}

static void add_close_call(struct buffer *out, const struct socket_facts *socket)
{
	const struct task *task = &socket->close_task;
	const char *how = close_how_name(socket->close_how);

	if (!how)
		return;
	buffer_add_literal(out, ",\"close_call\":{\"how\":");
	add_name(out, how);
	if (task->pid) {
		buffer_add_char(out, ',');
		json_add_task(out, task->pid, task->comm);
		ADD_UNSIGNED(out, "tid", task->tid);
	}
	buffer_add_char(out, '}');
}

static void add_evidence(struct buffer *out, const struct verdict *verdict)
{
	unsigned int count = verdict->evidence_count;

	if (count > VERDICT_EVIDENCE)
		count = VERDICT_EVIDENCE;
	buffer_add_literal(out, ",\"evidence\":[");
	for (unsigned int i = 0; i < count; i++) {
		unsigned int evidence = verdict->evidence[i];

		if (i)
			buffer_add_char(out, ',');
		if (evidence & EVIDENCE_SEGMENT)
			buffer_add_literal(out, "\"segments[");
		else
			buffer_add_literal(out, "\"states[");
		buffer_add_unsigned(out, evidence & ~(unsigned int)EVIDENCE_SEGMENT);
		buffer_add_literal(out, "]\"");
	}
	buffer_add_char(out, ']');
}

static void add_verdict(struct output *output, const struct teardown_report *report)
{
	const struct verdict *verdict = &report->verdict;
	const char *reason = lookup_reset_reason(output, report);
	struct buffer *out = &output->out;

	buffer_add_literal(out, ",\"kind\":");
	add_name(out, close_kind_info(verdict->kind)->name);
	buffer_add_literal(out, ",\"closed_by\":");
	add_name(out, closed_by_name(verdict->closed_by));
	if (verdict->cause != CAUSE_NONE) {
		buffer_add_literal(out, ",\"cause\":");
		add_name(out, close_cause_info(verdict->cause)->name);
	}
	if (verdict->inferred)
		buffer_add_literal(out, ",\"confidence\":\"inferred\"");
	else
		buffer_add_literal(out, ",\"confidence\":\"observed\"");
	add_evidence(out, verdict);
	if (verdict->half_close && verdict->half_close_ns)
		ADD_UNSIGNED(out, "half_close_ns", verdict->half_close_ns);
	if (!verdict->has_reset)
		return;
	if (verdict->reset_sent)
		buffer_add_literal(out, ",\"reset\":{\"dir\":\"out\"");
	else
		buffer_add_literal(out, ",\"reset\":{\"dir\":\"in\"");
	if (reason) {
		buffer_add_literal(out, ",\"reason\":");
		buffer_add_json(out, reason, SIZE_MAX);
	}
	buffer_add_char(out, '}');
}

static void add_states(struct buffer *out, const struct teardown_report *report,
		       const struct connection_end *end)
{
	buffer_add_char(out, '[');
	for (uint32_t i = 0; i < end->state_count; i++) {
		const struct state_change *change = &end->states[i];

		if (i)
			buffer_add_char(out, ',');
		buffer_add_literal(out, "{\"t_ns\":");
		buffer_add_unsigned(out, report_offset(report, change->time));
		buffer_add_literal(out, ",\"from\":");
		add_name(out, tcp_state_name(change->from));
		buffer_add_literal(out, ",\"to\":");
		add_name(out, tcp_state_name(change->to));
		ADD_BOOL(out, "observed", change->observed);
		buffer_add_char(out, '}');
	}
	buffer_add_char(out, ']');
}

static void add_sighting(struct output *output, const struct teardown_report *report,
			 const struct sighting *sighting)
{
	const char *hook = segment_hook_name(sighting->hook);
	const char *name = lookup_interface(output, sighting);
	struct buffer *out = &output->out;

	buffer_add_literal(out, "{\"interface\":");
	if (name) {
		buffer_add_json(out, name, SIZE_MAX);
	} else {
		buffer_add_literal(out, "\"if");
		buffer_add_unsigned(out, sighting->interface);
		buffer_add_char(out, '"');
	}
	if (hook) {
		buffer_add_literal(out, ",\"hook\":");
		add_name(out, hook);
	}
	ADD_UNSIGNED(out, "t_ns", report_offset(report, sighting->time));
	if (output->options.join) {
		ADD_UNSIGNED(out, "source", sighting->source);
		if (sighting->frame)
			ADD_UNSIGNED(out, "frame", sighting->frame);
	}
	buffer_add_char(out, '}');
}

static void add_numbers(struct buffer *out, const struct connection_view *connection,
			const struct segment *segment)
{
	uint32_t number;

	ADD_UNSIGNED(out, "seq", segment->seq);
	ADD_UNSIGNED(out, "ack", segment->ack);
	if (segment_seq_rel(connection, segment, &number))
		ADD_UNSIGNED(out, "seq_rel", number);
	if (segment_ack_rel(connection, segment, &number))
		ADD_UNSIGNED(out, "ack_rel", number);
	if (!(segment->notes & SEGMENT_LENGTH_UNKNOWN))
		ADD_UNSIGNED(out, "len", segment->payload);
	if (segment_window(connection, segment, &number))
		ADD_UNSIGNED(out, "window", number);
	else
		ADD_UNSIGNED(out, "window_raw", segment->window);
	ADD_UNSIGNED(out, "ttl", segment->ttl);
	if (segment->wave)
		ADD_UNSIGNED(out, "wave", segment->wave);
}

static void add_segment(struct output *output, const struct teardown_report *report,
			const struct segment *segment)
{
	struct buffer *out = &output->out;
	unsigned int sightings = segment->sighting_count;

	if (sightings > SEGMENT_SIGHTINGS)
		sightings = SEGMENT_SIGHTINGS;
	buffer_add_literal(out, "{\"t_ns\":");
	buffer_add_unsigned(out, report_offset(report, segment->time));
	if (segment->sender == report->local)
		buffer_add_literal(out, ",\"dir\":\"out\",\"flags\":\"");
	else
		buffer_add_literal(out, ",\"dir\":\"in\",\"flags\":\"");
	add_flags(out, segment->flags);
	buffer_add_char(out, '"');
	add_numbers(out, report->connection, segment);
	ADD_BOOL(out, "retransmission", segment->retransmission);
	if (segment->frame)
		ADD_UNSIGNED(out, "frame", segment->frame);
	if (segment->acks != NO_SEGMENT) {
		ADD_UNSIGNED(out, "acks", (uint64_t)segment->acks);
		ADD_UNSIGNED(out, "ack_rtt_ns", segment->ack_rtt);
	}
	if (report->connection->joined)
		joining_json_segment(out, report->connection, segment);
	buffer_add_literal(out, ",\"seen\":[");
	for (unsigned int i = 0; i < sightings; i++) {
		if (i)
			buffer_add_char(out, ',');
		add_sighting(output, report, &segment->sightings[i]);
	}
	buffer_add_char(out, ']');
	if (segment->sighting_count > sightings)
		ADD_UNSIGNED(out, "seen_total", segment->sighting_count);
	buffer_add_char(out, '}');
}

static void add_segments(struct output *output, const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;

	buffer_add_literal(&output->out, ",\"segments\":[");
	for (uint32_t i = 0; i < connection->segment_count; i++) {
		if (i)
			buffer_add_char(&output->out, ',');
		add_segment(output, report, &connection->segments[i]);
	}
	buffer_add_char(&output->out, ']');
}

static void add_durations(struct buffer *out, const struct teardown_report *report)
{
	bool first = true;

	buffer_add_literal(out, ",\"durations_ns\":{");
	for (unsigned int state = 0; state < TCP_STATES; state++) {
		if (!report->durations[state])
			continue;
		if (!first)
			buffer_add_char(out, ',');
		first = false;
		add_name(out, tcp_state_name(state));
		buffer_add_char(out, ':');
		buffer_add_unsigned(out, report->durations[state]);
	}
	buffer_add_char(out, '}');
}

static void add_close_wait(struct buffer *out, const struct teardown_report *report)
{
	const struct connection_end *local = local_end(report);
	uint64_t duration = report->durations[TCP_STATE_CLOSE_WAIT];

	if (!end_was_in(local, TCP_STATE_CLOSE_WAIT))
		return;
	if (end_entered(local, TCP_STATE_CLOSE_WAIT))
		buffer_add_literal(out, ",\"close_wait\":{\"duration_ns\":");
	else
		buffer_add_literal(out, ",\"close_wait\":{\"at_least_ns\":");
	buffer_add_unsigned(out, duration);
	ADD_UNSIGNED(out, "unread_bytes", local->socket.unread_bytes);
	ADD_BOOL(out, "eof_read", local->socket.eof_read);
	buffer_add_char(out, '}');
}

/* What only a socket knows of itself. */
static void add_socket(struct buffer *out, const struct teardown_report *report)
{
	const struct connection_end *local = local_end(report);
	const struct socket_facts *socket = &local->socket;
	const char *error = socket_error_name(local);

	add_close_wait(out, report);
	if (socket->unread_bytes && !end_was_in(local, TCP_STATE_CLOSE_WAIT))
		ADD_UNSIGNED(out, "unread_bytes", socket->unread_bytes);
	if (error) {
		buffer_add_literal(out, ",\"error\":");
		add_name(out, error);
	}
}

static void add_traffic(struct buffer *out, const struct teardown_report *report)
{
	uint64_t sent, received, born = report_born(report);

	if (report_bytes(report, &sent, &received)) {
		ADD_UNSIGNED(out, "bytes_sent", sent);
		ADD_UNSIGNED(out, "bytes_received", received);
	}
	if (born)
		ADD_UNSIGNED(out, "age_ns", report->time > born ? report->time - born : 0);
}

/* What follows from initial numbers that are a guess. */
static void add_inferred(struct buffer *out, const struct teardown_report *report)
{
	bool local = end_is_assumed(report->connection, report->local);
	bool remote = end_is_assumed(report->connection, !report->local);

	if (!local && !remote)
		return;
	buffer_add_literal(out, ",\"inferred\":[\"seq_rel\",\"ack_rel\"");
	if (local)
		buffer_add_literal(out, ",\"bytes_sent\"");
	if (remote)
		buffer_add_literal(out, ",\"bytes_received\"");
	buffer_add_char(out, ']');
}

/* What a capture tells of the whole connection, in Wireshark's terms. */
static void add_wire(struct buffer *out, const struct teardown_report *report)
{
	const struct wire_facts *wire = &report->connection->wire;

	ADD_UNSIGNED(out, "stream", wire->stream);
	if (wire->initial_rtt)
		ADD_UNSIGNED(out, "initial_rtt_ns", wire->initial_rtt);
	buffer_add_literal(out, ",\"completeness\":{\"value\":");
	buffer_add_unsigned(out, wire->completeness);
	ADD_BOOL(out, "syn", wire->completeness & WIRE_HAS_SYN);
	ADD_BOOL(out, "syn_ack", wire->completeness & WIRE_HAS_SYN_ACK);
	ADD_BOOL(out, "ack", wire->completeness & WIRE_HAS_ACK);
	ADD_BOOL(out, "data", wire->completeness & WIRE_HAS_DATA);
	ADD_BOOL(out, "fin", wire->completeness & WIRE_HAS_FIN);
	ADD_BOOL(out, "rst", wire->completeness & WIRE_HAS_RST);
	buffer_add_char(out, '}');
	add_inferred(out, report);
}

static void add_incomplete(struct buffer *out, const struct teardown_report *report)
{
	const char *name;
	bool first = true;

	ADD_BOOL(out, "complete", !report->incomplete);
	buffer_add_literal(out, ",\"incomplete\":[");
	for (unsigned int bit = 0; (name = incomplete_name(bit)); bit++) {
		if (!(report->incomplete & 1u << bit))
			continue;
		if (!first)
			buffer_add_char(out, ',');
		first = false;
		add_name(out, name);
	}
	buffer_add_char(out, ']');
}

static void json_begin(struct output *output)
{
	if (output->options.join)
		joining_json(output);
}

static void json_teardown(struct output *output, const struct teardown_report *report)
{
	struct flow flow = end_flow(report->connection, report->local);
	const struct connection_end *local = local_end(report);
	const struct wire_facts *wire = &report->connection->wire;
	struct buffer *out = &output->out;

	json_add_identity(output, "teardown", report->connection->id, report->time);
	json_add_ends(out, &flow, netns_of(local), netns_of(remote_end(report)));
	buffer_add_literal(out, ",\"role\":");
	add_name(out, role_name(report_role(report)));
	if (local->has_socket) {
		add_process(out, &local->socket);
		json_add_cgroup(output, local->socket.source, local->socket.cgroup);
		add_close_call(out, &local->socket);
	}
	add_verdict(output, report);
	buffer_add_literal(out, ",\"states\":");
	add_states(out, report, local);
	if (wire->known) {
		buffer_add_literal(out, ",\"remote_states\":");
		add_states(out, report, remote_end(report));
	}
	add_segments(output, report);
	add_durations(out, report);
	if (local->has_socket)
		add_socket(out, report);
	add_traffic(out, report);
	if (wire->known)
		add_wire(out, report);
	if (output->options.join && report->connection->joined)
		joining_json_teardown(output, report);
	ADD_UNSIGNED(out, "fin_retransmissions",
		     fin_retransmissions(report->connection, report->local));
	add_incomplete(out, report);
	buffer_add_literal(out, "}\n");
}

static void add_late_segments(struct buffer *out, const struct time_wait_report *report)
{
	ADD_UNSIGNED(out, "late_segments", report->late_count);
	buffer_add_literal(out, ",\"segments\":[");
	for (unsigned int i = 0; i < report->late_kept; i++) {
		const struct late_segment *segment = &report->late[i];

		if (i)
			buffer_add_char(out, ',');
		buffer_add_literal(out, "{\"t_ns\":");
		buffer_add_unsigned(
			out, segment->time > report->start ? segment->time - report->start : 0);
		buffer_add_literal(out, ",\"dir\":");
		add_name(out, segment->from_peer ? "in" : "out");
		buffer_add_literal(out, ",\"flags\":\"");
		add_flags(out, segment->flags);
		buffer_add_char(out, '"');
		ADD_UNSIGNED(out, "seq", segment->seq);
		ADD_UNSIGNED(out, "ack", segment->ack);
		ADD_UNSIGNED(out, "len", segment->payload);
		buffer_add_char(out, '}');
	}
	buffer_add_char(out, ']');
}

static void json_time_wait(struct output *output, const struct time_wait_report *report)
{
	const char *ended_by = time_wait_end_name(report->ended_by);
	struct buffer *out = &output->out;
	bool fin_wait2 = report->substate == TCP_STATE_FIN_WAIT2;

	json_add_identity(output, fin_wait2 ? "fin_wait2" : "time_wait", report->id, report->start);
	json_add_ends(out, &report->flow, report->netns, 0);
	if (report->end_seen && !report->started_late)
		ADD_UNSIGNED(out, "duration_ns", report->duration);
	if (report->timeout)
		ADD_UNSIGNED(out, "timeout_ns", report->timeout);
	ADD_UNSIGNED(out, "restarts", report->restarts);
	if (ended_by) {
		buffer_add_literal(out, ",\"ended_by\":");
		add_name(out, ended_by);
	}
	if (report->ended_by == TIME_WAIT_STOPPED && report->timeout)
		ADD_UNSIGNED(out, "left_ns", report->left);
	if (output->options.join)
		ADD_UNSIGNED(out, "source", report->source);
	if (report->late_count)
		add_late_segments(out, report);
	if (report->wire)
		buffer_add_literal(out, ",\"inferred\":[\"ts\",\"duration_ns\",\"timeout_ns\","
					"\"restarts\",\"ended_by\"]");
	else if (report->start_inferred && report->end_inferred)
		buffer_add_literal(out, ",\"inferred\":[\"ts\",\"ended_by\"]");
	else if (report->start_inferred)
		buffer_add_literal(out, ",\"inferred\":[\"ts\"]");
	else if (report->end_inferred)
		buffer_add_literal(out, ",\"inferred\":[\"ended_by\"]");
	if (report->start_inferred || report->started_late)
		buffer_add_literal(out, ",\"incomplete\":[\"started-late\"]");
	buffer_add_literal(out, "}\n");
}

static void json_end(struct output *output, const struct core_stats *stats, uint64_t duration)
{
	struct buffer *out = &output->out;
	bool first = true;

	buffer_add_literal(out, "{\"type\":\"stats\",\"schema\":1,\"teardowns\":");
	buffer_add_unsigned(out, stats->teardowns);
	ADD_UNSIGNED(out, "unfinished", stats->unfinished);
	ADD_UNSIGNED(out, "records", stats->records);
	buffer_add_literal(out, ",\"lost\":{");
	for (unsigned int kind = 0; kind < RECORD_KINDS; kind++) {
		const char *name = record_kind_name(kind);

		if (!name)
			continue;
		if (!first)
			buffer_add_char(out, ',');
		first = false;
		add_name(out, name);
		buffer_add_char(out, ':');
		buffer_add_unsigned(out, stats->lost[kind]);
	}
	buffer_add_char(out, '}');
	ADD_UNSIGNED(out, "evicted", stats->evicted);
	ADD_UNSIGNED(out, "bad_records", stats->bad_records);
	ADD_UNSIGNED(out, "unclaimed", stats->unclaimed);
	if (stats->passed_over)
		ADD_UNSIGNED(out, "passed_over", stats->passed_over);
	ADD_UNSIGNED(out, "time_waits", stats->time_waits);
	ADD_UNSIGNED(out, "fin_wait2s", stats->orphans);
	ADD_UNSIGNED(out, "late_segments", stats->late_segments);
	ADD_UNSIGNED(out, "duration_ns", duration);
	buffer_add_literal(out, "}\n");
}

const struct output_format output_json = {
	.name = "json",
	.begin = json_begin,
	.teardown = json_teardown,
	.time_wait = json_time_wait,
	.time_wait_summary = json_time_wait_summary,
	.close_wait = json_close_wait,
	.close_wait_view = json_close_wait_view,
	.end = json_end,
};

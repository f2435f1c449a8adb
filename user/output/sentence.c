// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/sentence.h"

#include "output/facts.h"
#include "output/text.h"

struct sentence {
	const struct output *output;
	const struct teardown_report *report;
	struct buffer *out;
};

static const char *side_name(const struct sentence *sentence, unsigned int end)
{
	return end == sentence->report->local ? "local" : "peer";
}

/* Its program in brackets, with the call that closed the socket if asked for and known. */
static void add_program(struct sentence *sentence, unsigned int end_index, bool with_call)
{
	const struct connection_end *end = &sentence->report->connection->ends[end_index];
	const struct socket_facts *socket = &end->socket;
	const char *call;

	if (!end->has_socket)
		return;
	call = with_call ? close_call_text(socket->close_how) : "";
	if (with_call && socket->close_task.pid) {
		buffer_add_literal(sentence->out, " (");
		text_add_process(sentence->out, socket->close_task.pid, socket->close_task.comm,
				 RECORD_COMM_LENGTH);
	} else if (socket->owner.pid) {
		buffer_add_literal(sentence->out, " (");
		text_add_process(sentence->out, socket->owner.pid, socket->owner.comm,
				 RECORD_COMM_LENGTH);
	} else {
		return;
	}
	if (*call) {
		buffer_add_char(sentence->out, ' ');
		buffer_add_string(sentence->out, call);
	}
	buffer_add_char(sentence->out, ')');
}

static void add_cause(struct sentence *sentence, unsigned int end, enum close_cause cause)
{
	uint32_t unread = sentence->report->connection->ends[end].socket.unread_bytes;
	struct buffer *out = sentence->out;

	if (cause == CAUSE_NONE)
		return;
	buffer_add_literal(out, ": ");
	buffer_add_string(out, close_cause_info(cause)->meaning);
	if (cause != CAUSE_UNREAD_DATA || !unread)
		return;
	buffer_add_literal(out, " (");
	text_add_bytes(out, unread);
	buffer_add_char(out, ')');
}

static void add_closer(struct sentence *sentence)
{
	const struct teardown_report *report = sentence->report;
	const struct verdict *verdict = &report->verdict;
	struct buffer *out = sentence->out;
	struct verdict theirs;
	unsigned int closer = verdict->closed_by == CLOSED_BY_PEER ? !report->local : report->local;

	if (verdict->inferred)
		buffer_add_char(out, '~');
	buffer_add_string(out, close_kind_info(verdict->kind)->name);
	if (verdict->inferred)
		buffer_add_literal(out, " (inferred)");
	if (verdict->closed_by == CLOSED_BY_BOTH) {
		buffer_add_literal(out, ", closed by both at once");
	} else if (verdict->closed_by != CLOSED_BY_UNKNOWN) {
		buffer_add_literal(out, ", closed first by ");
		buffer_add_string(out, side_name(sentence, closer));
		add_program(sentence, closer, true);
	}
	add_cause(sentence, report->local, verdict->cause);
	if (verdict->cause != CAUSE_PEER_RESET || !report->twin)
		return;
	/* Of a socket of this machine it is known why. */
	theirs = classify(report->connection, !report->local);
	if (theirs.cause != CAUSE_PEER_RESET)
		add_cause(sentence, !report->local, theirs.cause);
}

static void add_half_close(struct sentence *sentence)
{
	const struct verdict *verdict = &sentence->report->verdict;
	unsigned int second = sentence->report->local;

	if (verdict->closed_by == CLOSED_BY_LOCAL)
		second = !second;
	else if (verdict->closed_by != CLOSED_BY_PEER)
		return;
	if (!verdict->half_close && !verdict->half_close_ns)
		return;
	buffer_add_literal(sentence->out, "; ");
	buffer_add_string(sentence->out, side_name(sentence, second));
	add_program(sentence, second, false);
	if (!verdict->half_close_ns) {
		buffer_add_literal(sentence->out, " went on sending");
	} else if (verdict->half_close) {
		buffer_add_literal(sentence->out, " kept its half open for ");
		text_add_duration(sentence->out, verdict->half_close_ns);
	} else {
		buffer_add_literal(sentence->out, " took ");
		text_add_duration(sentence->out, verdict->half_close_ns);
		buffer_add_literal(sentence->out, " to close its half");
	}
}

static void add_reset(struct sentence *sentence)
{
	const struct teardown_report *report = sentence->report;
	const char *reason = lookup_reset_reason(sentence->output, report);
	unsigned int sender = report->verdict.reset_sent ? report->local : !report->local;

	if (!report->verdict.has_reset || report->verdict.cause == CAUSE_PEER_RESET)
		return;
	buffer_add_literal(sentence->out, "; RST sent by ");
	buffer_add_string(sentence->out, side_name(sentence, sender));
	if (reason) {
		buffer_add_literal(sentence->out, ", reason ");
		buffer_add_escaped(sentence->out, reason, SIZE_MAX);
	}
}

static void add_troubles(struct sentence *sentence)
{
	const struct teardown_report *report = sentence->report;
	const char *error = socket_error_name(local_end(report));
	struct buffer *out = sentence->out;
	const char *separator = "; incomplete: ";
	const char *name;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int sender = i ? !sentence->report->local : sentence->report->local;
		uint32_t count = fin_retransmissions(sentence->report->connection, sender);

		if (!count)
			continue;
		buffer_add_literal(out, "; ");
		buffer_add_string(out, side_name(sentence, sender));
		buffer_add_literal(out, " sent its FIN again ");
		buffer_add_unsigned(out, count);
		buffer_add_string(out, count == 1 ? " time" : " times");
	}
	if (error) {
		buffer_add_literal(out, "; error ");
		buffer_add_string(out, error);
	}
	for (unsigned int bit = 0; (name = incomplete_name(bit)); bit++) {
		if (!(report->incomplete & 1u << bit))
			continue;
		buffer_add_string(out, separator);
		buffer_add_string(out, name);
		separator = ", ";
	}
}

void sentence_add(struct buffer *out, const struct output *output,
		  const struct teardown_report *report)
{
	struct sentence sentence = {
		.output = output,
		.report = report,
		.out = out,
	};

	add_closer(&sentence);
	add_half_close(&sentence);
	add_reset(&sentence);
	add_troubles(&sentence);
}

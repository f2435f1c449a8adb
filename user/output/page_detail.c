// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What a page keeps of a teardown for the one who opens it: both ends, states, segments, why. */
#include "base/container.h"
#include "core/joined.h"
#include "output/facts.h"
#include "output/page.h"
#include "output/sentence.h"

/* As page/reader.js knows them. */
enum segment_bit {
	SEGMENT_WAVE = 7,
	SEGMENT_IS_RETRANSMISSION = 1 << 3,
	SEGMENT_SEQ_KNOWN = 1 << 4, /* seq counts from the sender's initial one */
	SEGMENT_ACK_KNOWN = 1 << 5, /* ack from the receiver's */
	SEGMENT_SCALED = 1 << 6,    /* the window is */
	SEGMENT_NO_LENGTH = 1 << 7,
	SEGMENT_ACKS = 1 << 8, /* which one and after how long follows */
	SEGMENT_FROM_PEER = 1 << 9,
	SEGMENT_HAS_FRAME = 1 << 10, /* its number follows */
	SEGMENT_HAS_TIMES = 1 << 11, /* when it left and when it arrived follows */
	SEGMENT_NOT_SEEN = 1 << 12,  /* at the end that it went to, and there somebody looked */
};

enum wire_bit {
	WIRE_LOCAL_ASSUMED = 1 << 0, /* initial numbers are a guess */
	WIRE_PEER_ASSUMED = 1 << 1,
	WIRE_NAT = 1 << 2, /* what the peer sees follows */
};

enum socket_bit {
	SOCKET_EOF_READ = 1 << 0,
	SOCKET_STARTED_LATE = 1 << 1,
};

/* From when on: the time that has passed by the report's, and 1; 0: not known. */
static void add_age(struct page *page, const struct teardown_report *report, uint64_t born)
{
	page_add(page, !born ? 0 : report->time > born ? report->time - born + 1 : 1);
}

/* What a capture tells of the whole connection. */
static void add_wire(struct output *output, const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	const struct wire_facts *wire = &connection->wire;
	struct page *page = output->page;
	struct flow flow = end_flow(connection, !report->local);
	uint64_t sent, received, bits = 0;

	buffer_add_char(&page->line, ';');
	if (!wire->known)
		return;
	bits |= end_is_assumed(connection, report->local) ? WIRE_LOCAL_ASSUMED : 0;
	bits |= end_is_assumed(connection, !report->local) ? WIRE_PEER_ASSUMED : 0;
	bits |= ends_differ(connection) ? WIRE_NAT : 0;
	report_bytes(report, &sent, &received);
	page_add(page, wire->stream);
	page_add(page, wire->initial_rtt);
	page_add(page, wire->completeness);
	page_add(page, report_role(report));
	page_add(page, sent);
	page_add(page, received);
	add_age(page, report, report_born(report));
	page_add(page, bits);
	if (bits & WIRE_NAT)
		page_add_flow(output, &flow);
}

static void add_socket(struct output *output, const struct teardown_report *report,
		       unsigned int index)
{
	const struct connection_end *end = &report->connection->ends[index];
	const struct socket_facts *socket = &end->socket;
	const char *path = lookup_cgroup(output, socket->source, socket->cgroup);
	char container[CONTAINER_ID_LENGTH + 1] = "";
	struct page *page = output->page;

	buffer_add_char(&page->line, ';');
	if (!end->has_socket)
		return;
	if (path)
		container_find(path, container);
	page_add(page, socket->role);
	page_add(page, socket->owner.pid ? socket->owner.how : OWNER_UNKNOWN);
	page_add(page, socket->uid);
	page_add(page, socket->netns);
	page_add(page, socket->owner.pid);
	page_add_word(output, socket->owner.comm, RECORD_COMM_LENGTH);
	page_add_word(output, path, CGROUP_PATH_LIMIT);
	page_add_word(output, container, sizeof(container));
	page_add(page, socket->bytes_sent);
	page_add(page, socket->bytes_received);
	add_age(page, report, socket->born);
	page_add(page, socket->unread_bytes);
	page_add_word(output, socket_error_name(end), SIZE_MAX);
	page_add(page, socket->close_how);
	page_add(page, socket->close_task.pid);
	page_add(page, socket->close_task.tid);
	page_add_word(output, socket->close_task.comm, RECORD_COMM_LENGTH);
	page_add(page, (socket->eof_read ? SOCKET_EOF_READ : 0) |
			       (socket->started_late ? SOCKET_STARTED_LATE : 0));
	page_add_flow(output, &socket->flow);
}

/* The first state, then for each change: the time since the one before, ~ if it is inferred, the
 * state; before that, if it is not where the one before led to, ! and where it came from. */
static void add_states(struct output *output, const struct teardown_report *report,
		       unsigned int index)
{
	const struct connection_end *end = &report->connection->ends[index];
	struct page *page = output->page;
	uint64_t last = report->time;

	buffer_add_char(&page->line, ';');
	if (!end->state_count)
		return;
	page_add(page, end->states[0].from);
	for (uint32_t i = 0; i < end->state_count; i++) {
		const struct state_change *change = &end->states[i];

		page_add_signed(page, (int64_t)(change->time - last));
		if (i && change->from != end->states[i - 1].to) {
			buffer_add_char(&page->line, '!');
			page_add(page, change->from);
		}
		if (!change->observed)
			buffer_add_char(&page->line, '~');
		page_add(page, change->to);
		last = change->time;
	}
}

static void add_initial_numbers(struct output *output, const struct teardown_report *report)
{
	struct page *page = output->page;

	buffer_add_char(&page->line, ';');
	for (unsigned int i = 0; i < 2; i++) {
		const struct connection_end *end =
			&report->connection->ends[i ? !report->local : report->local];

		page_add(page, end->has_isn);
		page_add(page, end->has_isn ? end->isn : 0);
	}
}

/* A place is one word, as it comes again and again: "hook netns source interface". */
static void add_place(struct output *output, const struct sighting *seen)
{
	struct buffer *text = &output->page->text;
	const char *name = lookup_interface(output, seen);

	buffer_clear(text);
	buffer_add_unsigned(text, seen->hook);
	buffer_add_char(text, ' ');
	buffer_add_unsigned(text, seen->netns);
	buffer_add_char(text, ' ');
	buffer_add_unsigned(text, seen->source);
	buffer_add_char(text, ' ');
	if (name) {
		buffer_add_escaped(text, name, SIZE_MAX);
	} else {
		buffer_add_literal(text, "if");
		buffer_add_unsigned(text, seen->interface);
	}
	page_add_text(output);
}

static void add_sightings(struct output *output, const struct segment *segment)
{
	unsigned int count = segment->sighting_count;
	struct page *page = output->page;

	page_add(page, count);
	if (count > SEGMENT_SIGHTINGS)
		count = SEGMENT_SIGHTINGS;
	for (unsigned int i = 0; i < count; i++) {
		page_add_signed(page, (int64_t)(segment->sightings[i].time - segment->time));
		add_place(output, &segment->sightings[i]);
	}
}

/* When a segment left its sender and when it reached the other end, where both were seen: by two
 * recordings, or on the way between two sockets of this machine. */
static bool times_at_ends(const struct connection_view *connection, const struct segment *segment,
			  uint64_t *left, uint64_t *arrived)
{
	const struct connection_end *receiver = &connection->ends[!segment->sender];
	const struct sighting *first = &segment->sightings[0], *last = first;

	if (connection->joined) {
		first = joined_sighting(connection, segment, segment->sender);
		last = joined_sighting(connection, segment, !segment->sender);
	} else if (segment->sighting_count > 1 && segment->sighting_count <= SEGMENT_SIGHTINGS) {
		last = &segment->sightings[segment->sighting_count - 1];
		if (!connection->ends[segment->sender].has_socket || !receiver->has_socket ||
		    first->hook != HOOK_TC_EGRESS || last->hook == HOOK_TC_EGRESS ||
		    last->netns != receiver->socket.netns)
			return false;
	}
	if (!first || !last || first == last)
		return false;
	*left = first->time;
	*arrived = last->time;
	return true;
}

static void add_segment(struct output *output, const struct teardown_report *report,
			const struct segment *segment, uint64_t last)
{
	const struct connection_view *connection = report->connection;
	struct page *page = output->page;
	uint32_t seq, ack, window;
	uint64_t left, arrived;
	bool timed = times_at_ends(connection, segment, &left, &arrived);
	uint64_t bits = segment->wave & SEGMENT_WAVE;
	bool seq_known = segment_seq_rel(connection, segment, &seq);
	bool ack_known = segment_ack_rel(connection, segment, &ack);
	bool scaled = segment_window(connection, segment, &window);

	bits |= segment->retransmission ? SEGMENT_IS_RETRANSMISSION : 0;
	bits |= seq_known ? SEGMENT_SEQ_KNOWN : 0;
	bits |= ack_known ? SEGMENT_ACK_KNOWN : 0;
	bits |= scaled ? SEGMENT_SCALED : 0;
	bits |= segment->notes & SEGMENT_LENGTH_UNKNOWN ? SEGMENT_NO_LENGTH : 0;
	bits |= segment->acks != NO_SEGMENT ? SEGMENT_ACKS : 0;
	bits |= segment->sender != report->local ? SEGMENT_FROM_PEER : 0;
	bits |= segment->frame ? SEGMENT_HAS_FRAME : 0;
	bits |= timed ? SEGMENT_HAS_TIMES : 0;
	if (connection->joined && !joined_sighting(connection, segment, !segment->sender))
		bits |= SEGMENT_NOT_SEEN;
	page_add_signed(page, (int64_t)(segment->time - last));
	page_add(page, bits);
	page_add(page, segment->flags);
	page_add(page, seq_known ? seq : segment->seq);
	page_add(page, ack_known ? ack : segment->ack);
	page_add(page, segment->payload);
	page_add(page, scaled ? window : segment->window);
	page_add(page, segment->ttl);
	if (segment->acks != NO_SEGMENT) {
		page_add(page, (uint64_t)segment->acks);
		page_add(page, segment->ack_rtt);
	}
	if (segment->frame)
		page_add(page, segment->frame);
	if (timed) {
		page_add_signed(page, (int64_t)(left - segment->time));
		page_add_signed(page, (int64_t)(arrived - segment->time));
	}
	add_sightings(output, segment);
}

static void add_segments(struct output *output, const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	struct page *page = output->page;
	uint64_t last = report->time;

	buffer_add_char(&page->line, ';');
	page_add(page, connection->segment_count);
	for (uint32_t i = 0; i < connection->segment_count; i++) {
		add_segment(output, report, &connection->segments[i], last);
		last = connection->segments[i].time;
	}
}

static void add_why(struct output *output, const struct teardown_report *report)
{
	const struct verdict *verdict = &report->verdict;
	struct page *page = output->page;

	buffer_add_char(&page->line, ';');
	for (unsigned int i = 0; i < verdict->evidence_count && i < VERDICT_EVIDENCE; i++) {
		unsigned int evidence = verdict->evidence[i];

		page_add(page, (evidence & EVIDENCE_SEGMENT) != 0);
		page_add(page, evidence & ~(unsigned int)EVIDENCE_SEGMENT);
	}
	buffer_clear(&page->text);
	sentence_add(&page->text, output, report);
	buffer_add_char(&page->line, ';');
	page_add_string(&page->line, page->text.data, page->text.length);
}

uint64_t page_add_detail(struct output *output, const struct teardown_report *report)
{
	struct buffer *line = &output->page->line;

	buffer_clear(line);
	buffer_add_hex(line, report->connection->id[0], 16);
	buffer_add_hex(line, report->connection->id[1], 16);
	add_wire(output, report);
	add_socket(output, report, report->local);
	add_socket(output, report, !report->local);
	add_states(output, report, report->local);
	add_states(output, report, !report->local);
	add_initial_numbers(output, report);
	add_segments(output, report);
	add_why(output, report);
	return page_detail_end(output);
}

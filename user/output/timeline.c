// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The ladder: time down, the two ends left and right, the segments between them. What was not
 * observed carries a ~. Two sockets of this machine that are one connection share a ladder; the
 * left end is then the one that closed first.
 */
#include "base/container.h"
#include "output/facts.h"
#include "output/leaks.h"
#include "output/sentence.h"
#include "output/summary.h"
#include "output/text.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

#define PLACE_WIDTH 36
#define MS 1000000
#define ARROW_WIDTH 8

struct ladder {
	struct output *output;
	struct buffer *out;
	struct buffer cell; /* text on its way to out, without colour: to be measured */
	const struct teardown_report *report;
	const struct connection_view *connection;
	unsigned int left; /* index of the end in the left column: report->local */
	size_t column;     /* where the next cell goes */
	uint32_t next[2];  /* the change of state of each end that comes next */
	size_t time_width, flags_width, numbers_width;
};

static const struct connection_end *end_at(const struct ladder *ladder, unsigned int index)
{
	return &ladder->connection->ends[index];
}

/* Moves the cell into the output. */
static void put(struct ladder *ladder, const char *color)
{
	if (!ladder->output->options.color)
		color = NULL;
	if (color)
		buffer_add_string(ladder->out, color);
	if (ladder->cell.length)
		buffer_add(ladder->out, ladder->cell.data, ladder->cell.length);
	if (color)
		buffer_add_literal(ladder->out, PLAIN);
	ladder->column += text_width(&ladder->cell, 0);
	ladder->cell.length = 0;
}

static void move_to(struct ladder *ladder, size_t column)
{
	if (ladder->column >= column)
		column = ladder->column + 2;
	buffer_add_repeat(ladder->out, ' ', column - ladder->column);
	ladder->column = column;
}

static void new_line(struct ladder *ladder)
{
	buffer_add_char(ladder->out, '\n');
	ladder->column = 0;
}

/* The cell as one more piece of the header: on this line if there is room. */
static void put_piece(struct ladder *ladder, const char *color)
{
	size_t width = text_width(&ladder->cell, 0);

	if (!width)
		return;
	if (ladder->column && ladder->column + 3 + width > TEXT_WIDTH) {
		new_line(ladder);
		move_to(ladder, 4);
	} else if (ladder->column) {
		move_to(ladder, ladder->column + 3);
	}
	put(ladder, color);
}

/* Container or cgroup; of a long path its last part. */
static void add_place(struct ladder *ladder, const struct socket_facts *socket)
{
	const char *path = lookup_cgroup(ladder->output, socket->cgroup);
	char container[CONTAINER_ID_LENGTH + 1];

	if (!path || strcmp(path, "/") == 0)
		return;
	if (container_find(path, container)) {
		buffer_add_literal(&ladder->cell, " container ");
		buffer_add_string(&ladder->cell, container);
		return;
	}
	buffer_add_char(&ladder->cell, ' ');
	text_add_path(&ladder->cell, path, PLACE_WIDTH);
}

static void add_owner(struct ladder *ladder, const struct socket_facts *socket)
{
	if (socket->owner.pid) {
		text_add_process(&ladder->cell, socket->owner.pid, socket->owner.comm,
				 RECORD_COMM_LENGTH);
	} else {
		buffer_add_literal(&ladder->cell, "owner not known, uid ");
		buffer_add_unsigned(&ladder->cell, socket->uid);
	}
	add_place(ladder, socket);
}

static void add_traffic(struct ladder *ladder, const struct socket_facts *socket)
{
	struct buffer *cell = &ladder->cell;

	buffer_add_literal(cell, "↑");
	text_add_bytes(cell, socket->bytes_sent);
	buffer_add_literal(cell, " ↓");
	text_add_bytes(cell, socket->bytes_received);
	if (socket->born) {
		uint64_t start = ladder->report->time;

		buffer_add_literal(cell, "  age ");
		text_add_duration(cell, start > socket->born ? start - socket->born : 0);
	}
	if (socket->role == ROLE_CLIENT || socket->role == ROLE_SERVER) {
		buffer_add_literal(cell, "  ");
		buffer_add_string(cell, role_name(socket->role));
	}
}

/* What stands between two sockets of this machine. */
static void put_between(struct ladder *ladder, const struct socket_facts *left,
			const struct socket_facts *right)
{
	struct buffer *cell = &ladder->cell;

	if (left->netns != right->netns) {
		buffer_add_literal(cell, "netns ");
		buffer_add_unsigned(cell, left->netns);
		buffer_add_literal(cell, " → ");
		buffer_add_unsigned(cell, right->netns);
		put_piece(ladder, NULL);
	}
	if (left->flow.local_port != right->flow.remote_port ||
	    left->flow.remote_port != right->flow.local_port ||
	    memcmp(left->flow.local, right->flow.remote, sizeof(left->flow.local)) ||
	    memcmp(left->flow.remote, right->flow.local, sizeof(left->flow.remote))) {
		buffer_add_literal(cell, "NAT: there ");
		text_add_endpoint(cell, right->flow.remote, right->flow.remote_port);
		buffer_add_literal(cell, " → ");
		text_add_endpoint(cell, right->flow.local, right->flow.local_port);
		put_piece(ladder, NULL);
	}
}

static void put_header(struct ladder *ladder)
{
	const struct connection_end *left = end_at(ladder, ladder->left);
	const struct connection_end *right = end_at(ladder, !ladder->left);
	struct flow flow = end_flow(ladder->connection, ladder->left);
	struct buffer *cell = &ladder->cell;

	text_add_endpoint(cell, flow.local, flow.local_port);
	buffer_add_literal(cell, " → ");
	text_add_endpoint(cell, flow.remote, flow.remote_port);
	put_piece(ladder, BOLD);
	if (left->has_socket) {
		add_owner(ladder, &left->socket);
		put_piece(ladder, NULL);
	}
	if (right->has_socket) {
		buffer_add_literal(cell, "→ ");
		add_owner(ladder, &right->socket);
		put_piece(ladder, NULL);
	}
	if (left->has_socket && right->has_socket)
		put_between(ladder, &left->socket, &right->socket);
	if (left->has_socket) {
		add_traffic(ladder, &left->socket);
		put_piece(ladder, NULL);
	}
	new_line(ladder);
}

static void put_time(struct ladder *ladder, uint64_t time, bool first)
{
	buffer_add_fixed(&ladder->cell, report_offset(ladder->report, time), MS, 3);
	text_align_right(&ladder->cell, 0, ladder->time_width);
	if (first)
		buffer_add_literal(&ladder->cell, " ms");
	put(ladder, NULL);
}

static size_t left_column(const struct ladder *ladder)
{
	return ladder->time_width + 5;
}

static size_t middle_column(const struct ladder *ladder)
{
	return left_column(ladder) + 6;
}

static size_t arrow_column(const struct ladder *ladder)
{
	return middle_column(ladder) + 2 + ladder->flags_width + 2 + ladder->numbers_width + 2;
}

static size_t right_column(const struct ladder *ladder)
{
	return arrow_column(ladder) + ARROW_WIDTH + 3;
}

/* The change that the local call made: it sent the FIN, or ended the socket without one. */
static bool is_close_call(const struct connection_end *end, uint32_t index)
{
	uint32_t made = end->state_count;

	if (!end->has_socket || end->socket.close_how == CLOSE_NONE)
		return false;
	for (uint32_t i = 0; i < end->state_count && made == end->state_count; i++)
		if (end->states[i].to == TCP_STATE_FIN_WAIT1 ||
		    end->states[i].to == TCP_STATE_LAST_ACK)
			made = i;
	for (uint32_t i = 0; i < end->state_count && made == end->state_count; i++)
		if (end->states[i].to == TCP_STATE_CLOSED)
			made = i;
	return index == made;
}

static void put_state_name(struct ladder *ladder, const struct state_change *change)
{
	if (!change->observed)
		buffer_add_char(&ladder->cell, '~');
	buffer_add_string(&ladder->cell, tcp_state_name(change->to));
	put(ladder, change->observed ? NULL : DIM);
}

static void put_state(struct ladder *ladder, unsigned int end_index)
{
	const struct connection_end *end = end_at(ladder, end_index);
	uint32_t index = ladder->next[end_index]++;
	const struct state_change *change = &end->states[index];
	struct buffer *cell = &ladder->cell;

	move_to(ladder, end_index == ladder->left ? left_column(ladder) : right_column(ladder));
	put_state_name(ladder, change);
	if (!index && change->from != change->to && change->from != TCP_STATE_ESTABLISHED &&
	    change->from != TCP_STATE_UNKNOWN) {
		buffer_add_literal(cell, "  from ");
		buffer_add_string(cell, tcp_state_name(change->from));
	}
	if (is_close_call(end, index)) {
		const char *call = close_call_text(end->socket.close_how);

		if (*call)
			buffer_add_literal(cell, "  ");
		buffer_add_string(cell, call);
		if (end->socket.close_task.pid)
			buffer_add_string(cell, *call ? " " : "  by ");
		if (end->socket.close_task.pid)
			text_add_process(cell, end->socket.close_task.pid,
					 end->socket.close_task.comm, RECORD_COMM_LENGTH);
	}
	put(ladder, NULL);
	new_line(ladder);
}

/* States that were inferred from a segment stand in its row; of several the last. */
static void put_inferred(struct ladder *ladder, uint64_t time)
{
	const struct connection_end *end = end_at(ladder, !ladder->left);
	uint32_t *next = &ladder->next[!ladder->left];
	const struct state_change *change = NULL;

	while (*next < end->state_count && end->states[*next].time == time &&
	       !end->states[*next].observed)
		change = &end->states[(*next)++];
	if (!change)
		return;
	move_to(ladder, right_column(ladder));
	put_state_name(ladder, change);
}

static void add_number(struct buffer *cell, const char *name, uint32_t number)
{
	if (cell->length)
		buffer_add_char(cell, ' ');
	buffer_add_string(cell, name);
	buffer_add_char(cell, ' ');
	buffer_add_unsigned(cell, number);
}

static void add_numbers(struct ladder *ladder, const struct segment *segment)
{
	bool raw = ladder->output->options.raw_seq;
	struct buffer *cell = &ladder->cell;
	uint32_t number;

	if (segment->flags & (SEGMENT_FIN | SEGMENT_SYN | SEGMENT_RST) || segment->payload) {
		bool known = segment_seq_rel(ladder->connection, segment, &number);

		add_number(cell, "seq", known && !raw ? number : segment->seq);
	}
	if (segment->flags & SEGMENT_ACK) {
		bool known = segment_ack_rel(ladder->connection, segment, &number);

		add_number(cell, "ack", known && !raw ? number : segment->ack);
	}
	if (segment->payload)
		add_number(cell, "len", segment->payload);
	/* who sent a RST shows in how many routers it has passed */
	if (segment->flags & SEGMENT_RST)
		add_number(cell, "ttl", segment->ttl);
	if (segment->acks != NO_SEGMENT) {
		buffer_add_literal(cell, "  (+");
		buffer_add_fixed(cell, segment->ack_rtt, MS, 3);
		buffer_add_char(cell, ')');
	}
	if (segment->retransmission)
		buffer_add_literal(cell, "  retransmitted");
}

static void put_segment(struct ladder *ladder, const struct segment *segment)
{
	static const char *const waves[] = {" ", "①", "②", "③", "④"};
	const char *color = segment->flags & SEGMENT_RST ? RED
			    : segment->retransmission    ? YELLOW
							 : NULL;

	move_to(ladder, middle_column(ladder));
	buffer_add_string(&ladder->cell, waves[segment->wave < 5 ? segment->wave : 0]);
	buffer_add_char(&ladder->cell, ' ');
	put(ladder, NULL);
	add_flags(&ladder->cell, segment->flags);
	put(ladder, color);
	move_to(ladder, middle_column(ladder) + 2 + ladder->flags_width + 2);
	add_numbers(ladder, segment);
	put(ladder, segment->retransmission ? color : NULL);
	move_to(ladder, arrow_column(ladder));
	buffer_add_string(&ladder->cell, segment->sender == ladder->left ? "───────▶" : "◀───────");
	put(ladder, NULL);
	put_inferred(ladder, segment->time);
	new_line(ladder);
}

/* Whether a change of state stands above a segment: at the same time when it is the sender's,
 * unless it shares the segment's row. */
static bool state_is_first(const struct ladder *ladder, unsigned int end,
			   const struct state_change *change, const struct segment *segment)
{
	if (change->time != segment->time)
		return change->time < segment->time;
	return segment->sender == end && (change->observed || end == ladder->left);
}

/* The end whose change of state comes before any other and before the segment; -1: none. */
static int next_state(const struct ladder *ladder, const struct segment *segment)
{
	const struct state_change *first = NULL;
	int found = -1;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int end = i ? !ladder->left : ladder->left;
		const struct state_change *change = &end_at(ladder, end)->states[ladder->next[end]];

		if (ladder->next[end] == end_at(ladder, end)->state_count)
			continue;
		if (segment && !state_is_first(ladder, end, change, segment))
			continue;
		if (!first || change->time < first->time) {
			first = change;
			found = (int)end;
		}
	}
	return found;
}

static void put_rows(struct ladder *ladder)
{
	const struct connection_view *connection = ladder->connection;
	uint32_t at = 0;

	for (bool first = true;; first = false) {
		const struct segment *segment =
			at < connection->segment_count ? &connection->segments[at] : NULL;
		int end = next_state(ladder, segment);

		if (end >= 0) {
			put_time(ladder, connection->ends[end].states[ladder->next[end]].time,
				 first);
			put_state(ladder, (unsigned int)end);
		} else if (segment) {
			put_time(ladder, segment->time, first);
			put_segment(ladder, segment);
			at++;
		} else {
			return;
		}
	}
}

static void put_verdict(struct ladder *ladder)
{
	const char *advice = close_kind_info(ladder->report->verdict.kind)->advice;
	struct buffer *cell = &ladder->cell;

	sentence_add(cell, ladder->output, ladder->report);
	buffer_add_literal(ladder->out, "  ");
	text_add_wrapped(ladder->out, cell->data, cell->length, 2, 4, TEXT_WIDTH);
	cell->length = 0;
	new_line(ladder);
	if (!advice)
		return;
	buffer_add_literal(cell, "advice: ");
	buffer_add_string(cell, advice);
	buffer_add_literal(ladder->out, "  ");
	text_add_wrapped(ladder->out, cell->data, cell->length, 2, 4, TEXT_WIDTH);
	cell->length = 0;
	new_line(ladder);
}

static size_t max(size_t left, size_t right)
{
	return left > right ? left : right;
}

static void measure(struct ladder *ladder)
{
	struct buffer *cell = &ladder->cell;

	buffer_add_fixed(cell, report_offset(ladder->report, report_last_time(ladder->report)), MS,
			 3);
	ladder->time_width = max(9, cell->length);
	cell->length = 0;
	ladder->flags_width = sizeof("FIN,ACK") - 1;
	ladder->numbers_width = sizeof("seq 1234 ack 1234  (+0.123)") - 1;
	for (uint32_t i = 0; i < ladder->connection->segment_count; i++) {
		add_flags(cell, ladder->connection->segments[i].flags);
		ladder->flags_width = max(ladder->flags_width, cell->length);
		cell->length = 0;
		add_numbers(ladder, &ladder->connection->segments[i]);
		ladder->numbers_width = max(ladder->numbers_width, cell->length);
		cell->length = 0;
	}
}

/* Two sockets of this machine are reported one after the other: the second one's ladder would
 * have the same rows. */
static bool was_shown(struct output *output, const struct connection_view *connection)
{
	uint64_t shown[3] = {connection->id[0], connection->id[1],
			     (uint64_t)connection->ends[0].state_count +
				     connection->ends[1].state_count + connection->segment_count};

	if (!connection->ends[0].has_socket || !connection->ends[1].has_socket)
		return false;
	if (!memcmp(output->shown, shown, sizeof(shown)))
		return true;
	memcpy(output->shown, shown, sizeof(shown));
	return false;
}

static void timeline_begin(struct output *output)
{
	(void)output;
}

/* A report as the ladder shows it: from the side of the socket that closed first, if both are of
 * this machine, and counting from the first event of either. */
static struct teardown_report turn(const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	struct teardown_report turned = *report;

	if (report->twin && report->verdict.closed_by == CLOSED_BY_PEER) {
		turned.local = !report->local;
		turned.verdict = classify(connection, turned.local);
	}
	for (unsigned int end = 0; end < 2; end++)
		if (connection->ends[end].state_count &&
		    connection->ends[end].states[0].time < turned.time)
			turned.time = connection->ends[end].states[0].time;
	return turned;
}

static void timeline_teardown(struct output *output, const struct teardown_report *report)
{
	struct teardown_report turned;
	struct ladder ladder;

	if (was_shown(output, report->connection))
		return;
	if (output->after_line)
		buffer_add_char(&output->out, '\n');
	output->after_line = false;
	turned = turn(report);
	ladder = (struct ladder){
		.output = output,
		.out = &output->out,
		.report = &turned,
		.connection = report->connection,
		.left = turned.local,
	};
	buffer_init(&ladder.cell);
	measure(&ladder);
	put_header(&ladder);
	put_rows(&ladder);
	put_verdict(&ladder);
	buffer_add_char(&output->out, '\n');
	output->out.failed |= ladder.cell.failed;
	buffer_done(&ladder.cell);
}

/* As exactly as the timer wheel rounds. */
static void add_seconds(struct buffer *out, uint64_t ns)
{
	buffer_add_fixed(out, ns, 1000 * MS, 3);
	buffer_add_literal(out, " s");
}

static const char *why_ended(const struct time_wait_report *report)
{
	static const char *const ends[TIME_WAIT_ENDS] = {
		[TIME_WAIT_ENDED] = "then something other than its timer ended it",
		[TIME_WAIT_BY_TIMER] = "until its timer ran out",
		[TIME_WAIT_BY_CONNECT] = "until a connect() took its ports",
		[TIME_WAIT_BY_SYN] = "until a SYN of the peer took its ports",
		[TIME_WAIT_BY_RESET] = "until a RST removed it",
		[TIME_WAIT_DESTROYED] =
			"until it was removed: by ss -K or with its network namespace",
	};

	return ends[report->ended_by];
}

/* What the kernel asked for, and what moved the end. */
static void add_asked(struct buffer *out, const struct time_wait_report *report)
{
	if (report->ended_by == TIME_WAIT_BY_TIMER && report->end_seen && report->timeout) {
		buffer_add_literal(out, " (asked for ");
		add_seconds(out, report->timeout);
		buffer_add_char(out, ')');
	}
	if (report->restarts) {
		buffer_add_literal(out, ", started again ");
		buffer_add_unsigned(out, report->restarts);
		buffer_add_string(out, report->restarts == 1 ? " time" : " times");
	}
	if (report->late_count) {
		buffer_add_literal(out, ", ");
		buffer_add_unsigned(out, report->late_count);
		buffer_add_string(out,
				  report->late_count == 1 ? " late segment" : " late segments");
	}
	if (report->start_inferred)
		buffer_add_literal(out, "; ~begun before the tracer");
}

/* Those that go on are told of together, at the end. */
static void timeline_time_wait(struct output *output, const struct time_wait_report *report)
{
	bool orphan = report->substate == TCP_STATE_FIN_WAIT2;
	struct buffer *out = &output->out;

	if (report->ended_by == TIME_WAIT_STOPPED) {
		if (orphan)
			return; /* its ladder says so */
		output->still_waiting++;
		if (report->left > output->longest_wait)
			output->longest_wait = report->left;
		return;
	}
	text_add_endpoint(out, report->flow.local, report->flow.local_port);
	buffer_add_literal(out, " → ");
	text_add_endpoint(out, report->flow.remote, report->flow.remote_port);
	buffer_add_string(out, orphan         ? "   FIN_WAIT2 without a program "
			       : report->wire ? "   ~TIME_WAIT "
					      : "   TIME_WAIT ");
	if (report->ended_by == TIME_WAIT_NEVER) {
		buffer_add_literal(out, "never began: tcp_max_tw_buckets left no room");
	} else if (report->end_inferred) {
		buffer_add_literal(out, "is over, ~by its timer; its end was not seen");
	} else if (!report->end_seen) {
		buffer_add_literal(out, "is over, its end was not seen");
	} else if (report->started_late) {
		buffer_add_literal(out, "went on ");
		buffer_add_string(out, why_ended(report));
	} else {
		buffer_add_literal(out, "lasted ");
		add_seconds(out, report->duration);
		buffer_add_literal(out, ", ");
		buffer_add_string(out, why_ended(report));
	}
	add_asked(out, report);
	buffer_add_char(out, '\n');
	output->after_line = true;
}

static void timeline_end(struct output *output, const struct core_stats *stats, uint64_t duration)
{
	struct buffer *out = &output->out;

	(void)stats;
	(void)duration;
	if (!output->still_waiting)
		return;
	buffer_add_unsigned(out, output->still_waiting);
	buffer_add_string(out, output->still_waiting == 1 ? " socket is" : " sockets are");
	buffer_add_literal(out, " still in TIME_WAIT, for another ");
	add_seconds(out, output->longest_wait);
	if (output->still_waiting > 1)
		buffer_add_literal(out, " at most");
	buffer_add_char(out, '\n');
}

const struct output_format output_timeline = {
	.name = "text",
	.begin = timeline_begin,
	.teardown = timeline_teardown,
	.time_wait = timeline_time_wait,
	.time_wait_summary = screen_time_wait_summary,
	.close_wait = text_close_wait,
	.close_wait_view = screen_close_wait_view,
	.end = timeline_end,
};

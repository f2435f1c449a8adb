// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/ladder.h"

#include "core/joined.h"
#include "output/facts.h"
#include "output/joining.h"
#include "output/ladder_parts.h"
#include "output/sentence.h"
#include "output/text.h"

#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

#define MS 1000000
#define ARROW_WIDTH 8

void ladder_put(struct ladder *ladder, const char *color)
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

void ladder_move_to(struct ladder *ladder, size_t column)
{
	if (ladder->column >= column)
		column = ladder->column + 2;
	buffer_add_repeat(ladder->out, ' ', column - ladder->column);
	ladder->column = column;
}

void ladder_new_line(struct ladder *ladder)
{
	buffer_add_char(ladder->out, '\n');
	ladder->column = 0;
}

static void put_time(struct ladder *ladder, uint64_t time, bool first)
{
	buffer_add_fixed(&ladder->cell, report_offset(ladder->report, time), MS, 3);
	text_align_right(&ladder->cell, 0, ladder->time_width);
	if (first)
		buffer_add_literal(&ladder->cell, " ms");
	ladder_put(ladder, NULL);
}

static size_t left_column(const struct ladder *ladder)
{
	return ladder->time_width + 5;
}

static size_t middle_column(const struct ladder *ladder)
{
	return left_column(ladder) + 6;
}

static size_t frame_column(const struct ladder *ladder)
{
	return middle_column(ladder) + 2 + ladder->flags_width + 2 + ladder->numbers_width + 2;
}

static size_t arrow_column(const struct ladder *ladder)
{
	return frame_column(ladder) + (ladder->frame_width ? ladder->frame_width + 2 : 0);
}

static size_t right_column(const struct ladder *ladder)
{
	return arrow_column(ladder) + ARROW_WIDTH + 3 +
	       (ladder->delay_width ? ladder->delay_width + 1 : 0);
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
	ladder_put(ladder, change->observed ? NULL : LADDER_DIM);
}

static void put_state(struct ladder *ladder, unsigned int end_index)
{
	const struct connection_end *end = ladder_end(ladder, end_index);
	uint32_t index = ladder->next[end_index]++;
	const struct state_change *change = &end->states[index];
	struct buffer *cell = &ladder->cell;

	ladder_move_to(ladder,
		       end_index == ladder->left ? left_column(ladder) : right_column(ladder));
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
	ladder_put(ladder, NULL);
	ladder_new_line(ladder);
}

/* States that were inferred from a segment stand in its row; of several the last. */
static void put_inferred(struct ladder *ladder, uint64_t time)
{
	const struct connection_end *end = ladder_end(ladder, !ladder->left);
	uint32_t *next = &ladder->next[!ladder->left];
	const struct state_change *change = NULL;

	while (*next < end->state_count && end->states[*next].time == time &&
	       !end->states[*next].observed)
		change = &end->states[(*next)++];
	if (!change)
		return;
	ladder_move_to(ladder, right_column(ladder));
	put_state_name(ladder, change);
}

static void add_number(struct buffer *cell, const char *name, uint32_t number, bool guess)
{
	if (cell->length)
		buffer_add_char(cell, ' ');
	buffer_add_string(cell, name);
	buffer_add_char(cell, ' ');
	if (guess)
		buffer_add_char(cell, '~');
	buffer_add_unsigned(cell, number);
}

/* Relative to the initial number of an end, when that is known and they are asked for. */
static void add_sequence(struct ladder *ladder, const char *name, uint32_t number, unsigned int end,
			 bool known, uint32_t relative)
{
	bool raw = ladder->output->options.raw_seq || !known;

	add_number(&ladder->cell, name, raw ? number : relative,
		   !raw && end_is_assumed(ladder->connection, end));
}

static void add_numbers(struct ladder *ladder, const struct segment *segment)
{
	const struct connection_view *connection = ladder->connection;
	struct buffer *cell = &ladder->cell;
	uint32_t number;
	bool known;

	if (segment->flags & (SEGMENT_FIN | SEGMENT_SYN | SEGMENT_RST) || segment->payload) {
		known = segment_seq_rel(connection, segment, &number);
		add_sequence(ladder, "seq", segment->seq, segment->sender, known, number);
	}
	if (segment->flags & SEGMENT_ACK) {
		known = segment_ack_rel(connection, segment, &number);
		add_sequence(ladder, "ack", segment->ack, !segment->sender, known, number);
	}
	if (segment->payload)
		add_number(cell, "len", segment->payload, false);
	/* who sent a RST shows in how many routers it has passed */
	if (segment->flags & SEGMENT_RST)
		add_number(cell, "ttl", segment->ttl, false);
	if (segment->acks != NO_SEGMENT) {
		buffer_add_literal(cell, "  (+");
		buffer_add_fixed(cell, segment->ack_rtt, MS, 3);
		buffer_add_char(cell, ')');
	}
	if (segment->retransmission)
		buffer_add_literal(cell, "  retransmitted");
}

static uint64_t frame_at(const struct connection_view *connection, const struct segment *segment,
			 unsigned int end)
{
	const struct sighting *there;

	if (!connection->joined)
		return segment->frame;
	there = joined_sighting(connection, segment, end);
	return there ? there->frame : 0;
}

/* Its number in the capture; in the captures of the left and of the right end. */
static void add_frame(struct ladder *ladder, const struct segment *segment)
{
	const struct connection_view *connection = ladder->connection;
	struct buffer *cell = &ladder->cell;

	if (!frame_at(connection, segment, 0) && !frame_at(connection, segment, 1))
		return;
	for (unsigned int i = 0; i < (connection->joined ? 2 : 1); i++) {
		uint64_t frame = frame_at(connection, segment, i ? !ladder->left : ladder->left);

		buffer_add_string(cell, i ? " #" : "#");
		if (frame)
			buffer_add_unsigned(cell, frame);
		else
			buffer_add_char(cell, '-');
	}
}

static void put_delay(struct ladder *ladder, const struct segment *segment)
{
	if (!ladder->delay_width)
		return;
	joining_add_delay(&ladder->cell, ladder->connection, segment);
	if (!ladder->cell.length)
		return;
	text_align_right(&ladder->cell, 0, ladder->delay_width);
	ladder_move_to(ladder, arrow_column(ladder) + ARROW_WIDTH + 1);
	ladder_put(ladder, LADDER_DIM);
}

static void put_segment(struct ladder *ladder, const struct segment *segment)
{
	static const char *const waves[] = {" ", "①", "②", "③", "④"};
	const char *color = segment->flags & SEGMENT_RST ? RED
			    : segment->retransmission    ? YELLOW
							 : NULL;

	ladder_move_to(ladder, middle_column(ladder));
	buffer_add_string(&ladder->cell, waves[segment->wave < 5 ? segment->wave : 0]);
	buffer_add_char(&ladder->cell, ' ');
	ladder_put(ladder, NULL);
	add_flags(&ladder->cell, segment->flags);
	ladder_put(ladder, color);
	ladder_move_to(ladder, middle_column(ladder) + 2 + ladder->flags_width + 2);
	add_numbers(ladder, segment);
	ladder_put(ladder, segment->retransmission ? color : NULL);
	add_frame(ladder, segment);
	if (ladder->cell.length) {
		ladder_move_to(ladder, frame_column(ladder));
		ladder_put(ladder, LADDER_DIM);
	}
	ladder_move_to(ladder, arrow_column(ladder));
	buffer_add_string(&ladder->cell, segment->sender == ladder->left ? "───────▶" : "◀───────");
	ladder_put(ladder, NULL);
	put_delay(ladder, segment);
	put_inferred(ladder, segment->time);
	ladder_new_line(ladder);
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
		const struct state_change *change =
			&ladder_end(ladder, end)->states[ladder->next[end]];

		if (ladder->next[end] == ladder_end(ladder, end)->state_count)
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
	ladder_new_line(ladder);
	if (!advice)
		return;
	buffer_add_literal(cell, "advice: ");
	buffer_add_string(cell, advice);
	buffer_add_literal(ladder->out, "  ");
	text_add_wrapped(ladder->out, cell->data, cell->length, 2, 4, TEXT_WIDTH);
	cell->length = 0;
	ladder_new_line(ladder);
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
		add_frame(ladder, &ladder->connection->segments[i]);
		ladder->frame_width = max(ladder->frame_width, cell->length);
		cell->length = 0;
		if (ladder->connection->joined)
			joining_add_delay(cell, ladder->connection,
					  &ladder->connection->segments[i]);
		ladder->delay_width = max(ladder->delay_width, cell->length);
		cell->length = 0;
	}
}

void ladder_add(struct output *output, const struct teardown_report *report)
{
	struct ladder ladder = {
		.output = output,
		.out = &output->out,
		.report = report,
		.connection = report->connection,
		.left = report->local,
	};

	buffer_init(&ladder.cell);
	measure(&ladder);
	ladder_put_header(&ladder);
	put_rows(&ladder);
	put_verdict(&ladder);
	output->out.failed |= ladder.cell.failed;
	buffer_done(&ladder.cell);
}

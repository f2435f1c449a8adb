// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One line per suspect; in the table of `leaks` one for each holder of it. */
#include "output/columns.h"
#include "output/frames.h"
#include "output/leaks.h"
#include "output/text.h"

#define MS 1000000
#define SECOND 1000000000ull
#define FD_WIDTH 5

/* The code that created the socket, as the next word. */
static void add_code(struct buffer *out, size_t start, const struct close_wait_report *report)
{
	const struct stack_frame *frame = stack_own_frame(report->created.stack);

	if (!frame)
		return;
	if (out->length > start)
		buffer_add_char(out, ',');
	frame_add_word(out, frame);
}

static void add_reasons(struct buffer *out, const struct close_wait_report *report)
{
	size_t start = out->length;

	if (!report->accepted)
		column_add_word(out, start, "not-accepted");
	else if (report->holders_known && !report->holder_count)
		column_add_word(out, start, "not-held");
	column_add_word(out, start, report->eof_read ? "eof-read" : "eof-unread");
	if (report->unread_bytes)
		text_add_count(out, ",unread=", report->unread_bytes, "");
	/* That of a listener is not the socket's. */
	if (report->accepted && report->holder_count && report->holders[0].fd >= 0)
		text_add_count(out, ",fd=", (uint32_t)report->holders[0].fd, "");
	add_code(out, start, report);
	column_end_words(out, start);
}

/* In the columns of teardowns. */
void table_close_wait(struct output *output, const struct close_wait_report *report)
{
	const struct close_wait_holder *holder = report->holder_count ? report->holders : NULL;
	const struct task *creator = &report->created.task;
	struct buffer *out = &output->out;

	buffer_add_clock(out, output_wall(&output->options, report->time));
	buffer_add_char(out, ' ');
	if (holder)
		column_add_process(out, holder->pid, holder->comm);
	else
		column_add_process(out, creator->pid, creator->comm);
	column_add_endpoint(output, report->flow.local, report->flow.local_port);
	column_add_endpoint(output, report->flow.remote, report->flow.remote_port);
	column_add(out, "CLOSE_WAIT", 16);
	column_add(out, "peer", 7);
	column_add_time(out, true, !report->since, report->age, MS, 11);
	column_add_time(out, true, !report->since, report->age, MS, 11);
	column_add_number(out, false, 0, 10);
	column_add_number(out, false, 0, 10);
	column_add_number(out, false, 0, 3);
	add_reasons(out, report);
}

static void add_head(struct output *output)
{
	struct buffer *out = &output->out;

	output->address_width = ADDRESS_WIDTH;
	column_add(out, "TIME(UTC)", 12);
	buffer_add_literal(out, "      AGE_S ");
	column_add(out, "PID", PID_WIDTH);
	column_add(out, "COMM", COMM_WIDTH);
	buffer_add_literal(out, "   FD ");
	column_add(out, "LADDR", ADDRESS_WIDTH);
	column_add(out, "LPORT", PORT_WIDTH);
	column_add(out, "RADDR", ADDRESS_WIDTH);
	column_add(out, "RPORT", PORT_WIDTH);
	buffer_add_literal(out, "EOF     UNREAD CREATED\n");
}

/* holder NULL: nobody, or not known. */
static void add_line(struct output *output, const struct close_wait_report *report,
		     const struct close_wait_holder *holder)
{
	int fd = report->accepted && holder ? holder->fd : -1;
	struct buffer *out = &output->out;
	size_t start;

	buffer_add_clock(out, output_wall(&output->options, report->time));
	buffer_add_char(out, ' ');
	column_add_time(out, true, !report->since, report->age, SECOND, 11);
	column_add_process(out, holder ? holder->pid : 0, holder ? holder->comm : "");
	column_add_number(out, fd >= 0, fd >= 0 ? (uint32_t)fd : 0, FD_WIDTH);
	column_add_endpoint(output, report->flow.local, report->flow.local_port);
	column_add_endpoint(output, report->flow.remote, report->flow.remote_port);
	column_add(out, report->eof_read ? "yes" : "no", 3);
	column_add_number(out, true, report->unread_bytes, 10);
	start = out->length;
	if (report->accepted)
		add_code(out, start, report);
	else
		column_add_word(out, start, "not-accepted");
	column_end_words(out, start);
}

void table_close_wait_view(struct output *output, const struct close_wait_view *view)
{
	if (!output->summarized)
		add_head(output);
	output->summarized = true;
	for (size_t i = 0; i < view->fresh_count; i++) {
		const struct close_wait_report *report = view->fresh[i];

		if (!report->holder_count)
			add_line(output, report, NULL);
		for (uint32_t j = 0; j < report->holder_count; j++)
			add_line(output, report, &report->holders[j]);
	}
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A suspect in live timelines: one line. */
#include "output/frames.h"
#include "output/leaks.h"
#include "output/text.h"

#define FRAME_WIDTH 60
#define MODULE_WIDTH 24

/* What the holders did, and what they did not. */
static void add_reading(struct buffer *out, const struct close_wait_report *report)
{
	if (report->eof_read) {
		buffer_add_literal(out, "read the end of file, did not close");
		return;
	}
	buffer_add_literal(out, "has not read ");
	if (report->unread_bytes)
		text_add_count(out, "", report->unread_bytes,
			       report->unread_bytes == 1 ? " byte and " : " bytes and ");
	buffer_add_literal(out, "the end of file");
}

static void add_holders(struct buffer *out, const struct close_wait_report *report)
{
	const struct close_wait_holder *holder = report->holders;
	uint32_t others = report->holder_count - 1;

	if (report->accepted)
		leaks_add_holder(out, holder);
	else
		text_add_process(out, holder->pid, holder->comm, sizeof(holder->comm));
	if (holder->stopped)
		buffer_add_literal(out, " (stopped)");
	if (others)
		text_add_count(out, " and ", others, others == 1 ? " other" : " others");
}

static void add_why(struct buffer *out, const struct close_wait_report *report)
{
	if (!report->accepted) {
		buffer_add_literal(out, "waits for accept()");
		if (report->holder_count) {
			buffer_add_literal(out, " of ");
			add_holders(out, report);
		}
		return;
	}
	if (report->holder_count)
		add_holders(out, report);
	else
		buffer_add_string(out, report->holders_known ? "nobody holds it" : "its program");
	if (report->holder_count || !report->holders_known) {
		buffer_add_char(out, ' ');
		add_reading(out, report);
	}
}

/* The code that it came from, and the process if that is not the one that holds it. */
static void add_created(struct buffer *out, const struct close_wait_report *report)
{
	const struct stack_frame *frame = stack_own_frame(report->created.stack);
	const struct task *creator = &report->created.task;
	bool other =
		creator->pid && (!report->holder_count || creator->pid != report->holders[0].pid);

	if (!report->accepted || (!frame && !other))
		return;
	buffer_add_literal(out, "; ");
	buffer_add_string(out, created_text(report->created.how));
	if (frame) {
		buffer_add_literal(out, " in ");
		frame_add(out, frame, FRAME_WIDTH);
		if (frame->function && frame->module && !frame->file) {
			buffer_add_literal(out, " (");
			text_add_path(out, frame->module, MODULE_WIDTH);
			buffer_add_char(out, ')');
		}
	}
	if (other) {
		buffer_add_literal(out, " by ");
		text_add_process(out, creator->pid, creator->comm, sizeof(creator->comm));
	}
}

void text_close_wait(struct output *output, const struct close_wait_report *report)
{
	struct buffer *out = &output->out;

	text_add_endpoint(out, report->flow.local, report->flow.local_port);
	buffer_add_literal(out, " → ");
	text_add_endpoint(out, report->flow.remote, report->flow.remote_port);
	buffer_add_string(out,
			  report->since ? "   CLOSE_WAIT for " : "   CLOSE_WAIT for at least ");
	text_add_duration(out, report->age);
	buffer_add_literal(out, ": ");
	add_why(out, report);
	add_created(out, report);
	buffer_add_char(out, '\n');
	output->after_line = true;
}

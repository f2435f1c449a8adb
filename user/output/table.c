// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One line per teardown, as wide as it must be. */
#include "output/columns.h"
#include "output/facts.h"
#include "output/leaks.h"
#include "output/summary.h"
#include "output/text.h"

#define MS 1000000

static void add_reasons(struct output *output, const struct teardown_report *report)
{
	struct buffer *out = &output->out;
	size_t start = out->length;
	const char *name;

	if (report->verdict.cause != CAUSE_NONE)
		column_add_word(out, start, close_cause_info(report->verdict.cause)->name);
	column_add_word(out, start, lookup_reset_reason(output, report));
	column_add_word(out, start, socket_error_name(local_end(report)));
	for (unsigned int bit = 0; (name = incomplete_name(bit)); bit++)
		if (report->incomplete & 1u << bit)
			column_add_word(out, start, name);
	column_end_words(out, start);
}

static void table_begin(struct output *output)
{
	struct buffer *out = &output->out;

	output->address_width = ADDRESS_WIDTH;
	column_add(out, "TIME(UTC)", 12);
	column_add(out, "PID", PID_WIDTH);
	column_add(out, "COMM", COMM_WIDTH);
	column_add(out, "LADDR", ADDRESS_WIDTH);
	column_add(out, "LPORT", PORT_WIDTH);
	column_add(out, "RADDR", ADDRESS_WIDTH);
	column_add(out, "RPORT", PORT_WIDTH);
	column_add(out, "KIND", 16);
	column_add(out, "BY", 7);
	buffer_add_literal(out, "    HALF_MS    TOTAL_MS         TX         RX RTX REASON\n");
}

static void table_teardown(struct output *output, const struct teardown_report *report)
{
	const struct connection_end *local = local_end(report);
	const struct owner *owner = &local->socket.owner;
	const struct verdict *verdict = &report->verdict;
	struct flow flow = end_flow(report->connection, report->local);
	struct buffer *out = &output->out;
	uint64_t sent, received;
	bool counted = report_bytes(report, &sent, &received);
	size_t start;

	buffer_add_clock(out, output_wall(&output->options, report->time));
	buffer_add_char(out, ' ');
	column_add_process(out, local->has_socket ? owner->pid : 0, owner->comm);
	column_add_endpoint(output, flow.local, flow.local_port);
	column_add_endpoint(output, flow.remote, flow.remote_port);
	start = out->length;
	if (verdict->inferred)
		buffer_add_char(out, '~');
	buffer_add_string(out, close_kind_info(verdict->kind)->name);
	text_pad(out, start, 17);
	column_add(out, closed_by_name(verdict->closed_by), 7);
	column_add_time(out, verdict->half_close_ns, false, verdict->half_close_ns, MS, 11);
	column_add_time(out, true, false, report_offset(report, report_last_time(report)), MS, 11);
	column_add_number(out, counted, sent, 10);
	column_add_number(out, counted, received, 10);
	column_add_number(out, true, fin_retransmissions(report->connection, report->local), 3);
	add_reasons(output, report);
}

static void table_time_wait(struct output *output, const struct time_wait_report *report)
{
	(void)output;
	(void)report;
}

/* The numbers of one interval, but for the population. */
void table_time_wait_summary(struct output *output, const struct time_wait_view *view)
{
	const struct port_row *tightest = view->port_count ? &view->ports[0] : NULL;
	bool runs_out = tightest && tightest->known && tightest->forecast.exhausts;
	struct buffer *out = &output->out;
	size_t start;

	if (!output->summarized)
		buffer_add_literal(out, "TIME(UTC)    POPULATION  ENTERED/s     LEFT/s    TIMER  "
					"CONNECT      SYN    RESET DESTROYED    NEVER RUN_OUT_S\n");
	output->summarized = true;
	buffer_add_clock(out, output_wall(&output->options, view->time));
	buffer_add_char(out, ' ');
	column_add_number(out, true, view->total.now, 10);
	start = out->length;
	buffer_add_fixed(out, view->entered_rate, 1000, 1);
	text_align_right(out, start, 10);
	buffer_add_char(out, ' ');
	start = out->length;
	buffer_add_fixed(out, view->left_rate, 1000, 1);
	text_align_right(out, start, 10);
	buffer_add_char(out, ' ');
	for (const enum time_wait_end *end = summary_ends; *end != TIME_WAIT_ENDS; end++)
		if (summary_end_promised(*end))
			column_add_number(out, true, view->ended_lately[*end],
					  *end == TIME_WAIT_DESTROYED ? 9 : 8);
	start = out->length;
	if (runs_out)
		buffer_add_fixed(out, tightest->forecast.exhausted_in, 1000 * MS, 1);
	else
		buffer_add_char(out, '-');
	text_align_right(out, start, 9);
	buffer_add_char(out, '\n');
}

static void table_end(struct output *output, const struct core_stats *stats, uint64_t duration)
{
	(void)output;
	(void)stats;
	(void)duration;
}

const struct output_format output_table = {
	.name = "table",
	.begin = table_begin,
	.teardown = table_teardown,
	.time_wait = table_time_wait,
	.time_wait_summary = table_time_wait_summary,
	.close_wait = table_close_wait,
	.close_wait_view = table_close_wait_view,
	.end = table_end,
};

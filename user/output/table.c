// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One line per teardown, as wide as it must be. An address column grows with the widest address
 * so far, so that IPv4 alone stays narrow.
 */
#include "output/facts.h"
#include "output/summary.h"
#include "output/text.h"

#define ADDRESS_WIDTH 15 /* 255.255.255.255 */
#define COMM_WIDTH 15
#define MS 1000000

static void add_column(struct buffer *out, const char *text, size_t width)
{
	size_t start = out->length;

	buffer_add_string(out, text);
	text_pad(out, start, width + 1);
}

/* A number at the right end of its column; - when it is not known. */
static void add_number(struct buffer *out, bool known, uint64_t number, size_t width)
{
	size_t start = out->length;

	if (known)
		buffer_add_unsigned(out, number);
	else
		buffer_add_char(out, '-');
	text_align_right(out, start, width);
	buffer_add_char(out, ' ');
}

static void add_ms(struct buffer *out, bool known, uint64_t ns, size_t width)
{
	size_t start = out->length;

	if (known)
		buffer_add_fixed(out, ns, MS, 3);
	else
		buffer_add_char(out, '-');
	text_align_right(out, start, width);
	buffer_add_char(out, ' ');
}

static void add_owner(struct buffer *out, const struct connection_end *local)
{
	const struct owner *owner = &local->socket.owner;
	size_t start;

	if (!local->has_socket || !owner->pid) {
		add_column(out, "-", 7);
		add_column(out, "-", COMM_WIDTH);
		return;
	}
	start = out->length;
	buffer_add_unsigned(out, owner->pid);
	text_pad(out, start, 8);
	start = out->length;
	buffer_add_escaped(out, owner->comm, RECORD_COMM_LENGTH);
	text_pad(out, start, COMM_WIDTH + 1);
}

static void add_endpoint(struct output *output, const uint8_t address[16], unsigned int port)
{
	struct buffer *out = &output->out;
	size_t start = out->length;

	buffer_add_address(out, address);
	if (text_width(out, start) > output->address_width)
		output->address_width = (uint32_t)text_width(out, start);
	text_pad(out, start, output->address_width + 1);
	start = out->length;
	buffer_add_unsigned(out, port);
	text_pad(out, start, 6);
}

/* The words of the last column, separated by commas. */
static void add_word(struct buffer *out, size_t start, const char *word)
{
	if (!word)
		return;
	if (out->length > start)
		buffer_add_char(out, ',');
	buffer_add_escaped(out, word, SIZE_MAX);
}

static void add_reasons(struct output *output, const struct teardown_report *report)
{
	struct buffer *out = &output->out;
	size_t start = out->length;
	const char *name;

	if (report->verdict.cause != CAUSE_NONE)
		add_word(out, start, close_cause_info(report->verdict.cause)->name);
	add_word(out, start, lookup_reset_reason(output, &report->verdict));
	add_word(out, start, socket_error_name(local_end(report)));
	for (unsigned int bit = 0; (name = incomplete_name(bit)); bit++)
		if (report->incomplete & 1u << bit)
			add_word(out, start, name);
	if (out->length == start)
		buffer_add_char(out, '-');
}

static void table_begin(struct output *output)
{
	struct buffer *out = &output->out;

	output->address_width = ADDRESS_WIDTH;
	add_column(out, "TIME(UTC)", 12);
	add_column(out, "PID", 7);
	add_column(out, "COMM", COMM_WIDTH);
	add_column(out, "LADDR", ADDRESS_WIDTH);
	add_column(out, "LPORT", 5);
	add_column(out, "RADDR", ADDRESS_WIDTH);
	add_column(out, "RPORT", 5);
	add_column(out, "KIND", 16);
	add_column(out, "BY", 7);
	buffer_add_literal(out, "    HALF_MS    TOTAL_MS         TX         RX RTX REASON\n");
}

static void table_teardown(struct output *output, const struct teardown_report *report)
{
	const struct connection_end *local = local_end(report);
	const struct verdict *verdict = &report->verdict;
	struct flow flow = end_flow(report->connection, report->local);
	struct buffer *out = &output->out;
	size_t start;

	buffer_add_clock(out, (int64_t)report->time + output->options.wall_offset);
	buffer_add_char(out, ' ');
	add_owner(out, local);
	add_endpoint(output, flow.local, flow.local_port);
	add_endpoint(output, flow.remote, flow.remote_port);
	start = out->length;
	if (verdict->inferred)
		buffer_add_char(out, '~');
	buffer_add_string(out, close_kind_info(verdict->kind)->name);
	text_pad(out, start, 17);
	add_column(out, closed_by_name(verdict->closed_by), 7);
	add_ms(out, verdict->half_close_ns, verdict->half_close_ns, 11);
	add_ms(out, true, report_offset(report, report_last_time(report)), 11);
	add_number(out, local->has_socket, local->socket.bytes_sent, 10);
	add_number(out, local->has_socket, local->socket.bytes_received, 10);
	add_number(out, true, fin_retransmissions(report->connection, report->local), 3);
	add_reasons(output, report);
	buffer_add_char(out, '\n');
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
	buffer_add_clock(out, (int64_t)view->time + output->options.wall_offset);
	buffer_add_char(out, ' ');
	add_number(out, true, view->total.now, 10);
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
			add_number(out, true, view->ended_lately[*end],
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
	.end = table_end,
};

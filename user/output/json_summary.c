// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/json_values.h"
#include "output/summary.h"

#define SECOND 1000000000ull

/* ,"name":12.345 of what is counted in thousandths. */
#define ADD_THOUSANDTHS(out, name, number)                                                         \
	(buffer_add_literal(out, ",\"" name "\":"), buffer_add_fixed(out, number, 1000, 3))
#define ADD_SECONDS(out, name, ns)                                                                 \
	(buffer_add_literal(out, ",\"" name "\":"), buffer_add_fixed(out, ns, SECOND, 3))

static void add_ended_by(struct buffer *out, const struct tally *tally)
{
	bool first = true;

	buffer_add_literal(out, ",\"ended_by\":{");
	for (const enum time_wait_end *end = summary_ends; *end != TIME_WAIT_ENDS; end++) {
		if (!tally->ended[*end] && !summary_end_promised(*end))
			continue;
		if (!first)
			buffer_add_char(out, ',');
		first = false;
		add_name(out, summary_end_name(*end));
		buffer_add_char(out, ':');
		buffer_add_unsigned(out, tally->ended[*end]);
	}
	buffer_add_char(out, '}');
}

/* The members of a table's row that follow those of its key. */
static void add_tally(struct buffer *out, const struct tally *tally, uint64_t interval)
{
	ADD_UNSIGNED(out, "population", tally->now);
	ADD_UNSIGNED(out, "entered", tally->entered);
	ADD_THOUSANDTHS(out, "entered_per_s", time_wait_rate(tally->entered_lately, interval));
	add_ended_by(out, tally);
}

static void add_buckets(struct buffer *out, const char *name, const struct duration_row *rows,
			unsigned int count)
{
	buffer_add_char(out, ',');
	add_name(out, name);
	buffer_add_literal(out, ":[");
	for (unsigned int i = 0; i < count; i++) {
		buffer_add_string(out, i ? ",{" : "{");
		if (rows[i].to != UINT64_MAX) {
			buffer_add_literal(out, "\"le_ns\":");
			buffer_add_unsigned(out, rows[i].to);
			buffer_add_char(out, ',');
		}
		buffer_add_literal(out, "\"count\":");
		buffer_add_unsigned(out, rows[i].count);
		buffer_add_char(out, '}');
	}
	buffer_add_char(out, ']');
}

static void add_address(struct buffer *out, const char *before, const uint8_t address[16])
{
	buffer_add_string(out, before);
	buffer_add_address(out, address);
	buffer_add_char(out, '"');
}

static void add_key(struct buffer *out, enum time_wait_table table, const struct tally_key *key)
{
	switch (table) {
	case TABLE_LOCAL_PORTS:
		if (key->port) {
			buffer_add_literal(out, "\"port\":");
			buffer_add_unsigned(out, key->port);
		} else {
			buffer_add_literal(out, "\"ephemeral\":true");
		}
		ADD_UNSIGNED(out, "netns", key->netns);
		return;
	case TABLE_REMOTES:
		add_address(out, "\"addr\":\"", key->address);
		if (key->port)
			ADD_UNSIGNED(out, "port", key->port);
		return;
	default:
		buffer_add_literal(out, "\"comm\":");
		if (key->comm[0])
			buffer_add_json(out, key->comm, sizeof(key->comm));
		else
			buffer_add_literal(out, "null");
	}
}

/* The top rows, then all others as one. */
static void add_table(struct buffer *out, const struct time_wait_view *view,
		      enum time_wait_table which)
{
	static const char *const names[] = {
		[TABLE_LOCAL_PORTS] = ",\"local_ports\":[",
		[TABLE_REMOTES] = ",\"remotes\":[",
		[TABLE_PROGRAMS] = ",\"programs\":[",
	};
	const struct tally_table *table = &view->tables[which];

	buffer_add_string(out, names[which]);
	for (size_t i = 0; i < table->top_count; i++) {
		buffer_add_string(out, i ? ",{" : "{");
		add_key(out, which, &table->top[i]->key);
		add_tally(out, &table->top[i]->tally, view->interval);
		buffer_add_char(out, '}');
	}
	if (table->others.entered || table->others.ended[TIME_WAIT_NEVER]) {
		buffer_add_string(out, table->top_count ? ",{\"others\":" : "{\"others\":");
		buffer_add_unsigned(out, table->count - table->top_count);
		add_tally(out, &table->others, view->interval);
		buffer_add_char(out, '}');
	}
	buffer_add_char(out, ']');
}

static void add_advice(struct buffer *out, const char *advice, unsigned int count)
{
	buffer_add_literal(out, ",\"advice\":[");
	for (unsigned int i = 0; i < count; i++) {
		if (i)
			buffer_add_char(out, ',');
		buffer_add_json(out, advice, SIZE_MAX);
		advice += strlen(advice) + 1;
	}
	buffer_add_char(out, ']');
}

static void add_limits(struct buffer *out, const struct port_limits *limits)
{
	buffer_add_literal(out, ",\"sysctls\":{\"ip_local_port_range\":[");
	buffer_add_unsigned(out, limits->first);
	buffer_add_char(out, ',');
	buffer_add_unsigned(out, limits->last);
	buffer_add_char(out, ']');
	ADD_UNSIGNED(out, "reserved_ports", limits->reserved);
	ADD_UNSIGNED(out, "tcp_tw_reuse", limits->tw_reuse);
	ADD_UNSIGNED(out, "tcp_timestamps", limits->timestamps);
	ADD_UNSIGNED(out, "tcp_fin_timeout", limits->fin_timeout);
	ADD_UNSIGNED(out, "tcp_max_tw_buckets", limits->max_tw_count);
	buffer_add_char(out, '}');
}

static void add_port(struct buffer *out, const struct port_row *row)
{
	const struct port_demand *demand = &row->demand;

	add_address(out, "{\"local\":{\"addr\":\"", demand->local);
	ADD_UNSIGNED(out, "netns", demand->netns);
	add_address(out, "},\"remote\":{\"addr\":\"", demand->remote);
	ADD_UNSIGNED(out, "port", demand->remote_port);
	buffer_add_char(out, '}');
	if (demand->comm[0]) {
		buffer_add_literal(out, ",\"comm\":");
		buffer_add_json(out, demand->comm, sizeof(demand->comm));
	}
	ADD_UNSIGNED(out, "in_time_wait", demand->in_time_wait);
	if (row->known)
		ADD_UNSIGNED(out, "usable", row->limits.usable);
	ADD_UNSIGNED(out, "in_use", demand->in_use);
	ADD_THOUSANDTHS(out, "rate_per_s", demand->rate);
	if (row->known && row->forecast.exhausts)
		ADD_SECONDS(out, "exhausted_in_s", row->forecast.exhausted_in);
	if (row->known) {
		ADD_BOOL(out, "reusable", row->forecast.reusable);
		add_limits(out, &row->limits);
	}
	add_advice(out, row->advice, row->advice_count);
	buffer_add_char(out, '}');
}

static void add_totals(struct buffer *out, const struct time_wait_view *view)
{
	const struct tally *total = &view->total;

	ADD_UNSIGNED(out, "population", total->now);
	ADD_THOUSANDTHS(out, "entered_per_s", view->entered_rate);
	ADD_THOUSANDTHS(out, "left_per_s", view->left_rate);
	ADD_UNSIGNED(out, "entered", total->entered);
	ADD_UNSIGNED(out, "left", total->left);
	ADD_UNSIGNED(out, "found", view->found);
	ADD_SECONDS(out, "interval_s", view->interval);
	add_ended_by(out, total);
	add_buckets(out, "buckets", view->linear, view->linear_count);
	add_buckets(out, "log_buckets", view->log, view->log_count);
	if (view->wait)
		ADD_UNSIGNED(out, "timer_mean_ns", view->wait);
}

void json_time_wait_summary(struct output *output, const struct time_wait_view *view)
{
	struct buffer *out = &output->out;

	buffer_add_literal(out, "{\"type\":\"time_wait_summary\",\"schema\":1,\"ts\":\"");
	buffer_add_timestamp(out, output_wall(&output->options, view->time));
	buffer_add_char(out, '"');
	add_totals(out, view);
	buffer_add_literal(out, ",\"ports\":[");
	for (unsigned int i = 0; i < view->port_count; i++) {
		if (i)
			buffer_add_char(out, ',');
		add_port(out, &view->ports[i]);
	}
	buffer_add_char(out, ']');
	for (unsigned int i = 0; i < TIME_WAIT_TABLES; i++)
		add_table(out, view, (enum time_wait_table)i);
	add_advice(out, view->advice, view->advice_count);
	ADD_UNSIGNED(out, "crowded_out", view->crowded_out);
	ADD_UNSIGNED(out, "missed", view->missed);
	if (view->inferred)
		buffer_add_literal(out, ",\"inferred\":true");
	if (view->final)
		ADD_BOOL(out, "final", true);
	buffer_add_literal(out, "}\n");
}

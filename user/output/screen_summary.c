// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The summary of `timewait` as text: what one must act on first.
 */
#include "output/bars.h"
#include "output/screen.h"
#include "output/summary.h"
#include "output/text.h"

#define SECOND 1000000000ull
#define NAME_WIDTH 32
#define ROWS_SHOWN 5
#define PORTS_SHOWN 3

static void add_rate(struct buffer *out, uint64_t rate)
{
	buffer_add_fixed(out, rate, 1000, 1);
	buffer_add_literal(out, "/s");
}

static void put_head(struct screen *screen, const struct time_wait_view *view)
{
	struct buffer *out = &screen->text;
	size_t start = out->length;

	text_add_count(out, view->inferred ? "TIME_WAIT  ~" : "TIME_WAIT  ", view->total.now,
		       " wait now");
	text_pad(out, start, 28);
	buffer_add_literal(out, "entered ");
	add_rate(out, view->entered_rate);
	text_pad(out, start, 46);
	buffer_add_literal(out, "left ");
	add_rate(out, view->left_rate);
	text_pad(out, start, 62);
	buffer_add_clock(out, output_wall(screen->options, view->time));
	buffer_add_string(out, view->final ? " UTC, the last" : " UTC");
	screen_end_line(screen, SCREEN_BOLD);
	if (view->missed) {
		text_add_count(out, "  ", view->missed,
			       " could not be counted: the numbers below are too small");
		screen_end_line(screen, SCREEN_YELLOW);
	}
}

static void add_destination(struct buffer *out, const struct port_demand *demand)
{
	buffer_add_address(out, demand->local);
	buffer_add_literal(out, " → ");
	text_add_endpoint(out, demand->remote, demand->remote_port);
}

static uint64_t percent(uint64_t part, uint64_t whole)
{
	return whole ? part * 100 / whole : 0;
}

static void add_use(struct buffer *out, const struct port_row *row)
{
	const struct port_demand *demand = &row->demand;

	text_add_count(out, "", demand->in_time_wait, " of ");
	text_add_count(out, "", row->limits.usable, " ports wait");
	if (demand->in_use)
		text_add_count(out, ", ", demand->in_use, " are in use");
	text_add_count(out, " (",
		       percent(demand->in_time_wait + demand->in_use, row->limits.usable), " %), ");
	add_rate(out, demand->rate);
	if (!demand->comm[0])
		return;
	buffer_add_literal(out, " by ");
	buffer_add_escaped(out, demand->comm, sizeof(demand->comm));
}

static void put_port(struct screen *screen, const struct port_row *row)
{
	const struct port_forecast *forecast = &row->forecast;
	struct buffer *out = &screen->text;

	if (forecast->exhausts && forecast->exhausted_in) {
		buffer_add_literal(out, "PORTS RUN OUT IN ");
		text_add_duration(out, forecast->exhausted_in);
	} else if (forecast->exhausts) {
		buffer_add_literal(out, "NO PORTS LEFT");
	} else {
		buffer_add_literal(out, "ports last");
	}
	buffer_add_literal(out, ": ");
	add_destination(out, &row->demand);
	if (forecast->exhausts) {
		screen_end_line(screen, SCREEN_RED);
		buffer_add_literal(out, "  ");
	} else {
		buffer_add_literal(out, ", ");
	}
	add_use(out, row);
	screen_end_line(screen, row->advice_count && !forecast->exhausts ? SCREEN_YELLOW : NULL);
}

/* What is pressing, with advice once: it is much the same for the next one. */
static void put_ports(struct screen *screen, const struct time_wait_view *view)
{
	size_t start = screen->line;
	bool advised = false;

	for (unsigned int i = 0; i < view->port_count && i < PORTS_SHOWN; i++) {
		const struct port_row *row = &view->ports[i];

		if (!row->known)
			continue;
		put_port(screen, row);
		if (!advised)
			screen_put_advice(screen, 2, row->advice, row->advice_count);
		advised |= row->advice_count > 0;
	}
	screen_put_advice(screen, 2, view->advice, view->advice_count);
	if (screen->line > start)
		screen_end_line(screen, NULL);
}

static void add_ends(struct buffer *out, const struct tally *tally, bool promised)
{
	for (const enum time_wait_end *end = summary_ends; *end != TIME_WAIT_ENDS; end++) {
		if (!tally->ended[*end] && !(promised && summary_end_promised(*end)))
			continue;
		buffer_add_literal(out, "  ");
		buffer_add_string(out, summary_end_name(*end));
		buffer_add_char(out, ' ');
		buffer_add_unsigned(out, tally->ended[*end]);
	}
}

static void put_ends(struct screen *screen, const struct time_wait_view *view)
{
	struct buffer *out = &screen->text;

	buffer_add_literal(out, "ended by");
	add_ends(out, &view->total, true);
	screen_end_line(screen, NULL);
	text_add_count(out, "since the start ", view->total.entered, " entered");
	if (view->found)
		text_add_count(out, " (", view->found, " found)");
	text_add_count(out, ", ", view->total.left, " left");
	if (view->wait) {
		buffer_add_literal(out, ", by timer after ");
		buffer_add_fixed(out, view->wait, SECOND, 2);
		buffer_add_literal(out, " s on average");
	}
	screen_end_line(screen, NULL);
	screen_end_line(screen, NULL);
}

static void put_durations(struct screen *screen, const struct time_wait_view *view)
{

	if (!view->linear_count && !view->log_count)
		return;
	bars_add(&screen->text, view, screen->width);
	screen->line = screen->text.length;
	screen_end_line(screen, NULL);
}

static void add_name(struct buffer *out, enum time_wait_table table, const struct tally_key *key)
{
	switch (table) {
	case TABLE_LOCAL_PORTS:
		if (key->port)
			buffer_add_unsigned(out, key->port);
		else
			buffer_add_literal(out, "ephemeral");
		text_add_count(out, "  netns ", key->netns, "");
		return;
	case TABLE_REMOTES:
		if (key->port)
			text_add_endpoint(out, key->address, key->port);
		else
			buffer_add_address(out, key->address);
		return;
	default:
		if (key->comm[0])
			buffer_add_escaped(out, key->comm, sizeof(key->comm));
		else
			buffer_add_literal(out, "not known");
	}
}

/* A number at the right end of its column. */
static void add_column(struct buffer *out, uint64_t number, uint64_t unit, size_t width)
{
	size_t start;

	buffer_add_char(out, ' ');
	start = out->length;
	buffer_add_fixed(out, number, unit, unit > 1);
	text_align_right(out, start, width);
}

/* What follows the name that begins at `start`. */
static void put_tally(struct screen *screen, size_t start, const struct tally *tally,
		      uint64_t interval)
{
	uint64_t rate = time_wait_rate(tally->entered_lately, interval);
	struct buffer *out = &screen->text;

	text_pad(out, start, NAME_WIDTH);
	add_column(out, tally->now, 1, 9);
	add_column(out, tally->entered, 1, 11);
	add_column(out, rate, 1000, 11);
	add_ends(out, tally, false);
	screen_end_line(screen, NULL);
}

static void put_table(struct screen *screen, const struct time_wait_view *view,
		      enum time_wait_table which)
{
	static const char *const heads[] = {
		[TABLE_LOCAL_PORTS] = "LOCAL PORT",
		[TABLE_REMOTES] = "REMOTE",
		[TABLE_PROGRAMS] = "CLOSED FIRST BY",
	};
	const struct tally_table *table = &view->tables[which];
	struct tally others = table->others;
	struct buffer *out = &screen->text;
	size_t start = out->length, shown = table->top_count;

	if (!shown && !others.entered)
		return;
	buffer_add_string(out, heads[which]);
	text_pad(out, start, NAME_WIDTH);
	buffer_add_literal(out, "  WAIT NOW     ENTERED   ENTERED/s  ENDED BY");
	screen_end_line(screen, SCREEN_BOLD);
	if (shown > ROWS_SHOWN)
		shown = ROWS_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		start = out->length;
		add_name(out, which, &table->top[i]->key);
		put_tally(screen, start, &table->top[i]->tally, view->interval);
	}
	for (size_t i = shown; i < table->top_count; i++)
		tally_add(&others, &table->top[i]->tally);
	if (others.entered || others.ended[TIME_WAIT_NEVER]) {
		start = out->length;
		if (table->count > shown)
			text_add_count(out, "", table->count - shown, " others");
		else
			buffer_add_literal(out, "others");
		put_tally(screen, start, &others, view->interval);
	}
	screen_end_line(screen, NULL);
}

void screen_time_wait_summary(struct output *output, const struct time_wait_view *view)
{
	struct screen screen;

	screen_init(&screen, output);
	put_head(&screen, view);
	put_ports(&screen, view);
	put_ends(&screen, view);
	put_durations(&screen, view);
	for (unsigned int i = 0; i < TIME_WAIT_TABLES; i++)
		put_table(&screen, view, (enum time_wait_table)i);
	screen_show(&screen, output);
}

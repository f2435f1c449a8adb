// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The summary of `timewait` as text: what one must act on first. On a terminal each is drawn over
 * the one before and never longer than the screen; elsewhere they are blocks, one after the other.
 */
#include "output/bars.h"
#include "output/summary.h"
#include "output/text.h"

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

#define SECOND 1000000000ull
#define NAME_WIDTH 32
#define ROWS_SHOWN 5
#define PORTS_SHOWN 3
/* A screen of fewer rows has room for the first few sentences only. */
#define ROWS_FOR_ALL 40
#define ADVICE_SHOWN 3

struct screen {
	const struct output *output;
	const struct time_wait_view *view;
	struct buffer text; /* the lines so far */
	size_t line;        /* where the one that is being written begins */
	size_t width;
};

/* Ends the line, in a colour (NULL: none), and then cut to the width of a terminal. */
static void end_line(struct screen *screen, const char *color)
{
	struct buffer *text = &screen->text;

	if (color && screen->output->options.color && text->length > screen->line) {
		struct buffer line;

		if (screen->output->options.rows)
			text->length = text_cut(text, screen->line, screen->width);

		buffer_init(&line);
		buffer_add_string(&line, color);
		buffer_add(&line, text->data + screen->line, text->length - screen->line);
		buffer_add_literal(&line, PLAIN);
		text->length = screen->line;
		if (!line.failed)
			buffer_add(text, line.data, line.length);
		buffer_done(&line);
	}
	buffer_add_char(text, '\n');
	screen->line = text->length;
}

static void add_rate(struct buffer *out, uint64_t rate)
{
	buffer_add_fixed(out, rate, 1000, 1);
	buffer_add_literal(out, "/s");
}

static void add_count(struct buffer *out, const char *before, uint64_t count, const char *after)
{
	buffer_add_string(out, before);
	buffer_add_unsigned(out, count);
	buffer_add_string(out, after);
}

static void put_head(struct screen *screen)
{
	const struct time_wait_view *view = screen->view;
	struct buffer *out = &screen->text;
	size_t start = out->length;

	add_count(out, view->inferred ? "TIME_WAIT  ~" : "TIME_WAIT  ", view->total.now,
		  " wait now");
	text_pad(out, start, 28);
	buffer_add_literal(out, "entered ");
	add_rate(out, view->entered_rate);
	text_pad(out, start, 46);
	buffer_add_literal(out, "left ");
	add_rate(out, view->left_rate);
	text_pad(out, start, 62);
	buffer_add_clock(out, (int64_t)view->time + screen->output->options.wall_offset);
	buffer_add_string(out, view->final ? " UTC, the last" : " UTC");
	end_line(screen, BOLD);
	if (view->missed) {
		add_count(out, "  ", view->missed,
			  " could not be counted: the numbers below are too small");
		end_line(screen, YELLOW);
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

static void put_advice(struct screen *screen, const char *advice, unsigned int count)
{
	unsigned int rows = screen->output->options.rows;
	unsigned int shown =
		rows && rows < ROWS_FOR_ALL && count > ADVICE_SHOWN ? ADVICE_SHOWN : count;
	struct buffer *out = &screen->text;

	for (unsigned int i = 0; i < shown; i++) {
		size_t length = strlen(advice);

		buffer_add_literal(out, "  - ");
		text_add_wrapped(out, advice, length, 4, 4, screen->width);
		end_line(screen, NULL);
		advice += length + 1;
	}
	if (shown < count) {
		add_count(out, "  - ", count - shown, " more in a taller window, or with -o json");
		end_line(screen, NULL);
	}
}

static void add_use(struct buffer *out, const struct port_row *row)
{
	const struct port_demand *demand = &row->demand;

	add_count(out, "", demand->in_time_wait, " of ");
	add_count(out, "", row->limits.usable, " ports wait");
	if (demand->in_use)
		add_count(out, ", ", demand->in_use, " are in use");
	add_count(out, " (", percent(demand->in_time_wait + demand->in_use, row->limits.usable),
		  " %), ");
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
		end_line(screen, RED);
		buffer_add_literal(out, "  ");
	} else {
		buffer_add_literal(out, ", ");
	}
	add_use(out, row);
	end_line(screen, row->advice_count && !forecast->exhausts ? YELLOW : NULL);
}

/* What is pressing, with advice once: it is much the same for the next one. */
static void put_ports(struct screen *screen)
{
	const struct time_wait_view *view = screen->view;
	size_t start = screen->line;
	bool advised = false;

	for (unsigned int i = 0; i < view->port_count && i < PORTS_SHOWN; i++) {
		const struct port_row *row = &view->ports[i];

		if (!row->known)
			continue;
		put_port(screen, row);
		if (!advised)
			put_advice(screen, row->advice, row->advice_count);
		advised |= row->advice_count > 0;
	}
	put_advice(screen, view->advice, view->advice_count);
	if (screen->line > start)
		end_line(screen, NULL);
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

static void put_ends(struct screen *screen)
{
	const struct time_wait_view *view = screen->view;
	struct buffer *out = &screen->text;

	buffer_add_literal(out, "ended by");
	add_ends(out, &view->total, true);
	end_line(screen, NULL);
	add_count(out, "since the start ", view->total.entered, " entered");
	if (view->found)
		add_count(out, " (", view->found, " found)");
	add_count(out, ", ", view->total.left, " left");
	if (view->wait) {
		buffer_add_literal(out, ", by timer after ");
		buffer_add_fixed(out, view->wait, SECOND, 2);
		buffer_add_literal(out, " s on average");
	}
	end_line(screen, NULL);
	end_line(screen, NULL);
}

static void put_durations(struct screen *screen)
{
	const struct time_wait_view *view = screen->view;

	if (!view->linear_count && !view->log_count)
		return;
	bars_add(&screen->text, view, screen->width);
	screen->line = screen->text.length;
	end_line(screen, NULL);
}

static void add_name(struct buffer *out, enum time_wait_table table, const struct tally_key *key)
{
	switch (table) {
	case TABLE_LOCAL_PORTS:
		if (key->port)
			buffer_add_unsigned(out, key->port);
		else
			buffer_add_literal(out, "ephemeral");
		add_count(out, "  netns ", key->netns, "");
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
static void put_tally(struct screen *screen, size_t start, const struct tally *tally)
{
	uint64_t rate = time_wait_rate(tally->entered_lately, screen->view->interval);
	struct buffer *out = &screen->text;

	text_pad(out, start, NAME_WIDTH);
	add_column(out, tally->now, 1, 9);
	add_column(out, tally->entered, 1, 11);
	add_column(out, rate, 1000, 11);
	add_ends(out, tally, false);
	end_line(screen, NULL);
}

static void put_table(struct screen *screen, enum time_wait_table which)
{
	static const char *const heads[] = {
		[TABLE_LOCAL_PORTS] = "LOCAL PORT",
		[TABLE_REMOTES] = "REMOTE",
		[TABLE_PROGRAMS] = "CLOSED FIRST BY",
	};
	const struct tally_table *table = &screen->view->tables[which];
	struct tally others = table->others;
	struct buffer *out = &screen->text;
	size_t start = out->length, shown = table->top_count;

	if (!shown && !others.entered)
		return;
	buffer_add_string(out, heads[which]);
	text_pad(out, start, NAME_WIDTH);
	buffer_add_literal(out, "  WAIT NOW     ENTERED   ENTERED/s  ENDED BY");
	end_line(screen, BOLD);
	if (shown > ROWS_SHOWN)
		shown = ROWS_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		start = out->length;
		add_name(out, which, &table->top[i]->key);
		put_tally(screen, start, &table->top[i]->tally);
	}
	for (size_t i = shown; i < table->top_count; i++)
		tally_add(&others, &table->top[i]->tally);
	if (others.entered || others.ended[TIME_WAIT_NEVER]) {
		start = out->length;
		if (table->count > shown)
			add_count(out, "", table->count - shown, " others");
		else
			buffer_add_literal(out, "others");
		put_tally(screen, start, &others);
	}
	end_line(screen, NULL);
}

/* Over what stands there: each line erases what was behind it, the end what was below. */
static void draw(struct screen *screen, struct buffer *out)
{
	const struct buffer *text = &screen->text;
	unsigned int rows = screen->output->options.rows, lines = 0, shown;
	size_t start = 0;

	for (size_t i = 0; i < text->length; i++)
		lines += text->data[i] == '\n';
	shown = lines < rows ? lines : rows > 2 ? rows - 2 : 0;
	buffer_add_literal(out, "\033[H");
	for (unsigned int line = 0; line < shown; line++) {
		const char *end = memchr(text->data + start, '\n', text->length - start);
		struct buffer view = {.data = text->data, .length = (size_t)(end - text->data)};
		/* One in colour has been cut. */
		size_t cut = text->data[start] == '\033' ? view.length
							 : text_cut(&view, start, screen->width);

		buffer_add(out, text->data + start, cut - start);
		buffer_add_literal(out, "\033[K\n");
		start = view.length + 1;
	}
	if (shown < lines && rows > 1) {
		add_count(out, "... ", lines - shown, " more lines");
		buffer_add_literal(out, "\033[K\n");
	}
	buffer_add_literal(out, "\033[J");
}

void screen_time_wait_summary(struct output *output, const struct time_wait_view *view)
{
	const struct output_options *options = &output->options;
	struct screen screen = {
		.output = output,
		.view = view,
		.width = options->rows ? options->columns : TEXT_WIDTH,
	};

	buffer_init(&screen.text);
	put_head(&screen);
	put_ports(&screen);
	put_ends(&screen);
	put_durations(&screen);
	for (unsigned int i = 0; i < TIME_WAIT_TABLES; i++)
		put_table(&screen, (enum time_wait_table)i);
	/* Each part has ended with an empty line. */
	if (screen.text.length)
		screen.text.length--;
	if (screen.text.failed) {
		output->out.failed = true;
	} else if (options->rows) {
		draw(&screen, &output->out);
	} else {
		if (output->summarized)
			buffer_add_char(&output->out, '\n');
		buffer_add(&output->out, screen.text.data, screen.text.length);
	}
	output->summarized = true;
	buffer_done(&screen.text);
}

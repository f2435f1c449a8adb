// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The view of `leaks` as text: for each program and each piece of code that leaks, how many, why,
 * and what to do. Those that grow come first.
 */
#include "output/leaks.h"
#include "output/screen_group.h"
#include "output/text.h"

#define SECOND 1000000000ull
#define NARROW 90 /* a screen of fewer columns shows no milliseconds */
#define BRIEF_LINES 2

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* As it was asked for: in seconds. */
static void add_seconds(struct buffer *out, uint64_t ns)
{
	buffer_add_fixed(out, ns, SECOND, ns % SECOND ? 1 : 0);
	buffer_add_literal(out, " s");
}

static void add_calm(struct buffer *out, const struct close_wait_view *view)
{
	if (!view->in_close_wait) {
		buffer_add_literal(out, "no suspects: no socket in CLOSE_WAIT");
		return;
	}
	text_add_count(out, "no suspects: ", view->in_close_wait, " socket");
	buffer_add_string(out, plural(view->in_close_wait));
	buffer_add_string(out, view->in_close_wait == 1 ? " in CLOSE_WAIT, not for longer than "
							: " in CLOSE_WAIT, none for longer than ");
	add_seconds(out, view->threshold);
}

static void add_totals(struct buffer *out, const struct close_wait_view *view)
{
	text_add_count(out, "CLOSE_WAIT  ", view->in_close_wait, " socket");
	buffer_add_string(out, plural(view->in_close_wait));
	text_add_count(out, ", ", view->suspects, " suspect");
	buffer_add_string(out, plural(view->suspects));
	buffer_add_literal(out, " (over ");
	add_seconds(out, view->threshold);
	buffer_add_char(out, ')');
}

static void put_head(struct screen *screen, const struct close_wait_view *view)
{
	struct buffer *out = &screen->text, *cell = &screen->cell;
	struct buffer clock;
	size_t width;

	buffer_init(&clock);
	buffer_add_clock(&clock, output_wall(screen->options, view->time));
	if (screen->width < NARROW && !clock.failed)
		clock.length -= sizeof(".123") - 1;
	buffer_add_string(&clock, view->final ? " UTC, the last" : " UTC");
	width = clock.length + 2 < screen->width ? screen->width - clock.length : 0;

	if (view->suspects)
		add_totals(out, view);
	else
		add_calm(out, view);
	if (view->suspects)
		leaks_add_age(cell, "   oldest ", view->oldest, view->oldest_at_least);
	if (text_width(out, 0) + text_width(cell, 0) + 2 <= width)
		screen_put_cell(screen, "", 0, NULL);
	cell->length = 0;
	text_pad(out, 0, text_width(out, 0) + 2 < width ? width : text_width(out, 0) + 2);
	buffer_add(out, clock.data, clock.length);
	out->failed |= clock.failed;
	buffer_done(&clock);
	screen_end_line(screen, view->suspects ? SCREEN_BOLD : NULL);
}

static void put_losses(struct screen *screen, const struct close_wait_view *view)
{
	const struct {
		uint64_t count;
		const char *one, *many;
	} losses[] = {
		{view->dropped, " more socket found no room: the numbers below are too small",
		 " more sockets found no room: the numbers below are too small"},
		{view->origins_lost,
		 " connect() or accept() found no room: which code called it is not known",
		 " calls of connect() or accept() found no room: which code made them is not "
		 "known"},
		{view->stacks_lost, " stack found no room: which code it was is not known",
		 " stacks found no room: which code it was is not known"},
	};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		uint64_t count = losses[i].count;

		if (!count)
			continue;
		text_add_count(&screen->text, "  ", count,
			       count == 1 ? losses[i].one : losses[i].many);
		screen_end_line(screen, SCREEN_YELLOW);
	}
}

static size_t count_lines(const struct screen *screen)
{
	size_t lines = 0;

	for (size_t i = 0; i < screen->text.length; i++)
		lines += screen->text.data[i] == '\n';
	return lines;
}

/* The first in full; the others too as long as there is room for what follows them in brief. */
static void put_groups(struct screen *screen, const struct close_wait_view *view)
{
	const unsigned int rows = screen->options->rows;
	size_t following = view->group_count;
	bool brief = false;

	for (unsigned int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < view->group_count; i++) {
			const struct close_wait_group *group = &view->groups[i];
			size_t start = screen->text.length;

			if ((group->trend == TREND_GROWING) != !pass)
				continue;
			following--;
			if (!brief)
				screen_group_put(screen, view, group);
			if (rows && following + 1 < view->group_count && !brief)
				brief = count_lines(screen) + following * BRIEF_LINES > rows;
			if (brief) {
				screen->text.length = start;
				screen->line = start;
				screen_group_put_brief(screen, group);
			}
		}
	}
	if (brief)
		screen_end_line(screen, NULL);
}

void screen_close_wait_view(struct output *output, const struct close_wait_view *view)
{
	struct screen screen;

	screen_init(&screen, output);
	put_head(&screen, view);
	put_losses(&screen, view);
	screen_end_line(&screen, NULL);
	put_groups(&screen, view);
	screen_show(&screen, output);
}

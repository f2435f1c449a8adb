// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/screen.h"

#include "output/text.h"

#define PLAIN "\033[0m"

/* A screen of fewer rows has room for the first few sentences only. */
#define ROWS_FOR_ALL 40
#define ADVICE_SHOWN 3

void screen_init(struct screen *screen, const struct output *output)
{
	*screen = (struct screen){
		.options = &output->options,
		.width = output->options.rows ? output->options.columns : TEXT_WIDTH,
	};
	buffer_init(&screen->text);
	buffer_init(&screen->cell);
}

bool screen_is_small(const struct screen *screen)
{
	return screen->options->rows && screen->options->rows < ROWS_FOR_ALL;
}

void screen_end_line(struct screen *screen, const char *color)
{
	struct buffer *text = &screen->text;

	if (color && screen->options->color && text->length > screen->line) {
		struct buffer line;

		if (screen->options->rows)
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

void screen_put_cell(struct screen *screen, const char *gap, size_t indent, const char *color)
{
	size_t taken = text_width(&screen->text, screen->line);
	size_t width = text_width(&screen->cell, 0);

	if (!width)
		return;
	if (taken > indent && taken + strlen(gap) + width > screen->width) {
		screen_end_line(screen, color);
		buffer_add_repeat(&screen->text, ' ', indent);
	} else if (taken > indent) {
		buffer_add_string(&screen->text, gap);
	}
	buffer_add(&screen->text, screen->cell.data, screen->cell.length);
	screen->cell.length = 0;
}

void screen_put_advice(struct screen *screen, size_t indent, const char *advice, unsigned int count)
{
	unsigned int shown = screen_is_small(screen) && count > ADVICE_SHOWN ? ADVICE_SHOWN : count;
	struct buffer *out = &screen->text;

	for (unsigned int i = 0; i < shown; i++) {
		size_t length = strlen(advice);

		buffer_add_repeat(out, ' ', indent);
		buffer_add_literal(out, "- ");
		text_add_wrapped(out, advice, length, indent + 2, indent + 2, screen->width);
		screen_end_line(screen, NULL);
		advice += length + 1;
	}
	if (shown < count) {
		buffer_add_repeat(out, ' ', indent);
		text_add_count(out, "- ", count - shown,
			       " more in a taller window, or with -o json");
		screen_end_line(screen, NULL);
	}
}

/* Over what stands there: each line erases what was behind it, the end what was below. */
static void draw(struct screen *screen, struct buffer *out)
{
	const struct buffer *text = &screen->text;
	unsigned int rows = screen->options->rows, lines = 0, shown;
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
		text_add_count(out, "... ", lines - shown, " more lines");
		buffer_add_literal(out, "\033[K\n");
	}
	buffer_add_literal(out, "\033[J");
}

void screen_show(struct screen *screen, struct output *output)
{
	/* Each part has ended with an empty line. */
	if (screen->text.length)
		screen->text.length--;
	if (screen->text.failed || screen->cell.failed) {
		output->out.failed = true;
	} else if (screen->options->rows) {
		draw(screen, &output->out);
	} else {
		if (output->summarized)
			buffer_add_char(&output->out, '\n');
		buffer_add(&output->out, screen->text.data, screen->text.length);
	}
	output->summarized = true;
	buffer_done(&screen->text);
	buffer_done(&screen->cell);
}

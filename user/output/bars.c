// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/bars.h"

#include "output/text.h"

#define SECOND 1000000000ull
#define BESIDE_WIDTH 78 /* two histograms need this much */
#define LABEL_WIDTH 15
#define COUNT_WIDTH 9
#define GAP 2
#define ROW_WIDTH (LABEL_WIDTH + COUNT_WIDTH + 2) /* before the bar */

struct histogram {
	const char *head;
	const struct duration_row *rows;
	unsigned int count;
	uint64_t largest;
	void (*add_label)(struct buffer *out, const struct duration_row *row);
};

static void add_seconds(struct buffer *out, const struct duration_row *row)
{
	unsigned int places = row->to - row->from < SECOND ? 2 : 0;

	buffer_add_fixed(out, row->from, SECOND, places);
	if (row->to == UINT64_MAX) {
		buffer_add_literal(out, " s and more");
		return;
	}
	buffer_add_literal(out, " - ");
	buffer_add_fixed(out, row->to, SECOND, places);
	buffer_add_literal(out, " s");
}

static void add_power(struct buffer *out, const struct duration_row *row)
{
	if (row->to == UINT64_MAX) {
		text_add_duration(out, row->from);
		buffer_add_literal(out, " and more");
		return;
	}
	buffer_add_literal(out, "< ");
	text_add_duration(out, row->to);
}

/* Eighths of a column for what is not a whole one: few are still seen. */
static void add_bar(struct buffer *out, uint64_t count, uint64_t largest, size_t width)
{
	static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	uint64_t eighths =
		largest ? (uint64_t)((double)count / (double)largest * (double)width * 8) : 0;

	if (count && !eighths)
		eighths = 1;
	for (uint64_t i = 0; i < eighths / 8; i++)
		buffer_add_literal(out, "█");
	buffer_add_string(out, parts[eighths % 8]);
}

/* One row in `width` columns; the head is row 0. */
static void add_row(struct buffer *out, const struct histogram *histogram, unsigned int index,
		    size_t width)
{
	const struct duration_row *row;
	size_t start = out->length;

	if (!index) {
		buffer_add_string(out, histogram->head);
		return;
	}
	if (index > histogram->count)
		return;
	row = &histogram->rows[index - 1];
	histogram->add_label(out, row);
	text_align_right(out, start, LABEL_WIDTH);
	buffer_add_char(out, ' ');
	start = out->length;
	buffer_add_unsigned(out, row->count);
	text_align_right(out, start, COUNT_WIDTH);
	if (!row->count)
		return;
	buffer_add_char(out, ' ');
	add_bar(out, row->count, histogram->largest, width - ROW_WIDTH);
}

static void find_largest(struct histogram *histogram)
{
	for (unsigned int i = 0; i < histogram->count; i++)
		if (histogram->rows[i].count > histogram->largest)
			histogram->largest = histogram->rows[i].count;
}

void bars_add(struct buffer *out, const struct time_wait_view *view, size_t width)
{
	struct histogram linear = {
		.head = "HOW LONG THEY LASTED",
		.rows = view->linear,
		.count = view->linear_count,
		.add_label = add_seconds,
	};
	struct histogram log = {
		.head = "THE SAME BY POWERS OF TWO",
		.rows = view->log,
		.count = view->log_count,
		.add_label = add_power,
	};
	bool beside = width >= BESIDE_WIDTH;
	size_t half = beside ? (width - GAP) / 2 : width;

	if (half < ROW_WIDTH + 1)
		half = ROW_WIDTH + 1;
	find_largest(&linear);
	find_largest(&log);
	for (unsigned int i = 0; i <= linear.count || (beside && i <= log.count); i++) {
		size_t start = out->length;

		add_row(out, &linear, i, half);
		if (beside && i <= log.count) {
			text_pad(out, start, half + GAP);
			add_row(out, &log, i, half);
		}
		buffer_add_char(out, '\n');
	}
	for (unsigned int i = 0; !beside && i <= log.count; i++) {
		add_row(out, &log, i, half);
		buffer_add_char(out, '\n');
	}
}

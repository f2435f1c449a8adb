// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The frame of the page: its parts, the names that its lines use, the counts at the end. */
#include "output/page.h"

#include <stdlib.h>

#include "output/facts.h"
#include "output/joining.h"
#include "output/page_pack.h"
#include "output/page_parts.h"

#define PACK_AT (1 << 20)

static void add_part(struct buffer *out, const char *start, const char *end)
{
	buffer_add(out, start, (size_t)(end - start));
}

#define ADD_PART(out, name) add_part(out, page_##name, page_##name##_end)

/* What is full leaves. Where details begin anew is told among the rows: d. */
static void pack(struct output *output, size_t limit)
{
	struct page *page = output->page;

	if (page->details.length > limit) {
		page_pack(&output->out, "details", &page->details);
		buffer_add_literal(&page->rows, "d\n");
	}
	if (page->rows.length > limit)
		page_plain(&output->out, "rows", &page->rows);
}

void page_line_begin(struct output *output, char letter)
{
	buffer_clear(&output->page->line);
	buffer_add_char(&output->page->line, letter);
}

static void take_line(struct output *output, struct buffer *lines)
{
	struct page *page = output->page;

	buffer_add_char(&page->line, '\n');
	output->out.failed |= page->line.failed || page->text.failed;
	if (!page->line.failed)
		buffer_add(lines, page->line.data, page->line.length);
}

void page_line_end(struct output *output)
{
	take_line(output, &output->page->rows);
	pack(output, PACK_AT);
}

uint64_t page_detail_end(struct output *output)
{
	struct buffer *details = &output->page->details;
	size_t before = details->length;

	take_line(output, details);
	return details->length - before;
}

void page_add_text(struct output *output)
{
	struct page *page = output->page;
	const struct buffer *text = &page->text;

	page_add(page, text->length
			       ? page_words_add(&page->words, &page->rows, text->data, text->length)
			       : 0);
}

void page_add_word(struct output *output, const char *string, size_t limit)
{
	buffer_clear(&output->page->text);
	if (string)
		buffer_add_escaped(&output->page->text, string, limit);
	page_add_text(output);
}

void page_add_end(struct output *output, const uint8_t address[16], unsigned int port)
{
	buffer_clear(&output->page->text);
	buffer_add_address(&output->page->text, address);
	page_add_text(output);
	page_add(output->page, port);
}

void page_add_flow(struct output *output, const struct flow *flow)
{
	page_add_end(output, flow->local, flow->local_port);
	page_add_end(output, flow->remote, flow->remote_port);
}

void page_add_key(struct page *page, const uint64_t id[2])
{
	page_add(page, id[0] >> 32);
}

int64_t page_since_base(struct output *output, uint64_t time)
{
	struct page *page = output->page;

	if (!page->has_base) {
		int64_t wall = output_wall(&output->options, time);

		page->has_base = true;
		page->base = page->last_time = time;
		page_line_begin(output, 'b');
		page_add_signed(page, wall / 1000000000);
		page_add_signed(page, wall % 1000000000);
		page_line_end(output);
	}
	return (int64_t)(time - page->base);
}

/* ,"name":["...", ...]: null where a number has no name. */
#define ADD_NAMES(out, title, count, expression)                                                   \
	do {                                                                                       \
		buffer_add_literal(out, ",\"" title "\":[");                                       \
		for (unsigned int i = 0; i < (count); i++)                                         \
			add_name(out, i, expression);                                              \
		buffer_add_char(out, ']');                                                         \
	} while (0)

static void add_name(struct buffer *out, unsigned int index, const char *name)
{
	if (index)
		buffer_add_char(out, ',');
	if (name)
		page_add_string(out, name, strlen(name));
	else
		buffer_add_literal(out, "null");
}

static unsigned int incomplete_count(void)
{
	unsigned int bit = 0;

	while (incomplete_name(bit))
		bit++;
	return bit;
}

/* ,"name":"..." of a text without hidden characters. */
static void add_text(struct buffer *out, const char *name, const struct buffer *text)
{
	buffer_add_string(out, name);
	page_add_string(out, text->data, text->length);
}

/* What the page is about: files. */
static void add_subject(struct output *output)
{
	const char *subject = output->options.subject;
	const char *slash = subject ? strrchr(subject, '/') : NULL;
	struct buffer *text = &output->page->text, *out = &output->page->rows;

	buffer_clear(text);
	if (subject)
		buffer_add_escaped(text, slash ? slash + 1 : subject, SIZE_MAX);
	add_text(out, ",\"subject\":", text);
	if (!output->options.join)
		return;
	for (unsigned int i = 0; i < OUTPUT_SOURCES; i++) {
		buffer_clear(text);
		joining_add_name(text, output->options.join, i);
		add_text(out, i ? "," : ",\"sources\":[", text);
	}
	buffer_clear(text);
	joining_add_sentence(text, output->options.join);
	add_text(out, "],\"joined\":", text);
}

/* The names of everything that a line tells by number. */
static void add_names(struct output *output)
{
	struct buffer *out = &output->page->rows;

	buffer_add_literal(out, "n{\"version\":\"" VERSION "\"");
	add_subject(output);
	ADD_NAMES(out, "kinds", CLOSE_KINDS, close_kind_info(i)->name);
	ADD_NAMES(out, "kindMeanings", CLOSE_KINDS, close_kind_info(i)->meaning);
	ADD_NAMES(out, "kindAdvice", CLOSE_KINDS, close_kind_info(i)->advice);
	ADD_NAMES(out, "closedBy", CLOSED_BY_BOTH + 1, closed_by_name(i));
	ADD_NAMES(out, "causes", CLOSE_CAUSES, close_cause_info(i)->name);
	ADD_NAMES(out, "causeMeanings", CLOSE_CAUSES, close_cause_info(i)->meaning);
	ADD_NAMES(out, "states", TCP_STATES, tcp_state_name(i));
	ADD_NAMES(out, "incomplete", incomplete_count(), incomplete_name(i));
	ADD_NAMES(out, "waitEnds", TIME_WAIT_ENDS, time_wait_end_name(i));
	ADD_NAMES(out, "roles", ROLE_SERVER + 1, role_name(i));
	ADD_NAMES(out, "owners", OWNER_HOLDER + 1, owner_how_name(i));
	ADD_NAMES(out, "closeCalls", CLOSE_UNKNOWN + 1, close_how_name(i));
	ADD_NAMES(out, "hooks", HOOK_CAPTURE + 1, segment_hook_name(i));
	ADD_NAMES(out, "records", RECORD_KINDS, record_kind_name(i));
	buffer_add_literal(out, "}\n");
}

static void page_begin(struct output *output)
{
	struct buffer *out = &output->out;
	struct page *page = calloc(1, sizeof(*page));

	if (!page || page_words_init(&page->words)) {
		free(page);
		out->failed = true;
		return;
	}
	output->page = page;
	ADD_PART(out, head);
	add_names(output);
}

static void add_teardown(struct output *output, const struct teardown_report *report)
{
	if (output->page)
		page_teardown(output, report);
}

static void add_time_wait(struct output *output, const struct time_wait_report *report)
{
	if (output->page)
		page_time_wait(output, report);
}

static void add_close_wait(struct output *output, const struct close_wait_report *report)
{
	if (output->page)
		page_close_wait(output, report);
}

static void ignore_time_wait_summary(struct output *output, const struct time_wait_view *view)
{
	(void)output;
	(void)view;
}

static void ignore_close_wait_view(struct output *output, const struct close_wait_view *view)
{
	(void)output;
	(void)view;
}

static void page_end(struct output *output, const struct core_stats *stats, uint64_t duration)
{
	struct buffer *out = &output->out;
	struct page *page = output->page;

	if (!page)
		return;
	page_line_begin(output, 'e');
	page_add(page, stats->teardowns);
	page_add(page, stats->unfinished);
	page_add(page, stats->records);
	page_add(page, stats->evicted);
	page_add(page, stats->bad_records);
	page_add(page, stats->unclaimed);
	page_add(page, duration);
	page_add(page, page->teardowns_left_out);
	page_add(page, page->ladders_left_out);
	page_add(page, page->waits_left_out);
	for (unsigned int kind = 0; kind < RECORD_KINDS; kind++)
		page_add(page, stats->lost[kind]);
	page_line_end(output);
	pack(output, 0);
	ADD_PART(out, tail);
	page_words_done(&page->words);
	buffer_done(&page->rows);
	buffer_done(&page->details);
	buffer_done(&page->line);
	buffer_done(&page->text);
	free(page);
	output->page = NULL;
}

const struct output_format output_page = {
	.name = "page",
	.begin = page_begin,
	.teardown = add_teardown,
	.time_wait = add_time_wait,
	.time_wait_summary = ignore_time_wait_summary,
	.close_wait = add_close_wait,
	.close_wait_view = ignore_close_wait_view,
	.end = page_end,
};

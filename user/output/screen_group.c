// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/screen_group.h"

#include "output/frames.h"
#include "output/leaks.h"
#include "output/text.h"

#define SECOND 1000000000ull
#define HOUR (3600 * SECOND)
#define COUNT_WIDTH 5
#define INDENT 7                      /* of what is told of a group */
#define LABEL_WIDTH 14                /* before it */
#define COLUMN (INDENT + LABEL_WIDTH) /* where it begins */
#define FRAMES_SHOWN 5
#define FRAMES_SHOWN_SMALL 3
#define HOLDERS_SHOWN 2
#define PATH_WIDTH 48
#define MODULE_LEAST 16

/* Of the day before also the date. */
static void add_since(struct screen *screen, struct buffer *out, uint64_t since, uint64_t age)
{
	int64_t time = output_wall(screen->options, since);

	buffer_add_literal(out, "since ");
	if (age < 12 * HOUR) {
		buffer_add_clock(out, time);
		return;
	}
	buffer_add_timestamp(out, time);
	if (!out->failed)
		out->length -= sizeof(".123456789Z") - 1;
	buffer_add_char(out, 'Z');
}

/* Whether the sockets were connected from here. */
static bool is_outgoing(const struct close_wait_group *group)
{
	const struct close_wait_report *example = group->example;

	if (group->how == OWNER_CONNECT || group->how == OWNER_ACCEPT)
		return group->how == OWNER_CONNECT;
	return group->port && example && group->port == example->flow.remote_port &&
	       group->port != example->flow.local_port;
}

static void add_trend(struct buffer *out, const struct close_wait_group *group)
{
	int64_t growth = group->growth_per_min;

	switch (group->trend) {
	case TREND_GROWING:
		buffer_add_literal(out, "GROWING");
		break;
	case TREND_STEADY:
		buffer_add_literal(out, "steady");
		return;
	case TREND_DRAINING:
		buffer_add_literal(out, "draining");
		break;
	default:
		return;
	}
	if (!growth || (growth < 0) != (group->trend == TREND_DRAINING))
		return;
	buffer_add_char(out, ' ');
	buffer_add_fixed(out, growth < 0 ? 0 - (uint64_t)growth : (uint64_t)growth, 1000, 1);
	buffer_add_literal(out, "/min");
}

static void add_program(struct buffer *out, const struct close_wait_group *group)
{
	bool one = group->count == 1;

	if (!group->accepted)
		buffer_add_string(out, one ? "waits for accept()" : "wait for accept()");
	else if (!group->held)
		buffer_add_string(out, one ? "nobody holds it" : "nobody holds them");
	if (!group->held)
		return;
	if (!group->accepted)
		buffer_add_literal(out, " of ");
	if (!group->comm[0])
		buffer_add_literal(out, "a program not known");
	else if (group->pid)
		text_add_process(out, group->pid, group->comm, sizeof(group->comm));
	else
		buffer_add_escaped(out, group->comm, sizeof(group->comm));
	if (group->processes < 2)
		return;
	if (group->accepted)
		text_add_count(out, ", held by ", group->processes, " processes");
	else
		text_add_count(out, " and ", group->processes - 1, " more");
}

static void add_reading(struct buffer *out, const struct close_wait_group *group)
{
	if (!group->accepted) {
		/* It had no chance to. */
	} else if (group->eof_read == group->count) {
		buffer_add_string(out,
				  group->count == 1 ? "read to the end" : "all read to the end");
	} else if (!group->eof_read) {
		buffer_add_string(out, group->count == 1 ? "not read to the end"
							 : "none read to the end");
	} else {
		text_add_count(out, "", group->eof_read, " of ");
		text_add_count(out, "", group->count, " read to the end");
	}
	if (!group->unread_bytes)
		return;
	if (out->length)
		buffer_add_literal(out, ", ");
	text_add_bytes(out, group->unread_bytes);
	buffer_add_literal(out, " unread");
}

static void put_head(struct screen *screen, const struct close_wait_group *group, bool brief)
{
	const char *color = group->trend == TREND_GROWING ? SCREEN_RED : SCREEN_BOLD;
	struct buffer *cell = &screen->cell;

	buffer_add_unsigned(cell, group->count);
	text_align_right(cell, 0, COUNT_WIDTH);
	buffer_add_literal(cell, "  ");
	add_trend(cell, group);
	screen_put_cell(screen, "", INDENT, color);
	add_program(cell, group);
	screen_put_cell(screen, "   ", INDENT, color);
	if (group->port)
		text_add_count(cell, is_outgoing(group) ? "→ :" : ":", group->port, "");
	screen_put_cell(screen, "   ", INDENT, color);
	leaks_add_age(cell, group->count == 1 ? "for " : "oldest ", group->oldest,
		      group->oldest_at_least);
	screen_put_cell(screen, "   ", INDENT, color);
	if (!brief)
		add_reading(cell, group);
	screen_put_cell(screen, "   ", INDENT, color);
	screen_end_line(screen, color);
}

static void put_label(struct screen *screen, const char *label, const char *more)
{
	size_t start = screen->text.length;

	buffer_add_repeat(&screen->text, ' ', INDENT);
	buffer_add_string(&screen->text, label);
	buffer_add_string(&screen->text, more);
	text_pad(&screen->text, start, COLUMN);
}

/* One frame in what is left of the line, with its module if that is not the one said before. */
static void put_frame(struct screen *screen, const struct stack_frame *frame, const char *before)
{
	size_t room = screen->width > 2 * COLUMN ? screen->width - COLUMN : COLUMN, used;
	static const char inlined[] = " (inlined)";
	struct buffer *out = &screen->text;
	size_t start = out->length;

	frame_add(out, frame, frame->inlined ? room - strlen(inlined) : room);
	if (frame->inlined)
		buffer_add_string(out, inlined);
	used = text_width(out, start) + strlen(" ()");
	if (frame->function && frame->module && (!before || strcmp(before, frame->module) != 0) &&
	    used + MODULE_LEAST < room) {
		buffer_add_literal(out, " (");
		text_add_path(out, frame->module,
			      room - used < PATH_WIDTH ? room - used : PATH_WIDTH);
		buffer_add_char(out, ')');
	}
	screen_end_line(screen, NULL);
}

/* The frames after a label; what is missing in a line of its own. There is one or the other. */
static void put_frames(struct screen *screen, const struct stack *stack, uint32_t limit)
{
	uint32_t first = stack->count ? stack_own(stack) : 0;
	uint32_t left = stack->count - first, shown = left < limit ? left : limit;
	const char *end = stack_end_text(stack->end);
	struct buffer *cell = &screen->cell;

	for (uint32_t i = 0; i < shown; i++) {
		const struct stack_frame *frame = &stack->frames[first + i];

		if (i)
			buffer_add_repeat(&screen->text, ' ', COLUMN);
		put_frame(screen, frame, i ? frame[-1].module : NULL);
	}
	if (left > shown)
		text_add_count(cell, "... ", left - shown, " more");
	if (end && cell->length)
		buffer_add_literal(cell, "; ");
	if (end)
		buffer_add_string(cell, end);
	if (!cell->length)
		return;
	if (shown)
		buffer_add_repeat(&screen->text, ' ', COLUMN);
	text_add_wrapped(&screen->text, cell->data, cell->length, COLUMN, COLUMN, screen->width);
	cell->length = 0;
	screen_end_line(screen, NULL);
}

static void put_code(struct screen *screen, const struct close_wait_view *view,
		     const struct close_wait_group *group, uint32_t limit)
{
	const struct stack *stack = group->stack;

	if (!group->accepted)
		return; /* no code has it yet */
	if (stack && (stack->count || stack_end_text(stack->end))) {
		put_label(screen, created_text(group->how), " in");
		put_frames(screen, stack, limit);
		return;
	}
	buffer_add_repeat(&screen->text, ' ', INDENT);
	buffer_add_string(&screen->text, created_text(group->how));
	if (group->example && group->example->created.time)
		buffer_add_literal(&screen->text,
				   " in code that is not known: its stack was not kept");
	else if (view->origins_lost)
		buffer_add_literal(
			&screen->text,
			" before the tracer started, or when it had no room to keep where");
	else if (group->example && group->example->since)
		buffer_add_literal(&screen->text,
				   " before the tracer started, or through io_uring: in which code "
				   "is not known");
	else
		buffer_add_literal(&screen->text,
				   " before the tracer started: in which code is not known");
	screen_end_line(screen, NULL);
}

/* Which code knew, or could have known, that the peer was done. */
static void put_last_read(struct screen *screen, const struct close_wait_group *group)
{
	const struct stack_frame *created = stack_own_frame(group->stack), *frame;
	const struct close_wait_report *example = group->example;

	if (!example || !example->last_read.time)
		return;
	frame = stack_own_frame(example->last_read.stack);
	if (!frame)
		return;
	put_label(screen, example->last_read_bytes ? "last read in" : "end read in", "");
	put_frame(screen, frame, created ? created->module : NULL);
}

static void put_stopped(struct screen *screen, const struct close_wait_report *example)
{
	for (uint32_t i = 0; example && i < example->holder_count; i++) {
		const struct close_wait_holder *holder = &example->holders[i];

		if (!holder->stopped)
			continue;
		buffer_add_repeat(&screen->text, ' ', INDENT);
		text_add_process(&screen->text, holder->pid, holder->comm, sizeof(holder->comm));
		buffer_add_literal(&screen->text, " is stopped by a signal or a debugger");
		screen_end_line(screen, SCREEN_YELLOW);
		return;
	}
}

static void put_advice(struct screen *screen, const struct close_wait_group *group)
{
	struct buffer advice;

	if (!group->advice)
		return;
	buffer_init(&advice);
	buffer_add_escaped(&advice, group->advice, SIZE_MAX);
	buffer_add_char(&advice, '\0');
	if (advice.failed)
		screen->text.failed = true;
	else
		screen_put_advice(screen, INDENT, advice.data, 1);
	buffer_done(&advice);
}

static void put_piece(struct screen *screen, const char *before, const char *name)
{
	if (!name)
		return;
	buffer_add_string(&screen->cell, before);
	buffer_add_escaped(&screen->cell, name, SIZE_MAX);
	screen_put_cell(screen, "  ", COLUMN, NULL);
}

/* Container, pod, unit; of a process that is in none the cgroup. */
static void put_place(struct screen *screen, const struct close_wait_holder *holder)
{
	if (holder->container) {
		buffer_add_escaped(&screen->cell, holder->engine ? holder->engine : "container",
				   SIZE_MAX);
		put_piece(screen, " ", holder->container);
	}
	put_piece(screen, "pod ", holder->pod);
	put_piece(screen, "", holder->unit);
	if (holder->container || holder->pod || holder->unit || !holder->cgroup ||
	    !strcmp(holder->cgroup, "/"))
		return;
	text_add_path(&screen->cell, holder->cgroup, PATH_WIDTH);
	screen_put_cell(screen, "  ", COLUMN, NULL);
}

static void put_holders(struct screen *screen, const struct close_wait_report *report)
{
	uint32_t shown =
		report->holder_count < HOLDERS_SHOWN ? report->holder_count : HOLDERS_SHOWN;
	uint32_t others = report->holder_count - shown;

	for (uint32_t i = 0; i < shown; i++) {
		if (i)
			buffer_add_repeat(&screen->text, ' ', COLUMN);
		else
			put_label(screen, report->accepted ? "held by" : "listener", "");
		leaks_add_holder(&screen->cell, &report->holders[i]);
		screen_put_cell(screen, "", COLUMN, NULL);
		put_place(screen, &report->holders[i]);
		if (i + 1 == shown && others)
			text_add_count(&screen->cell, "and ", others, " more");
		screen_put_cell(screen, "  ", COLUMN, NULL);
		screen_end_line(screen, NULL);
	}
}

/* One socket, to be looked for with other tools. */
static void put_example(struct screen *screen, const struct close_wait_group *group)
{
	const struct close_wait_report *example = group->example;
	struct buffer *cell = &screen->cell;

	if (!example)
		return;
	put_label(screen, group->count == 1 ? "socket" : "e.g.", "");
	text_add_endpoint(cell, example->flow.local, example->flow.local_port);
	buffer_add_string(cell, is_outgoing(group) ? " → " : " ← ");
	text_add_endpoint(cell, example->flow.remote, example->flow.remote_port);
	screen_put_cell(screen, "", COLUMN, NULL);
	if (example->since)
		add_since(screen, cell, example->since, example->age);
	screen_put_cell(screen, "  ", COLUMN, NULL);
	screen_end_line(screen, NULL);
	put_holders(screen, example);
}

static void put_peers(struct screen *screen, const struct close_wait_group *group)
{
	uint32_t count =
		group->peer_count < CLOSE_WAIT_PEERS ? group->peer_count : CLOSE_WAIT_PEERS;
	uint32_t others = group->all_peers > count ? group->all_peers - count : 0;
	struct buffer *cell = &screen->cell;

	if (group->count < 2 || !count)
		return;
	put_label(screen, is_outgoing(group) ? "to" : "from", "");
	for (uint32_t i = 0; i < count; i++) {
		buffer_add_address(cell, group->peers[i].address);
		text_add_count(cell, " (", group->peers[i].count,
			       i + 1 < count || others ? ")," : ")");
		screen_put_cell(screen, " ", COLUMN, NULL);
	}
	if (others)
		text_add_count(cell, "", others, others == 1 ? " other" : " others");
	screen_put_cell(screen, " ", COLUMN, NULL);
	screen_end_line(screen, NULL);
}

static void put_kill(struct screen *screen, const char *command)
{
	if (!command)
		return;
	buffer_add_repeat(&screen->text, ' ', INDENT);
	buffer_add_literal(&screen->text, "to end them (nothing was done):");
	buffer_add_escaped(&screen->cell, command, SIZE_MAX);
	screen_put_cell(screen, " ", INDENT, NULL);
	screen_end_line(screen, NULL);
}

void screen_group_put(struct screen *screen, const struct close_wait_view *view,
		      const struct close_wait_group *group)
{
	put_head(screen, group, false);
	put_stopped(screen, group->example);
	put_code(screen, view, group, screen_is_small(screen) ? FRAMES_SHOWN_SMALL : FRAMES_SHOWN);
	put_last_read(screen, group);
	put_advice(screen, group);
	put_example(screen, group);
	put_peers(screen, group);
	put_kill(screen, group->kill);
	screen_end_line(screen, NULL);
}

void screen_group_put_brief(struct screen *screen, const struct close_wait_group *group)
{
	const struct stack_frame *frame = stack_own_frame(group->stack);

	put_head(screen, group, true);
	put_stopped(screen, group->example);
	if (!frame || !group->accepted)
		return;
	put_label(screen, created_text(group->how), " in");
	put_frame(screen, frame, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/frames.h"

#include <string.h>

#include "output/text.h"

#define FILE_WIDTH 24
#define MODULE_WIDTH 40
#define FUNCTION_LEAST 16

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_known(const char *name)
{
	return name && name[0];
}

const char *stack_end_name(enum stack_end end)
{
	static const char *const names[STACK_ENDS] = {
		[STACK_WHOLE] = "whole",
		[STACK_NO_FRAME_POINTERS] = "no-frame-pointers",
		[STACK_DEEP] = "deep",
		[STACK_PROCESS_GONE] = "process-gone",
		[STACK_UNREADABLE] = "unreadable",
		[STACK_PENDING] = "pending",
	};

	return end < STACK_ENDS ? names[end] : "unknown";
}

const char *stack_end_text(enum stack_end end)
{
	static const char *const texts[STACK_ENDS] = {
		[STACK_NO_FRAME_POINTERS] = "the callers further out are not known: it was "
					    "compiled without frame pointers",
		[STACK_DEEP] = "the callers further out were not kept: there are too many",
		[STACK_PROCESS_GONE] = "no names: the process was gone before it was looked at",
		[STACK_UNREADABLE] = "no names: the files of the program could not be read",
		[STACK_PENDING] = "being looked at: names will follow",
	};

	return end < STACK_ENDS ? texts[end] : NULL;
}

/* What stands for a function that is not known. */
static void add_place(struct buffer *out, const struct stack_frame *frame, bool whole)
{
	if (is_known(frame->module)) {
		if (whole)
			text_add_path(out, frame->module, MODULE_WIDTH);
		else
			buffer_add_escaped(out, base_name(frame->module), SIZE_MAX);
		buffer_add_char(out, '+');
	}
	buffer_add_literal(out, "0x");
	buffer_add_hex(out, is_known(frame->module) ? frame->offset : frame->address, 1);
}

static void add_line(struct buffer *out, const struct stack_frame *frame)
{
	if (!frame->line)
		return;
	buffer_add_char(out, ':');
	buffer_add_unsigned(out, frame->line);
}

/* Go writes the path of the package before the name: that is the first to go. */
static void add_function(struct buffer *out, const char *function, size_t columns)
{
	size_t start = out->length;
	const char *slash;

	buffer_add_escaped(out, function, SIZE_MAX);
	if (text_width(out, start) <= columns)
		return;
	out->length = start;
	slash = memrchr(function, '/', strcspn(function, "([<"));
	if (slash)
		buffer_add_literal(out, "…");
	buffer_add_escaped(out, slash ? slash : function, SIZE_MAX);
	if (text_width(out, start) <= columns)
		return;
	out->length = text_cut(out, start, columns - 1);
	buffer_add_literal(out, "…");
}

static void add_file(struct buffer *out, const struct stack_frame *frame)
{
	if (!is_known(frame->file))
		return;
	buffer_add_char(out, ' ');
	text_add_path(out, frame->file, FILE_WIDTH);
	add_line(out, frame);
}

void frame_add(struct buffer *out, const struct stack_frame *frame, size_t columns)
{
	size_t start = out->length, file;

	if (!is_known(frame->function)) {
		add_place(out, frame, true);
		add_file(out, frame);
		return;
	}
	/* The file says how much is left to the function. */
	add_file(out, frame);
	file = text_width(out, start);
	out->length = start;
	add_function(out, frame->function,
		     columns > file + FUNCTION_LEAST ? columns - file : FUNCTION_LEAST);
	add_file(out, frame);
}

void frame_add_word(struct buffer *out, const struct stack_frame *frame)
{
	if (is_known(frame->function))
		buffer_add_escaped(out, frame->function, SIZE_MAX);
	else
		add_place(out, frame, false);
	if (is_known(frame->file)) {
		buffer_add_char(out, '@');
		buffer_add_escaped(out, base_name(frame->file), SIZE_MAX);
		add_line(out, frame);
	}
}

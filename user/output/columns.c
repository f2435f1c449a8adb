// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/columns.h"

#include "output/text.h"

void column_add(struct buffer *out, const char *text, size_t width)
{
	size_t start = out->length;

	buffer_add_string(out, text);
	text_pad(out, start, width + 1);
}

void column_add_number(struct buffer *out, bool known, uint64_t number, size_t width)
{
	size_t start = out->length;

	if (known)
		buffer_add_unsigned(out, number);
	else
		buffer_add_char(out, '-');
	text_align_right(out, start, width);
	buffer_add_char(out, ' ');
}

void column_add_time(struct buffer *out, bool known, bool at_least, uint64_t ns, uint64_t unit,
		     size_t width)
{
	size_t start = out->length;

	if (known && at_least)
		buffer_add_char(out, '~');
	if (known)
		buffer_add_fixed(out, ns, unit, 3);
	else
		buffer_add_char(out, '-');
	text_align_right(out, start, width);
	buffer_add_char(out, ' ');
}

void column_add_process(struct buffer *out, uint32_t pid, const char *comm)
{
	size_t start = out->length;

	if (!pid) {
		column_add(out, "-", PID_WIDTH);
		column_add(out, "-", COMM_WIDTH);
		return;
	}
	buffer_add_unsigned(out, pid);
	text_pad(out, start, PID_WIDTH + 1);
	start = out->length;
	buffer_add_escaped(out, comm, RECORD_COMM_LENGTH);
	text_pad(out, start, COMM_WIDTH + 1);
}

void column_add_endpoint(struct output *output, const uint8_t address[16], unsigned int port)
{
	struct buffer *out = &output->out;
	size_t start = out->length;

	buffer_add_address(out, address);
	if (text_width(out, start) > output->address_width)
		output->address_width = (uint32_t)text_width(out, start);
	text_pad(out, start, output->address_width + 1);
	start = out->length;
	buffer_add_unsigned(out, port);
	text_pad(out, start, PORT_WIDTH + 1);
}

void column_add_word(struct buffer *out, size_t start, const char *word)
{
	if (!word)
		return;
	if (out->length > start)
		buffer_add_char(out, ',');
	buffer_add_escaped(out, word, SIZE_MAX);
}

void column_end_words(struct buffer *out, size_t start)
{
	if (out->length == start)
		buffer_add_char(out, '-');
	buffer_add_char(out, '\n');
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/text.h"

#include "base/utf8.h"

#define NS_PER_SECOND 1000000000ull
#define TEXT_PATH_LIMIT 4096

size_t text_width(const struct buffer *buffer, size_t start)
{
	return start < buffer->length ? utf8_width(buffer->data + start, buffer->length - start)
				      : 0;
}

void text_pad(struct buffer *buffer, size_t start, size_t width)
{
	size_t taken = text_width(buffer, start);

	buffer_add_repeat(buffer, ' ', taken < width ? width - taken : 1);
}

void text_align_right(struct buffer *buffer, size_t start, size_t width)
{
	size_t taken = text_width(buffer, start);
	size_t length = buffer->length - start;
	size_t spaces = taken < width ? width - taken : 0;
	char *text;

	buffer_add_repeat(buffer, ' ', spaces);
	if (!spaces || buffer->failed)
		return;
	text = buffer->data + start;
	memmove(text + spaces, text, length);
	memset(text, ' ', spaces);
}

size_t text_cut(const struct buffer *buffer, size_t start, size_t width)
{
	while (start < buffer->length) {
		uint32_t character;
		size_t length =
			utf8_decode(buffer->data + start, buffer->length - start, &character);
		size_t columns;

		if (!length)
			length = 1;
		columns = utf8_width(buffer->data + start, length);
		if (columns > width)
			break;
		width -= columns;
		start += length;
	}
	return start;
}

void text_add_wrapped(struct buffer *buffer, const char *text, size_t length, size_t column,
		      size_t indent, size_t width)
{
	bool line_empty = true;

	for (size_t at = 0; at < length;) {
		const char *space = memchr(text + at, ' ', length - at);
		size_t size = space ? (size_t)(space - (text + at)) : length - at;
		size_t columns = utf8_width(text + at, size);

		if (!line_empty && column + 1 + columns > width) {
			buffer_add_char(buffer, '\n');
			buffer_add_repeat(buffer, ' ', indent);
			column = indent;
			line_empty = true;
		}
		if (!line_empty) {
			buffer_add_char(buffer, ' ');
			column++;
		}
		buffer_add(buffer, text + at, size);
		column += columns;
		line_empty = false;
		at += size + 1;
	}
}

void text_add_count(struct buffer *buffer, const char *before, uint64_t count, const char *after)
{
	buffer_add_string(buffer, before);
	buffer_add_unsigned(buffer, count);
	buffer_add_string(buffer, after);
}

void text_add_path(struct buffer *buffer, const char *path, size_t limit)
{
	size_t length = strnlen(path, TEXT_PATH_LIMIT);

	if (length > limit) {
		const char *tail = strchr(path + length - limit, '/');

		if (!tail)
			tail = strrchr(path, '/');
		if (tail && tail != path) {
			buffer_add_literal(buffer, "…");
			path = tail;
		}
	}
	buffer_add_escaped(buffer, path, TEXT_PATH_LIMIT);
}

/* Three digits that count: 3.87, 38.7, 387. */
static void add_amount(struct buffer *buffer, uint64_t number, uint64_t unit)
{
	unsigned int places = number / unit >= 100 ? 0 : number / unit >= 10 ? 1 : 2;

	buffer_add_fixed(buffer, number, unit, places);
}

void text_add_bytes(struct buffer *buffer, uint64_t bytes)
{
	static const char prefixes[] = "kMGTPE";
	uint64_t unit = 1000;
	unsigned int i = 0;

	if (bytes < 1000) {
		buffer_add_unsigned(buffer, bytes);
		buffer_add_literal(buffer, " B");
		return;
	}
	/* 999.95 would be rounded to 1000.0 of the smaller unit */
	for (; prefixes[i + 1] && bytes / unit * 20 + bytes % unit * 20 / unit >= 19999; i++)
		unit *= 1000;
	buffer_add_fixed(buffer, bytes / (unit / 1000), 1000, 1);
	buffer_add_char(buffer, ' ');
	buffer_add_char(buffer, prefixes[i]);
	buffer_add_char(buffer, 'B');
}

static void add_pair(struct buffer *buffer, uint64_t large, const char *large_unit, uint64_t small,
		     const char *small_unit)
{
	buffer_add_unsigned(buffer, large);
	buffer_add_string(buffer, large_unit);
	if (small < 10)
		buffer_add_char(buffer, '0');
	buffer_add_unsigned(buffer, small);
	buffer_add_string(buffer, small_unit);
}

void text_add_duration(struct buffer *buffer, uint64_t ns)
{
	uint64_t seconds = ns / NS_PER_SECOND;

	if (seconds >= 86400) {
		add_pair(buffer, seconds / 86400, " d ", seconds / 3600 % 24, " h");
	} else if (seconds >= 3600) {
		add_pair(buffer, seconds / 3600, " h ", seconds / 60 % 60, " min");
	} else if (seconds >= 60) {
		add_pair(buffer, seconds / 60, " min ", seconds % 60, " s");
	} else if (seconds) {
		add_amount(buffer, ns, NS_PER_SECOND);
		buffer_add_literal(buffer, " s");
	} else if (ns >= 1000000) {
		add_amount(buffer, ns, 1000000);
		buffer_add_literal(buffer, " ms");
	} else {
		add_amount(buffer, ns, 1000);
		buffer_add_literal(buffer, " µs");
	}
}

void text_add_endpoint(struct buffer *buffer, const uint8_t address[16], unsigned int port)
{
	bool ipv6 = !address_is_ipv4(address);

	if (ipv6)
		buffer_add_char(buffer, '[');
	buffer_add_address(buffer, address);
	if (ipv6)
		buffer_add_char(buffer, ']');
	buffer_add_char(buffer, ':');
	buffer_add_unsigned(buffer, port);
}

void text_add_process(struct buffer *buffer, uint32_t pid, const char *comm, size_t limit)
{
	buffer_add_escaped(buffer, comm, limit);
	buffer_add_char(buffer, '[');
	buffer_add_unsigned(buffer, pid);
	buffer_add_char(buffer, ']');
}

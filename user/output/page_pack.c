// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/page_pack.h"

#include <zlib.h>

#define LEVEL 6

/* RFC 4648, 4. */
static void add_base64(struct buffer *out, const unsigned char *bytes, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *to = buffer_reserve(out, (length + 2) / 3 * 4);

	if (!to)
		return;
	out->length += (length + 2) / 3 * 4;
	for (size_t at = 0; at < length; at += 3) {
		size_t left = length - at;
		uint32_t bits = (uint32_t)bytes[at] << 16;

		bits |= left > 1 ? (uint32_t)bytes[at + 1] << 8 : 0;
		bits |= left > 2 ? bytes[at + 2] : 0;
		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[bits & 63] : '=';
	}
}

static void open_element(struct buffer *out, const char *class)
{
	buffer_add_literal(out, "<script type=\"text/plain\" class=\"");
	buffer_add_string(out, class);
	buffer_add_literal(out, "\">");
}

void page_plain(struct buffer *out, const char *class, struct buffer *text)
{
	out->failed |= text->failed;
	if (!text->length)
		return;
	open_element(out, class);
	buffer_add(out, text->data, text->length);
	buffer_add_literal(out, "</script>\n");
	buffer_clear(text);
}

void page_pack(struct buffer *out, const char *class, struct buffer *text)
{
	uLongf size = compressBound(text->length);
	struct buffer packed;
	char *bytes;

	out->failed |= text->failed;
	if (!text->length)
		return;
	buffer_init(&packed);
	bytes = buffer_reserve(&packed, size);
	if (!bytes || compress2((Bytef *)bytes, &size, (const Bytef *)text->data, text->length,
				LEVEL) != Z_OK) {
		out->failed = true;
	} else {
		open_element(out, class);
		add_base64(out, (const unsigned char *)bytes, size);
		buffer_add_literal(out, "</script>\n");
	}
	buffer_done(&packed);
	buffer_clear(text);
}

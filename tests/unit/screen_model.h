/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a terminal is given: whole lines without a control byte, and a screen that is drawn over the
 * one before. To be included after cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_SCREEN_MODEL_H
#define TCPCLOSE_TESTS_SCREEN_MODEL_H

#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

static inline void check_lines(const struct buffer *out, size_t width)
{
	for (size_t start = 0; start < out->length;) {
		size_t length = strcspn(out->data + start, "\n");

		assert_true(start + length < out->length);
		for (size_t i = 0; i < length; i++) {
			uint32_t character = 0;
			size_t size = utf8_decode(out->data + start + i, length - i, &character);

			assert_true(size > 0);
			assert_false(utf8_is_hidden(character));
			i += size - 1;
		}
		if (utf8_width(out->data + start, length) > width)
			fail_msg("too wide: %.*s", (int)length, out->data + start);
		start += length + 1;
	}
}

/* What a terminal of that size shows after all: a model of the few sequences that are used. */
static inline void check_screen(const struct buffer *out, unsigned int rows, unsigned int columns)
{
	const char *text = out->data, *end_of_text = text + out->length;
	unsigned int row = 0, erased = 0;

	assert_memory_equal(text, "\033[H", 3);
	for (text += 3; text < end_of_text;) {
		size_t length = strcspn(text, "\n\033");

		assert_true(utf8_width(text, length) <= columns);
		text += length;
		if (*text == '\033' && !strncmp(text, "\033[K\n", 4)) {
			row++;
			text += 4;
		} else if (*text == '\033' && !strncmp(text, "\033[J", 3)) {
			erased++;
			text += 3;
		} else {
			/* A colour, and the end of it */
			assert_int_equal(*text, '\033');
			text = strchr(text, 'm') + 1;
		}
	}
	assert_int_equal(erased, 1);
	/* The cursor stands in the line after: the first one has not scrolled away. */
	assert_true(row < rows);
}

#endif

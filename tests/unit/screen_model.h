/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A terminal on which a screen is drawn over the one before. To be included after cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_SCREEN_MODEL_H
#define TCPCLOSE_TESTS_SCREEN_MODEL_H

#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

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

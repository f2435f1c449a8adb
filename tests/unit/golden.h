/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Output against its file in tests/unit/golden, byte by byte; GOLDEN=write writes the files. To be
 * included after cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_GOLDEN_H
#define TCPCLOSE_TESTS_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

static inline FILE *golden_open(const char *story, const char *format, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "tests/unit/golden/%s.%s", story, format);
	return fopen(path, mode);
}

static inline void golden_compare(const char *story, const char *format, const struct buffer *out)
{
	const char *golden = getenv("GOLDEN");
	static char expected[65536];
	size_t length;
	FILE *file;

	if (golden && !strcmp(golden, "write")) {
		file = golden_open(story, format, "w");
		assert_non_null(file);
		fwrite(out->data, 1, out->length, file);
		fclose(file);
		return;
	}
	file = golden_open(story, format, "r");
	if (!file)
		fail_msg("no golden file for %s.%s", story, format);
	length = fread(expected, 1, sizeof(expected) - 1, file);
	fclose(file);
	expected[length] = '\0';
	assert_string_equal(out->data, expected);
	assert_int_equal(out->length, length);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One entry in systemd's Journal Export Format: fields NAME=value, a line each, or NAME, the length
 * as 64 bits and the bytes, where a value is no clean text. It must not know what fields mean.
 */
#ifndef TCPCLOSE_CAPTURE_JOURNAL_H
#define TCPCLOSE_CAPTURE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

/* What stands behind a name: that a value is text or not, the value, the end. */
void journal_add_value(struct buffer *out, const void *value, size_t length);

static inline void journal_add(struct buffer *out, const char *name, const void *value,
			       size_t length)
{
	buffer_add(out, name, strlen(name));
	journal_add_value(out, value, length);
}

void journal_add_string(struct buffer *out, const char *name, const char *value);

static inline void journal_add_unsigned(struct buffer *out, const char *name, uint64_t number)
{
	buffer_add(out, name, strlen(name));
	buffer_add_labelled(out, "=", 1, number);
	buffer_add_char(out, '\n');
}

void journal_add_signed(struct buffer *out, const char *name, int64_t number);

/* What is left of an entry; set both before the first journal_next(). */
struct journal {
	const char *at;
	size_t length;
};

struct journal_field {
	const char *name; /* neither is terminated */
	size_t name_length;
	const char *value;
	size_t value_length;
};

enum journal_answer {
	JOURNAL_FIELD,
	JOURNAL_END,
	JOURNAL_BROKEN, /* what is left is no field */
};

enum journal_answer journal_next(struct journal *journal, struct journal_field *field);

static inline bool journal_is(const struct journal_field *field, const char *name)
{
	return strlen(name) == field->name_length &&
	       memcmp(name, field->name, field->name_length) == 0;
}

/* False if the value is not decimal digits or does not fit. */
bool journal_unsigned(const struct journal_field *field, uint64_t *number);
bool journal_signed(const struct journal_field *field, int64_t *number);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Members of a struct as fields of the Journal Export Format and back, by a table: "NAME=value", a
 * line each. What is 0 is left out. Or numbers and addresses as a row: the values alone, in the
 * order of the table, a space between two. It must not know what the structs are.
 */
#ifndef TCPCLOSE_CAPTURE_FIELD_TABLE_H
#define TCPCLOSE_CAPTURE_FIELD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "capture/journal.h"

enum field_type {
	FIELD_NUMBER,  /* unsigned of 1, 2, 4 or 8 bytes; decimal */
	FIELD_BOOL,    /* 1 */
	FIELD_ADDRESS, /* 16 bytes, as flows have them */
	FIELD_NAME,    /* char[]: what has not its size is terminated */
	FIELD_TEXT,    /* const char *; NULL: there is none */
};

#define FIELD_NAME_ROOM 40

struct field {
	char name[FIELD_NAME_ROOM]; /* and its "=": copied as a whole, whatever its length */
	uint8_t name_length;        /* without that; 0: the table ends */
	uint8_t size;
	uint16_t offset;
	uint8_t type; /* enum field_type */
};

#define FIELD(object, member, label, type)                                                         \
	{                                                                                          \
		label "=", sizeof(label) - 1, sizeof(((struct object *)0)->member),                \
			offsetof(struct object, member), type                                      \
	}

#define FIELD_END                                                                                  \
	{                                                                                          \
		.name_length = 0                                                                   \
	}

/* Where texts that were read go, each terminated: a text and its end take less than its field. */
struct field_texts {
	char *bytes;
	size_t length;
};

void field_table_add(struct buffer *out, const struct field *table, const void *object);
/* The same in two parts: what a row has, with a space behind each value, and all else. */
void field_table_add_row(struct buffer *out, const struct field *table, const void *object);
void field_table_add_rest(struct buffer *out, const struct field *table, const void *object);
/* The field of that name, or NULL. */
const struct field *field_table_find(const struct field *table, const struct journal_field *given);
/* False: the value is none of its type. texts: NULL where the table has no FIELD_TEXT. */
bool field_table_take(const struct field *field, void *object, const struct journal_field *given,
		      struct field_texts *texts);
/* Takes as many values from the front of `row` as the table has room for; what a row that ends
 * early does not say stays as it is. False: one is none of its type. */
bool field_table_take_row(const struct field *table, void *object, struct journal_field *row);

#endif

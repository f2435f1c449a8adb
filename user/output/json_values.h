/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Members of JSON objects as all files of that format write them. Knows no report.
 */
#ifndef TCPCLOSE_OUTPUT_JSON_VALUES_H
#define TCPCLOSE_OUTPUT_JSON_VALUES_H

#include "base/buffer.h"

/* ,"name":number - the name with its comma and quotes is one constant. */
#define ADD_UNSIGNED(out, name, number)                                                            \
	(buffer_add_literal(out, ",\"" name "\":"), buffer_add_unsigned(out, number))
#define ADD_BOOL(out, name, value)                                                                 \
	((value) ? buffer_add_literal(out, ",\"" name "\":true")                                   \
		 : buffer_add_literal(out, ",\"" name "\":false"))

/* A name of ours, which needs no escaping. */
static inline void add_name(struct buffer *out, const char *name)
{
	buffer_add_char(out, '"');
	buffer_add_string(out, name);
	buffer_add_char(out, '"');
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is written about the program by the program: help, manual page, completion, all from the
 * option table and the classifier's tables.
 */
#ifndef TCPCLOSE_USAGE_H
#define TCPCLOSE_USAGE_H

#include "base/buffer.h"

void usage_help(struct buffer *out);

/* The manual page's template with its marks replaced: @VERSION@ anywhere, and @OPTIONS@, @KINDS@
 * and @CAUSES@ on lines of their own. */
void usage_manual(struct buffer *out, const char *template, size_t length, const char *version);

/* A script for bash. */
void usage_completion(struct buffer *out);

#endif

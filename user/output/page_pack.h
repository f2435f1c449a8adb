/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Text in a <script> that no browser runs: as it is, for what is read at once, or deflated (zlib,
 * RFC 1950) and in base64, for what is not. Unpacking takes a browser twice as long as finding the
 * end of plain text does, but the file is a third as large. It knows nothing of what the text says.
 */
#ifndef TCPCLOSE_OUTPUT_PAGE_PACK_H
#define TCPCLOSE_OUTPUT_PAGE_PACK_H

#include "base/buffer.h"

/* Each writes the text as one element of that class, and clears it. Nothing for an empty one. */
void page_plain(struct buffer *out, const char *class, struct buffer *text);
void page_pack(struct buffer *out, const char *class, struct buffer *text);

#endif

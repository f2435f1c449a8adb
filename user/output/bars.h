/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How long TIME_WAITs lasted, drawn as bars. Knows widths of text, and nothing of terminals.
 */
#ifndef TCPCLOSE_OUTPUT_BARS_H
#define TCPCLOSE_OUTPUT_BARS_H

#include "base/buffer.h"
#include "core/time_wait_summary.h"

/* Both histograms, side by side where the width allows it, as lines. */
void bars_add(struct buffer *out, const struct time_wait_view *view, size_t width);

#endif

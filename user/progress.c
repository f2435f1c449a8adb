// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "host/clock.h"
#include "host/sink.h"
#include "output/text.h"

#define INTERVAL 250000000ull

void progress_init(struct progress *progress, bool to_file)
{
	*progress = (struct progress){
		.enabled = isatty(STDERR_FILENO) && (to_file || !sink_is_terminal()),
		.started = clock_boot(),
	};
	progress->next = progress->started + INTERVAL;
}

static void add_line(struct buffer *out, struct reading_progress at, uint64_t elapsed,
		     uint64_t teardowns)
{
	buffer_add_literal(out, "\r\033[K");
	text_add_bytes(out, at.bytes);
	if (at.size) {
		buffer_add_literal(out, " of ");
		text_add_bytes(out, at.size);
		text_add_count(out, " (", at.bytes * 100 / at.size, " %)");
	}
	buffer_add_literal(out, ", ");
	text_add_bytes(out, (uint64_t)((double)at.bytes * 1e9 / (double)elapsed));
	text_add_count(out, "/s, ", teardowns, " teardowns");
}

void progress_show(struct progress *progress, const struct reading *reading, uint64_t teardowns)
{
	struct buffer out;
	uint64_t now;

	if (!progress->enabled || (now = clock_boot()) < progress->next)
		return;
	progress->next = now + INTERVAL;
	buffer_init(&out);
	add_line(&out, reading_progress(reading), now - progress->started, teardowns);
	progress->shown = true;
	fwrite(out.data, 1, out.length, stderr);
	buffer_done(&out);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}

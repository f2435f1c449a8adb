/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How far a file has been read, on a terminal that shows nothing else. It knows no format.
 */
#ifndef TCPCLOSE_PROGRESS_H
#define TCPCLOSE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "reading.h"

struct progress {
	bool enabled;
	bool shown;
	uint64_t started;
	uint64_t next;
};

/* Only on a terminal, and not where output goes to the same one; to_file: it goes elsewhere. */
void progress_init(struct progress *progress, bool to_file);
void progress_show(struct progress *progress, const struct reading *reading, uint64_t teardowns);
/* Before anything else is written. */
void progress_clear(struct progress *progress);

#endif

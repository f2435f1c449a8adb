/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One format, one file, one vtable. A format turns reports into bytes in a buffer; the session
 * writes the buffer out. It must not know where records come from or where bytes go.
 */
#ifndef TCPCLOSE_OUTPUT_H
#define TCPCLOSE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "core/clock_offset.h"
#include "core/close_wait.h"
#include "core/report.h"
#include "core/time_wait_summary.h"

/* What a format must ask of the rest of the world; every answer may be NULL: not known. */
struct output_lookup {
	void *context;
	const char *(*interface_name)(void *context, uint32_t netns, uint32_t interface);
	const char *(*cgroup_path)(void *context, uint64_t cgroup);
	const char *(*reset_reason)(void *context, uint32_t reason); /* the kernel's own name */
};

#define OUTPUT_SOURCES 2

/* Two recordings that are read together. */
struct output_join {
	const char *names[OUTPUT_SOURCES]; /* of the files, from outside */
	struct clock_estimate clock;       /* times are those of the first */
	struct output_lookup lookup;       /* for what is of the second */
};

struct output_options {
	int64_t wall_offset; /* realtime = boot clock + this, ns */
	const char *subject; /* page: what it is about, a file's name; NULL: not known */
	bool raw_seq;        /* absolute sequence numbers in text */
	bool color;
	/* The terminal on which a summary is drawn over the one before; rows 0: it is none, or
	 * what was written is to stay. */
	unsigned int rows;
	unsigned int columns;
	struct output_lookup lookup;
	const struct output_join *join; /* NULL: there is one source of records */
};

/* Since 1970, of a time of the boot clock. That a file tells may be any number. */
static inline int64_t output_wall(const struct output_options *options, uint64_t time)
{
	return (int64_t)(time + (uint64_t)options->wall_offset);
}

struct output {
	const struct output_format *format;
	struct output_options options;
	struct buffer out; /* the session drains it */
	/* What a format remembers of the lines before; all 0 at first. */
	uint64_t shown[3];      /* text: connection and rows of the last ladder of two sockets */
	uint32_t address_width; /* table: of the widest address so far */
	bool after_line;        /* text: what was written last is one line, not a ladder */
	uint64_t still_waiting; /* text: TIME_WAITs that had not ended */
	uint64_t longest_wait;  /* ... and what is left of the last of them, ns */
	bool summarized;        /* timewait: a summary was written before */
	struct page *page;      /* page: made by begin, freed by end */
};

struct output_format {
	const char *name; /* as given to -o */
	void (*begin)(struct output *output);
	void (*teardown)(struct output *output, const struct teardown_report *report);
	void (*time_wait)(struct output *output, const struct time_wait_report *report);
	void (*time_wait_summary)(struct output *output, const struct time_wait_view *view);
	/* One suspect in live timelines. */
	void (*close_wait)(struct output *output, const struct close_wait_report *report);
	/* All of them, for `leaks`. */
	void (*close_wait_view)(struct output *output, const struct close_wait_view *view);
	void (*end)(struct output *output, const struct core_stats *stats, uint64_t duration);
};

extern const struct output_format output_timeline; /* text */
extern const struct output_format output_table;
extern const struct output_format output_json;
extern const struct output_format output_page; /* HTML, for `report` */

/* The format of a name, or NULL. */
const struct output_format *output_format_find(const char *name);

#endif

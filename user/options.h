/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the user asked for, from the command line. Parsing is a function of argv alone: it prints
 * nothing, opens nothing and does not exit.
 */
#ifndef TCPCLOSE_OPTIONS_H
#define TCPCLOSE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kernel/features.h"
#include "kernel/plan.h"
#include "output/output.h"
#include "settings.h"

#define OPTIONS_INTERFACES 64
#define OPTIONS_READS 2

enum command {
	COMMAND_LIVE = 1 << 0, /* no command word: timelines of closes */
	COMMAND_TIMEWAIT = 1 << 1,
	COMMAND_LEAKS = 1 << 2,
	COMMAND_REPORT = 1 << 3,
};

/* Strings point into argv. */
struct options {
	enum command command;
	const char *interfaces[OPTIONS_INTERFACES];
	unsigned int interface_count; /* 0: every interface */
	enum packet_source packets;
	bool packets_asked;
	const char *cgroup;   /* a path, as given */
	const char *netns;    /* a pid or a name */
	struct filter filter; /* without netns and cgroup: see options_filter() */
	bool ipv4;
	bool ipv6;
	const char *output; /* as given; NULL: not at all */
	const struct output_format *format;
	const char *page; /* report: the file to write */
	bool raw_seq;
	const char *write;                /* the recording; "-" is standard output */
	uint64_t rotate_size;             /* bytes, 0: never */
	uint64_t rotate_interval;         /* ns, 0: never */
	uint64_t rotate_count;            /* files, 0: no limit */
	const char *reads[OPTIONS_READS]; /* what is read instead of the kernel; "-" is standard
					     input */
	unsigned int read_count;
	uint64_t duration;  /* ns, 0: no limit */
	uint64_t count;     /* teardowns, 0: no limit */
	uint64_t interval;  /* timewait, leaks: ns between two views */
	uint64_t threshold; /* ns in CLOSE_WAIT that make a suspect; 0: not asked for */
	bool once;          /* leaks: one view, and the end */
	const char *ready_file;
	uint64_t without; /* bit set of enum feature */
	uint32_t ring_size;
	bool explain;
	bool verbose;
	bool version;
	bool help;
	bool manual;     /* the manual page on stdout, from its template on stdin */
	bool completion; /* bash completion on stdout */
};

/* The feature of a name, FEATURES if there is none: feature_find(). */
typedef enum feature (*options_find_feature)(const char *name);

/* 0; or -EINVAL and one sentence, without a line end, in error. */
int options_parse(struct options *options, int argc, char *const *argv,
		  options_find_feature find_feature, struct buffer *error);

/* The filter for the kernel; the caller looked up netns and cgroup, 0 where none was asked for. */
struct filter options_filter(const struct options *options, uint32_t netns, uint64_t cgroup);

#endif

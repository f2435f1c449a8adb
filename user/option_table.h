/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The one table of options: parser, --help, manual page and completion come from it. It knows
 * names and types, not how a value is written or used.
 */
#ifndef TCPCLOSE_OPTION_TABLE_H
#define TCPCLOSE_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum option_type {
	OPTION_FLAG,       /* bool: no argument */
	OPTION_FILE,       /* the same, a path */
	OPTION_NETNS,      /* const char *: a pid or a name */
	OPTION_INTERFACES, /* interfaces and interface_count */
	OPTION_CHOICE,     /* unsigned int: index into choices */
	OPTION_FORMAT,     /* const char *: one of choices, or with report a path */
	OPTION_READS,      /* reads and read_count */
	OPTION_PID,        /* uint32_t */
	OPTION_COMM,       /* char[RECORD_COMM_LENGTH], cut as the kernel does */
	OPTION_PORTS,      /* uint16_t[FILTER_PORTS], ends with 0 */
	OPTION_NETWORKS,   /* filter.networks and filter.network_count */
	OPTION_SECONDS,    /* uint64_t in ns */
	OPTION_COUNT,      /* uint64_t above 0 */
	OPTION_MEGABYTES,  /* uint64_t in bytes: millions of them, or with k, m, g as tcpdump */
	OPTION_RING_SIZE,  /* uint32_t, a power of two */
	OPTION_FEATURE,    /* uint64_t: adds one bit */
};

struct option_info {
	char letter;          /* 0: none */
	bool hidden;          /* for generators: not in --help */
	bool live;            /* it is about the kernel: not with files that are read */
	const char *name;     /* without the dashes */
	const char *argument; /* NULL: none */
	enum option_type type;
	size_t field;               /* where in struct options */
	unsigned int commands;      /* bit set of enum command that take it; 0: all */
	size_t asked;               /* a bool there that says that it was given; 0: none */
	const char *const *choices; /* ends with NULL */
	const char *help;
};

struct command_info {
	unsigned int command; /* enum command */
	const char *name;     /* the word; NULL: none */
	const char *help;     /* what it shows */
	const char *title;    /* as in "... only" */
};

extern const struct command_info command_table[]; /* ends with a command of 0 */
extern const struct option_info option_table[];   /* ends with a NULL name */

const struct command_info *command_find(const char *name);
const struct command_info *command_info(unsigned int command);
/* "timewait and leaks": what takes an option of these commands. */
void command_add_titles(struct buffer *out, unsigned int commands);
const struct option_info *option_find_letter(char letter);
const struct option_info *option_find_name(const char *name, size_t length);

#endif

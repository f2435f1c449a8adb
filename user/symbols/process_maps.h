/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where in a process code is: the executable mappings of /proc/PID/maps. Knows nothing of what is
 * in the files.
 */
#ifndef TCPCLOSE_SYMBOLS_PROCESS_MAPS_H
#define TCPCLOSE_SYMBOLS_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

struct process_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* in the file */
	dev_t device;    /* 0 and inode 0: no file */
	uint64_t inode;
	bool executable;
	size_t path; /* where it begins: in the line, then for process_maps_path() */
	size_t path_length;
	bool opened;           /* for process_code: the file was looked for, */
	struct elf_file *file; /* and found */
};

struct process_maps {
	struct process_mapping *mappings; /* executable, by address */
	size_t count;
	size_t capacity;
	struct buffer paths;
};

void process_maps_init(struct process_maps *maps);
void process_maps_done(struct process_maps *maps);

/* Reads an open maps file anew. 0, or a negative errno: -ESRCH if it is empty, since the process
 * has ended. */
int process_maps_read(struct process_maps *maps, int file);

/* The mapping of an address, or NULL. */
struct process_mapping *process_maps_find(const struct process_maps *maps, uint64_t address);

/* Its path as maps tells, without " (deleted)"; empty if it has none. */
const char *process_maps_path(const struct process_maps *maps,
			      const struct process_mapping *mapping);

/* Takes a line (without its end) to pieces. Pure. */
bool process_maps_parse(const char *line, size_t length, struct process_mapping *mapping);

#endif

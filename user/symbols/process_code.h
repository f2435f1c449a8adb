/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The code of a process: which file an address of it belongs to, and where in the file. Files that
 * were read are kept for the next process that maps them.
 */
#ifndef TCPCLOSE_SYMBOLS_PROCESS_CODE_H
#define TCPCLOSE_SYMBOLS_PROCESS_CODE_H

#include "symbols/elf_file.h"
#include "symbols/process_maps.h"
#include "symbols/safe_files.h"

struct process_code {
	const struct safe_files *files;
	uint32_t pid;
	int root; /* of the process; below 0: not reached */
	struct process_maps maps;
	bool refused;           /* a file that is mapped could not be opened */
	struct kept_file *kept; /* by what file it is */
	size_t kept_count;
};

struct code_place {
	struct process_mapping *mapping; /* NULL: no code is there */
	struct elf_file *file;           /* NULL: none, or not readable */
	uint64_t address;                /* as the file counts; without one, the offset in it */
};

void process_code_init(struct process_code *code, const struct safe_files *files);
void process_code_done(struct process_code *code);

/* From now on the code of that process. 0, or a negative errno: -ESRCH if it has ended. */
int process_code_enter(struct process_code *code, uint32_t pid);

/* Gives back the root of the process: held, its file systems could not be unmounted. */
void process_code_leave(struct process_code *code);

struct code_place process_code_find(struct process_code *code, uint64_t address);

/* Between two processes: forgets all files if they are too many, or if `all`. */
void process_code_sweep(struct process_code *code, bool all);

#endif

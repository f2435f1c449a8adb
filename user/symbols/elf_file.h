/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One ELF file with its debug information, read by libdw: the same for every process that maps it,
 * so addresses are those that the file itself counts. Knows nothing of processes, but that one
 * gives the root directory in which debug information may be.
 */
#ifndef TCPCLOSE_SYMBOLS_ELF_FILE_H
#define TCPCLOSE_SYMBOLS_ELF_FILE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/elf_symbols.h"
#include "symbols/safe_files.h"

struct elf_segment {
	uint64_t offset; /* in the file */
	uint64_t size;
	uint64_t address;
};

struct elf_file {
	Dwfl *session; /* of this one module */
	Dwfl_Module *module;
	struct elf_segment *segments;
	size_t segment_count;
	struct elf_symbols symbols;
	bool symbols_read;
	Dwarf_CFI *frames[2]; /* .eh_frame, .debug_frame; NULL: has none */
	Dwarf_Addr frames_bias[2];
	struct elf_unit *units; /* see elf_source.c */
	size_t unit_count;
	bool units_read;
	struct elf_answer **answers;
};

/* Takes over the descriptor, in any case. process_root: of the process that maps it, or below 0;
 * path: in it, for debug files beside it. 0 or a negative errno. */
int elf_file_open(struct elf_file *elf, int file, const struct safe_files *files, int process_root,
		  const char *path);
void elf_file_close(struct elf_file *elf);

/* The address of what is at an offset of the file, if it is loaded at all. */
bool elf_file_address(const struct elf_file *elf, uint64_t offset, uint64_t *address);

/* The symbol that covers an address, or NULL. */
const struct elf_symbol *elf_file_symbol(struct elf_file *elf, uint64_t address);

#endif

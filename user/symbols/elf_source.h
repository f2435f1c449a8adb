/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From an address of an ELF file to functions and source lines, by its DWARF. What is inlined
 * there is a place of its own.
 */
#ifndef TCPCLOSE_SYMBOLS_ELF_SOURCE_H
#define TCPCLOSE_SYMBOLS_ELF_SOURCE_H

#include "symbols/elf_file.h"

#define ELF_SOURCE_PLACES 32 /* levels of inlining that are told apart */

struct elf_place {
	const char *function; /* its short name; NULL: not known */
	const char *symbol;   /* as the linker knows it; NULL: by the short name, or not known */
	const char *file;     /* NULL: not known */
	uint32_t line;        /* 0: not known */
};

/* The places of an address, the innermost first: each is inlined into the next. The number of
 * them; 0: nothing is known. */
size_t elf_source_find(struct elf_file *elf, uint64_t address,
		       struct elf_place places[ELF_SOURCE_PLACES]);

void elf_source_done(struct elf_file *elf);

#endif

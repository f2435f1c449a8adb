/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The functions that an ELF file's symbol tables name, by address. An address that no symbol
 * covers has no name: the nearest one before it would be a guess.
 */
#ifndef TCPCLOSE_SYMBOLS_ELF_SYMBOLS_H
#define TCPCLOSE_SYMBOLS_ELF_SYMBOLS_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

struct elf_symbol {
	uint64_t start;
	uint64_t end;
	uint64_t reach;    /* the greatest end up to here */
	const char *name;  /* the module's */
	unsigned int rank; /* of several of the same address the least is taken */
};

struct elf_symbols {
	struct elf_symbol *symbols;
	size_t count;
};

/* Takes those of a module; without memory there are none. */
void elf_symbols_init(struct elf_symbols *symbols, Dwfl_Module *module);
void elf_symbols_done(struct elf_symbols *symbols);

/* The symbol that covers an address, or NULL. */
const struct elf_symbol *elf_symbols_find(const struct elf_symbols *symbols, uint64_t address);

#endif

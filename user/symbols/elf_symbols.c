// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/elf_symbols.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_RANKED 255

/* Aliases: what a program calls ("accept") before what a library calls it ("__libc_accept"). */
static unsigned int rank_of(const GElf_Sym *symbol, const char *name)
{
	unsigned int binding = GELF_ST_BIND(symbol->st_info), rank;
	size_t length = strnlen(name, NAME_RANKED);

	rank = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;
	return (name[0] == '_') << 16 | rank << 8 | (unsigned int)length;
}

static bool is_function(const GElf_Sym *symbol)
{
	unsigned int type = GELF_ST_TYPE(symbol->st_info);

	return symbol->st_size && symbol->st_shndx != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static int by_start(const void *one, const void *other)
{
	const struct elf_symbol *a = one, *b = other;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	/* The search goes backwards: the best comes last. */
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return a->rank > b->rank ? -1 : a->rank < b->rank;
}

void elf_symbols_init(struct elf_symbols *symbols, Dwfl_Module *module)
{
	int all = dwfl_module_getsymtab(module);
	uint64_t reach = 0;

	*symbols = (struct elf_symbols){};
	if (all > 0)
		symbols->symbols = calloc((size_t)all, sizeof(*symbols->symbols));
	if (!symbols->symbols)
		return;
	for (int i = 0; i < all; i++) {
		GElf_Sym symbol;
		GElf_Addr start;
		const char *name =
			dwfl_module_getsym_info(module, i, &symbol, &start, NULL, NULL, NULL);

		if (!name || !name[0] || !is_function(&symbol) || start + symbol.st_size < start)
			continue;
		symbols->symbols[symbols->count++] =
			(struct elf_symbol){.start = start,
					    .end = start + symbol.st_size,
					    .name = name,
					    .rank = rank_of(&symbol, name)};
	}
	qsort(symbols->symbols, symbols->count, sizeof(*symbols->symbols), by_start);
	for (size_t i = 0; i < symbols->count; i++) {
		if (symbols->symbols[i].end > reach)
			reach = symbols->symbols[i].end;
		symbols->symbols[i].reach = reach;
	}
}

void elf_symbols_done(struct elf_symbols *symbols)
{
	free(symbols->symbols);
	*symbols = (struct elf_symbols){};
}

const struct elf_symbol *elf_symbols_find(const struct elf_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* The last that begins before it and reaches it is the innermost. */
	while (low && symbols->symbols[low - 1].reach > address)
		if (symbols->symbols[--low].end > address)
			return &symbols->symbols[low];
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/elf_source.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define UNIT_RANGES 4096   /* of one unit */
#define UNITS (1 << 22)    /* ranges of all units */
#define DEPTH 64           /* of nested scopes */
#define SIBLINGS (1 << 20) /* looked at, in all scopes of an address */
#define ANSWERS 1024       /* kept: the way through the scopes of a large unit takes ms */

/* A range of addresses of a compilation unit. */
struct elf_unit {
	uint64_t start;
	uint64_t end;
	Dwarf_Off die;
};

/* The places of an address that was asked for. */
struct elf_answer {
	uint64_t address;
	size_t count;
	struct elf_place places[];
};

static int by_start(const void *one, const void *other)
{
	const struct elf_unit *a = one, *b = other;

	return a->start < b->start ? -1 : a->start > b->start;
}

static bool units_add(struct elf_file *elf, size_t *capacity, struct elf_unit unit)
{
	if (elf->unit_count == *capacity) {
		size_t grown = *capacity ? *capacity * 2 : 256;
		struct elf_unit *units =
			grown > UNITS ? NULL : realloc(elf->units, grown * sizeof(*units));

		if (!units)
			return false;
		elf->units = units;
		*capacity = grown;
	}
	elf->units[elf->unit_count++] = unit;
	return true;
}

/* clang writes no .debug_aranges: all units are asked for the ranges they have. */
static void read_units(struct elf_file *elf)
{
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(elf->module, &bias);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	size_t capacity = 0;

	elf->units_read = true;
	while (dwarf && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		Dwarf_Addr base, start, end;
		ptrdiff_t next = 0;

		if (dwarf_tag(&die) != DW_TAG_compile_unit)
			continue;
		for (int i = 0; i < UNIT_RANGES; i++) {
			next = dwarf_ranges(&die, next, &base, &start, &end);
			if (next <= 0 || (start < end && !units_add(elf, &capacity,
								    (struct elf_unit){
									    start + bias,
									    end + bias,
									    dwarf_dieoffset(&die),
								    })))
				break;
		}
	}
	if (elf->unit_count)
		qsort(elf->units, elf->unit_count, sizeof(*elf->units), by_start);
}

void elf_source_done(struct elf_file *elf)
{
	free(elf->units);
	elf->units = NULL;
	for (size_t i = 0; elf->answers && i < ANSWERS; i++)
		free(elf->answers[i]);
	free(elf->answers);
	elf->answers = NULL;
}

/* The unit of an address, and what to take off the address for it. */
static bool find_unit(struct elf_file *elf, uint64_t address, Dwarf_Die *unit, Dwarf_Addr *bias)
{
	Dwarf *dwarf = dwfl_module_getdwarf(elf->module, bias);
	Dwarf_Die *found = dwarf ? dwarf_addrdie(dwarf, address - *bias, unit) : NULL;
	size_t low = 0, high;

	if (found || !dwarf)
		return found;
	if (!elf->units_read)
		read_units(elf);
	high = elf->unit_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (elf->units[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < elf->units[low - 1].end &&
	       dwarf_offdie(dwarf, elf->units[low - 1].die, unit);
}

/* What may hold code of an address without saying so itself. */
static bool is_transparent(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
	       tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_module;
}

struct descent {
	Dwarf_Addr address;
	Dwarf_Die functions[ELF_SOURCE_PLACES]; /* the outermost first */
	size_t count;
	unsigned int siblings; /* left */
};

/* Goes down to the innermost function, inlined or not, that holds the address. */
static bool descend(struct descent *descent, Dwarf_Die *parent, unsigned int depth)
{
	Dwarf_Die die;
	int more;

	if (!depth)
		return false;
	for (more = dwarf_child(parent, &die); more == 0 && descent->siblings;
	     more = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);
		bool function = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;

		descent->siblings--;
		if (is_transparent(tag)) {
			if (descend(descent, &die, depth - 1))
				return true;
			continue;
		}
		if (!function && tag != DW_TAG_lexical_block)
			continue;
		if (dwarf_haspc(&die, descent->address) != 1)
			continue;
		if (function && descent->count < ELF_SOURCE_PLACES)
			descent->functions[descent->count++] = die;
		descend(descent, &die, depth - 1);
		return true;
	}
	return false;
}

static void name_place(struct elf_place *place, Dwarf_Die *function)
{
	Dwarf_Attribute attribute;

	place->function = dwarf_diename(function);
	if (dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute) ||
	    dwarf_attr_integrate(function, DW_AT_MIPS_linkage_name, &attribute))
		place->symbol = dwarf_formstring(&attribute);
}

/* Where an inlined function was called. */
static void call_of(struct elf_place *place, Dwarf_Die *unit, Dwarf_Die *inlined)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word number;
	size_t count;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &number) == 0 &&
	    number <= INT32_MAX)
		place->line = (uint32_t)number;
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &number) == 0 &&
	    dwarf_getsrcfiles(unit, &files, &count) == 0 && number < count)
		place->file = dwarf_filesrc(files, number, NULL, NULL);
}

static void line_of(struct elf_place *place, Dwarf_Die *unit, Dwarf_Addr address)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);
	int number;

	if (!line)
		return;
	place->file = dwarf_linesrc(line, NULL, NULL);
	if (dwarf_lineno(line, &number) == 0 && number > 0)
		place->line = (uint32_t)number;
}

static size_t search(struct elf_file *elf, uint64_t address,
		     struct elf_place places[ELF_SOURCE_PLACES])
{
	struct descent descent = {.siblings = SIBLINGS};
	Dwarf_Addr bias;
	Dwarf_Die unit;

	if (!find_unit(elf, address, &unit, &bias))
		return 0;
	descent.address = address - bias;
	descend(&descent, &unit, DEPTH);
	places[0] = (struct elf_place){};
	line_of(&places[0], &unit, descent.address);
	for (size_t i = 0; i < descent.count; i++) {
		name_place(&places[i], &descent.functions[descent.count - 1 - i]);
		if (i + 1 == descent.count)
			break;
		places[i + 1] = (struct elf_place){};
		call_of(&places[i + 1], &unit, &descent.functions[descent.count - 1 - i]);
	}
	if (!descent.count)
		return places[0].file ? 1 : 0;
	return descent.count;
}

size_t elf_source_find(struct elf_file *elf, uint64_t address,
		       struct elf_place places[ELF_SOURCE_PLACES])
{
	struct elf_answer **slot, *answer;
	size_t count;

	if (!elf->answers)
		elf->answers = calloc(ANSWERS, sizeof(*elf->answers));
	if (!elf->answers)
		return search(elf, address, places);
	slot = &elf->answers[hash_mix(address) % ANSWERS];
	answer = *slot;
	if (answer && answer->address == address) {
		memcpy(places, answer->places, answer->count * sizeof(*places));
		return answer->count;
	}
	count = search(elf, address, places);
	free(answer);
	*slot = answer = malloc(sizeof(*answer) + count * sizeof(*places));
	if (answer) {
		answer->address = address;
		answer->count = count;
		memcpy(answer->places, places, count * sizeof(*places));
	}
	return count;
}

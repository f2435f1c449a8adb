// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* An ELF file of a traced program, with symbols, DWARF and call frame information. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "symbols/elf_file.h"
#include "symbols/elf_source.h"
#include "symbols/frame_rules.h"

#define STACK_START UINT64_C(0x7ffc00000000)
#define STACK_SIZE 256
#define FRAMES 16
#define ADDRESSES 8 /* of a segment */

/* As unwind() goes on: outwards, a bounded number of frames. */
static void walk(const struct elf_file *elf, uint64_t address)
{
	static const char stack[STACK_SIZE];
	const struct stack_copy copy = {stack, STACK_START, STACK_SIZE};
	struct frame_registers registers = {.ip = address};
	bool signal;

	frame_register_set(&registers, FRAME_SP, STACK_START + STACK_SIZE / 2);
	frame_register_set(&registers, FRAME_FP, STACK_START + STACK_SIZE - 16);
	for (int i = 0; i < FRAMES; i++)
		if (frame_rules_step(elf, registers.ip, &copy, &registers, &signal) != FRAME_CALLER)
			break;
}

static void ask(struct elf_file *elf, uint64_t address)
{
	struct elf_place places[ELF_SOURCE_PLACES] = {};
	const struct elf_symbol *symbol = elf_file_symbol(elf, address);
	size_t count = elf_source_find(elf, address, places);

	FUZZ_CHECK(count <= ELF_SOURCE_PLACES);
	if (symbol)
		FUZZ_CHECK(symbol->start <= address && address < symbol->end && symbol->name[0]);
	for (size_t i = 0; i < count; i++) {
		FUZZ_CHECK(places[i].line <= INT32_MAX);
		if (places[i].function)
			FUZZ_CHECK(strlen(places[i].function) < SIZE_MAX);
		if (places[i].file)
			FUZZ_CHECK(strlen(places[i].file) < SIZE_MAX);
	}
	walk(elf, address);
}

static int file_of(const uint8_t *bytes, size_t length)
{
	int file = memfd_create("elf", MFD_CLOEXEC);

	FUZZ_CHECK(file >= 0 && write(file, bytes, length) == (ssize_t)length);
	return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	/* Where there are no debug files. */
	static struct safe_files files = {-1, -1};
	struct elf_file elf;

	if (files.root < 0)
		files.root = open("/proc/self/fdinfo", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (elf_file_open(&elf, file_of(bytes, length), &files, -1, "/a/program"))
		return 0;
	for (size_t i = 0; i < elf.segment_count; i++) {
		const struct elf_segment *segment = &elf.segments[i];

		for (uint64_t part = 0; part < ADDRESSES; part++) {
			uint64_t offset = segment->offset + segment->size / ADDRESSES * part;
			uint64_t address;

			if (elf_file_address(&elf, offset, &address))
				ask(&elf, address);
		}
	}
	elf_file_close(&elf);
	return 0;
}

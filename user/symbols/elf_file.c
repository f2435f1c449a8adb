// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/debug_files.h"
#include "symbols/elf_source.h"

/* Segments are mapped by pages. */
#define PAGE UINT64_C(4096)

/* The module is reported with its file. */
static int find_no_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		       char **path, Elf **elf)
{
	(void)module;
	(void)userdata;
	(void)name;
	(void)base;
	(void)path;
	(void)elf;
	return -1;
}

/* Nothing but this looks for files: what comes with libdwfl would ask debuginfod. It is called for
 * the debug file, and again for what that shares with others (dwz), then without a checksum. */
static int find_debug(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		      const char *file, const char *link, GElf_Word checksum, char **path)
{
	const struct debug_place *place = *userdata;
	int found;

	(void)name;
	(void)base;
	(void)file;
	found = place ? debug_files_find(place, module, link, checksum) : -1;
	if (found >= 0)
		*path = strdup("debug");
	return found;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_no_elf, .find_debuginfo = find_debug};

static int read_segments(struct elf_file *elf)
{
	GElf_Addr bias;
	Elf *file = dwfl_module_getelf(elf->module, &bias);
	size_t count;

	if (!file || elf_getphdrnum(file, &count) || !count)
		return -EBADF;
	elf->segments = calloc(count, sizeof(*elf->segments));
	if (!elf->segments)
		return -ENOMEM;
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(file, (int)i, &header) || header.p_type != PT_LOAD ||
		    !(header.p_flags & PF_X))
			continue;
		elf->segments[elf->segment_count++] = (struct elf_segment){
			header.p_offset, header.p_filesz, header.p_vaddr + bias};
	}
	return 0;
}

/* The debug files are found now, while the process' root is at hand. */
int elf_file_open(struct elf_file *elf, int file, const struct safe_files *files, int process_root,
		  const char *path)
{
	struct debug_place place = {files, process_root, path};
	void **userdata;
	Dwarf_Addr bias;
	int error = -ENOMEM;

	*elf = (struct elf_file){.session = dwfl_begin(&callbacks)};
	if (!elf->session)
		goto out;
	error = -EBADF;
	dwfl_report_begin(elf->session);
	elf->module = dwfl_report_elf(elf->session, "", "", file, 0, true);
	if (elf->module)
		file = -1;
	if (dwfl_report_end(elf->session, NULL, NULL) || !elf->module)
		goto out;
	error = read_segments(elf);
	if (error)
		goto out;
	dwfl_module_info(elf->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = &place;
	dwfl_module_getdwarf(elf->module, &bias);
	*userdata = NULL;
	elf->frames[0] = dwfl_module_eh_cfi(elf->module, &elf->frames_bias[0]);
	elf->frames[1] = dwfl_module_dwarf_cfi(elf->module, &elf->frames_bias[1]);
out:
	if (file >= 0)
		close(file);
	if (error)
		elf_file_close(elf);
	return error;
}

void elf_file_close(struct elf_file *elf)
{
	elf_symbols_done(&elf->symbols);
	elf_source_done(elf);
	free(elf->segments);
	if (elf->session)
		dwfl_end(elf->session);
	*elf = (struct elf_file){};
}

bool elf_file_address(const struct elf_file *elf, uint64_t offset, uint64_t *address)
{
	for (size_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		uint64_t start = segment->offset & ~(PAGE - 1);

		if (offset < start || offset - start >= segment->size + segment->offset - start)
			continue;
		*address = segment->address + (offset - segment->offset);
		return true;
	}
	return false;
}

const struct elf_symbol *elf_file_symbol(struct elf_file *elf, uint64_t address)
{
	if (!elf->symbols_read)
		elf_symbols_init(&elf->symbols, elf->module);
	elf->symbols_read = true;
	return elf_symbols_find(&elf->symbols, address);
}

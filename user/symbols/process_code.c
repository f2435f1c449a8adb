// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/process_code.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FILES_KEPT 64
#define FILES_LIMIT 192 /* in the middle of a stack; each may take three descriptors */

struct kept_file {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
	bool readable;
	struct elf_file elf;
};

void process_code_init(struct process_code *code, const struct safe_files *files)
{
	*code = (struct process_code){.files = files, .root = -1};
	process_maps_init(&code->maps);
	code->kept = calloc(FILES_LIMIT, sizeof(*code->kept));
}

void process_code_done(struct process_code *code)
{
	process_code_sweep(code, true);
	free(code->kept);
	process_maps_done(&code->maps);
	process_code_leave(code);
}

void process_code_leave(struct process_code *code)
{
	if (code->root >= 0)
		close(code->root);
	code->root = -1;
}

void process_code_sweep(struct process_code *code, bool all)
{
	if (!all && code->kept_count <= FILES_KEPT)
		return;
	for (size_t i = 0; i < code->kept_count; i++)
		if (code->kept[i].readable)
			elf_file_close(&code->kept[i].elf);
	code->kept_count = 0;
	code->maps.count = 0; /* they refer to the files */
}

int process_code_enter(struct process_code *code, uint32_t pid)
{
	int maps, error;

	process_code_leave(code);
	code->pid = pid;
	code->refused = false;
	code->maps.count = 0;
	maps = safe_files_of_process(code->files, pid, "maps");
	if (maps < 0)
		return maps == -ENOENT ? -ESRCH : maps;
	code->root = safe_files_root_of(code->files, pid);
	error = process_maps_read(&code->maps, maps);
	close(maps);
	return error;
}

/* The file at the path of a mapping, if it is the one that is mapped: a program that was upgraded
 * since has another one there. */
static int open_same(const struct process_code *code, int root,
		     const struct process_mapping *mapping, struct stat *status)
{
	int file =
		safe_files_below(code->files, root, process_maps_path(&code->maps, mapping), true);

	if (file < 0)
		return file;
	if (fstat(file, status) == 0 && status->st_dev == mapping->device &&
	    status->st_ino == mapping->inode)
		return file;
	close(file);
	return -ESTALE;
}

/* The file of a mapping: the very one, or where that is refused the one of its path, which maps
 * tells from our root or, if it is not below that, from the root of its mount. */
static int open_mapped(const struct process_code *code, const struct process_mapping *mapping,
		       struct stat *status)
{
	int file = safe_files_mapped(code->files, code->pid, mapping->start, mapping->end);

	if (file >= 0 && fstat(file, status) < 0) {
		close(file);
		return -EIO;
	}
	if (file < 0 && code->root >= 0)
		file = open_same(code, code->root, mapping, status);
	if (file < 0)
		file = open_same(code, code->files->root, mapping, status);
	return file;
}

static struct elf_file *find_kept(struct process_code *code, const struct stat *status, bool *known)
{
	for (size_t i = 0; i < code->kept_count; i++) {
		struct kept_file *kept = &code->kept[i];

		if (kept->inode != status->st_ino || kept->device != status->st_dev ||
		    kept->size != status->st_size ||
		    kept->changed.tv_sec != status->st_mtim.tv_sec ||
		    kept->changed.tv_nsec != status->st_mtim.tv_nsec)
			continue;
		*known = true;
		return kept->readable ? &kept->elf : NULL;
	}
	*known = false;
	return NULL;
}

static struct elf_file *open_file(struct process_code *code, const struct process_mapping *mapping)
{
	struct stat status;
	int file = open_mapped(code, mapping, &status);
	struct elf_file *elf;
	struct kept_file *kept;
	bool known;

	if (file < 0) {
		code->refused = true;
		return NULL;
	}
	elf = find_kept(code, &status, &known);
	if (known || !code->kept || code->kept_count == FILES_LIMIT) {
		close(file);
		return elf;
	}
	kept = &code->kept[code->kept_count++];
	*kept = (struct kept_file){.device = status.st_dev,
				   .inode = status.st_ino,
				   .size = status.st_size,
				   .changed = status.st_mtim};
	kept->readable = elf_file_open(&kept->elf, file, code->files, code->root,
				       process_maps_path(&code->maps, mapping)) == 0;
	return kept->readable ? &kept->elf : NULL;
}

struct code_place process_code_find(struct process_code *code, uint64_t address)
{
	struct process_mapping *mapping = process_maps_find(&code->maps, address);
	struct code_place place = {.mapping = mapping};

	if (!mapping || !mapping->inode)
		return place;
	if (!mapping->opened)
		mapping->file = open_file(code, mapping);
	mapping->opened = true;
	place.address = address - mapping->start + mapping->offset;
	if (mapping->file && elf_file_address(mapping->file, place.address, &place.address))
		place.file = mapping->file;
	return place;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/debug_files.h"

#include <elfutils/libdwelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define DEBUG_ROOT "/usr/lib/debug"
#define SHORTEST_ID 3
#define LONGEST_ID 64
#define BLOCK 65536

struct build_id {
	const unsigned char *bytes;
	ssize_t length;
};

static bool has_build_id(int file, const struct build_id *wanted)
{
	Elf *elf = elf_begin(file, ELF_C_READ_MMAP, NULL);
	const void *bytes;
	ssize_t length = elf ? dwelf_elf_gnu_build_id(elf, &bytes) : -1;
	bool same = length == wanted->length && memcmp(bytes, wanted->bytes, (size_t)length) == 0;

	elf_end(elf);
	return same;
}

/* The checksum of .gnu_debuglink, for files that have no build id. */
static bool has_checksum(int file, uint32_t checksum)
{
	unsigned char *block = malloc(BLOCK);
	uLong sum = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t got = -1;

	while (block && (got = pread(file, block, BLOCK, at)) > 0) {
		sum = crc32(sum, block, (uInt)got);
		at += got;
	}
	free(block);
	return got == 0 && sum == checksum;
}

/* Opens a path in a root, if what is there is the file that is looked for. */
static int open_checked(const struct debug_place *place, int root, const char *path,
			const struct build_id *id, uint32_t checksum)
{
	int file = safe_files_below(place->files, root, path, true);

	if (file < 0)
		return -1;
	if (id->length > 0 ? has_build_id(file, id) : has_checksum(file, checksum))
		return file;
	close(file);
	return -1;
}

static int by_build_id(const struct debug_place *place, const struct build_id *id)
{
	char path[sizeof(DEBUG_ROOT "/.build-id//.debug") + 2 * LONGEST_ID];
	int file, length;

	if (id->length < SHORTEST_ID || id->length > LONGEST_ID)
		return -1;
	length = snprintf(path, sizeof(path), DEBUG_ROOT "/.build-id/%02x/", id->bytes[0]);
	for (ssize_t i = 1; i < id->length; i++)
		length += snprintf(path + length, sizeof(path) - (size_t)length, "%02x",
				   id->bytes[i]);
	snprintf(path + length, sizeof(path) - (size_t)length, ".debug");
	file = open_checked(place, place->files->root, path, id, 0);
	if (file < 0 && place->process_root >= 0)
		file = open_checked(place, place->process_root, path, id, 0);
	return file;
}

/* By the name in .gnu_debuglink: beside the file, in .debug there, or below /usr/lib/debug. */
static int by_name(const struct debug_place *place, const char *name, const struct build_id *id,
		   uint32_t checksum)
{
	static const char *const formats[] = {"%.*s/%s", "%.*s/.debug/%s", DEBUG_ROOT "%.*s/%s"};
	const char *slash = strrchr(place->path, '/');
	int file = -1;

	if (place->process_root < 0 || !slash || !name[0] || strchr(name, '/'))
		return -1;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats) && file < 0; i++) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof(path), formats[i], (int)(slash - place->path),
				      place->path, name);

		if (length < (int)sizeof(path))
			file = open_checked(place, place->process_root, path, id, checksum);
	}
	return file;
}

/* What several debug files share (dwz): its build id is in the file that refers to it. Debian has
 * it by name only. */
static int find_shared(const struct debug_place *place, Dwarf *dwarf, const char *name)
{
	const void *bytes;
	struct build_id id;
	const char *again;
	int file;

	id.length = dwelf_dwarf_gnu_debugaltlink(dwarf, &again, &bytes);
	id.bytes = bytes;
	if (id.length <= 0)
		return -1;
	file = by_build_id(place, &id);
	if (file < 0 && strncmp(name, DEBUG_ROOT "/", sizeof(DEBUG_ROOT)) == 0)
		file = open_checked(place, place->files->root, name, &id, 0);
	if (file < 0 && place->process_root >= 0 && name[0] == '/')
		file = open_checked(place, place->process_root, name, &id, 0);
	return file;
}

int debug_files_find(const struct debug_place *place, Dwfl_Module *module, const char *link,
		     uint32_t checksum)
{
	struct build_id id = {};
	GElf_Addr at;
	Dwarf *dwarf = dwfl_module_getdwarf(module, &at); /* NULL as long as it is looked for */
	int file;

	if (dwarf)
		return link ? find_shared(place, dwarf, link) : -1;
	id.length = dwfl_module_build_id(module, &id.bytes, &at);
	file = by_build_id(place, &id);
	if (file < 0 && link)
		file = by_name(place, link, &id, checksum);
	return file;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/jit_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAP_LIMIT (64 << 20) /* of a longer one the end is read */
#define BLOCK (256 << 10)

bool jit_owner_parse(char *status, struct jit_owner *owner)
{
	bool has_pid = false, has_uid = false;
	char *rest = NULL;

	for (char *line = strtok_r(status, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned int real, effective;
		const char *last;

		if (sscanf(line, "Uid: %u %u", &real, &effective) == 2) {
			owner->uid = effective;
			has_uid = true;
		}
		if (strncmp(line, "NSpid:", 6) == 0) {
			last = strrchr(line, '\t');
			owner->pid = last ? (uint32_t)strtoul(last, NULL, 10) : 0;
			has_pid = owner->pid;
		}
	}
	return has_pid && has_uid;
}

static bool read_owner(const struct safe_files *files, uint32_t pid, struct jit_owner *owner)
{
	char status[4096];
	int file = safe_files_of_process(files, pid, "status");
	ssize_t length;

	if (file < 0)
		return false;
	length = read(file, status, sizeof(status) - 1);
	close(file);
	if (length <= 0)
		return false;
	status[length] = '\0';
	return jit_owner_parse(status, owner);
}

static void scan_file(int file, off_t size, struct perf_map_wish *wishes, size_t count)
{
	off_t at = size > MAP_LIMIT ? size - MAP_LIMIT : 0;
	char *block = malloc(BLOCK);
	struct perf_map map;
	size_t kept = 0, done;
	off_t left = MAP_LIMIT; /* it may grow meanwhile */

	perf_map_init(&map, wishes, count, at > 0);
	while (block && left > 0) {
		ssize_t got = pread(file, block + kept, BLOCK - kept, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		at += got;
		left -= got;
		kept += (size_t)got;
		done = perf_map_scan(&map, block, kept);
		kept -= done;
		memmove(block, block + done, kept);
	}
	free(block);
}

void jit_names_find(const struct safe_files *files, uint32_t pid, int root,
		    struct perf_map_wish *wishes, size_t count)
{
	struct jit_owner owner;
	struct stat status;
	char path[48];
	int file;

	for (size_t i = 0; i < count; i++)
		wishes[i].name[0] = '\0';
	if (!count || root < 0 || !read_owner(files, pid, &owner))
		return;
	snprintf(path, sizeof(path), "/tmp/perf-%u.map", owner.pid);
	file = safe_files_below(files, root, path, false);
	if (file < 0)
		return;
	if (fstat(file, &status) == 0 && (status.st_uid == 0 || status.st_uid == owner.uid))
		scan_file(file, status.st_size, wishes, count);
	close(file);
}

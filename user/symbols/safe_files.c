// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/safe_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int safe_files_open(struct safe_files *files)
{
	files->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	files->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return files->proc < 0 || files->root < 0 ? -errno : 0;
}

void safe_files_close(struct safe_files *files)
{
	if (files->proc >= 0)
		close(files->proc);
	if (files->root >= 0)
		close(files->root);
	files->proc = files->root = -1;
}

void safe_files_confine(void)
{
	/* A directory that nobody can write to and that has no links. */
	if (chroot("/proc/self/fdinfo") < 0 || chdir("/") < 0)
		return;
}

int safe_files_of_process(const struct safe_files *files, uint32_t pid, const char *name)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	file = openat(files->proc, path, O_RDONLY | O_CLOEXEC);
	return file < 0 ? -errno : file;
}

int safe_files_root_of(const struct safe_files *files, uint32_t pid)
{
	char path[32];
	int root;

	snprintf(path, sizeof(path), "%u/root", pid);
	root = openat(files->proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : root;
}

/* Opens for reading what a descriptor of O_PATH stands for, which it closes: opening a device or a
 * pipe may do something or wait, so that what it is has to be known before. */
static int open_regular(const struct safe_files *files, int place)
{
	struct stat status;
	char path[32];
	int file;

	if (fstat(place, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(place);
		return -EACCES;
	}
	snprintf(path, sizeof(path), "self/fd/%d", place);
	file = openat(files->proc, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file < 0)
		file = -errno;
	close(place);
	return file;
}

int safe_files_mapped(const struct safe_files *files, uint32_t pid, uint64_t start, uint64_t end)
{
	char path[96];
	int place;

	snprintf(path, sizeof(path), "%u/map_files/%llx-%llx", pid, (unsigned long long)start,
		 (unsigned long long)end);
	place = openat(files->proc, path, O_PATH | O_CLOEXEC);
	return place < 0 ? -errno : open_regular(files, place);
}

int safe_files_below(const struct safe_files *files, int root, const char *path, bool follow)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW),
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	long place = syscall(SYS_openat2, root, path, &how, sizeof(how));

	return place < 0 ? -errno : open_regular(files, (int)place);
}

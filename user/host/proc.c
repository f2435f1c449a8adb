// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/proc.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/types.h>

int proc_each_number(int directory, void (*each)(void *context, int directory, const char *number),
		     void *context)
{
	_Alignas(struct dirent64) char entries[16384];
	ssize_t length;

	/* No stream and no allocation: there is one directory per process. */
	while ((length = getdents64(directory, entries, sizeof(entries))) > 0)
		for (ssize_t at = 0; at < length;) {
			const struct dirent64 *entry = (const void *)(entries + at);

			if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
				each(context, directory, entry->d_name);
			at += entry->d_reclen;
		}
	return length < 0 ? -errno : 0;
}

uint64_t proc_open_files(void)
{
	FILE *file = fopen("/proc/sys/fs/file-nr", "re");
	uint64_t count = 0;

	if (file && fscanf(file, "%" SCNu64, &count) != 1)
		count = 0;
	if (file)
		fclose(file);
	return count;
}

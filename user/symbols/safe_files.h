/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Opening files that strangers chose, of strange processes too: only regular files are opened, none
 * blocks, no link leads out of the root it is below. Knows nothing of what is in them.
 */
#ifndef TCPCLOSE_SYMBOLS_SAFE_FILES_H
#define TCPCLOSE_SYMBOLS_SAFE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct safe_files {
	int proc; /* /proc */
	int root; /* our own */
};

/* 0 or a negative errno. */
int safe_files_open(struct safe_files *files);
void safe_files_close(struct safe_files *files);

/* From now on the calling process reaches files only by the descriptors it has: libraries that
 * open a path which a file tells them find nothing. Where the right to change the root is missing,
 * nothing changes. */
void safe_files_confine(void);

/* The following return a descriptor or a negative errno. */

/* A file of /proc/PID, such as "maps". */
int safe_files_of_process(const struct safe_files *files, uint32_t pid, const char *name);

/* The root directory of a process; only for safe_files_below(). */
int safe_files_root_of(const struct safe_files *files, uint32_t pid);

/* The very file that is mapped there in a process. */
int safe_files_mapped(const struct safe_files *files, uint32_t pid, uint64_t start, uint64_t end);

/* A file by its path in a root; `follow` says whether its last part may be a link. -EACCES if it is
 * no regular file. */
int safe_files_below(const struct safe_files *files, int root, const char *path, bool follow);

#endif

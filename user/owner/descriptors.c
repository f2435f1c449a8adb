// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/proc.h"

void descriptors_init(struct descriptors *descriptors)
{
	*descriptors = (struct descriptors){.proc = -1};
}

void descriptors_done(struct descriptors *descriptors)
{
	descriptors_close(descriptors);
	free(descriptors->pids);
	descriptors->pids = NULL;
	descriptors->capacity = 0;
}

static void list_process(void *context, int proc, const char *name)
{
	struct descriptors *descriptors = context;

	(void)proc;
	if (descriptors->count == descriptors->capacity) {
		size_t capacity = descriptors->capacity ? descriptors->capacity * 2 : 1024;
		uint32_t *pids = realloc(descriptors->pids, capacity * sizeof(*pids));

		if (!pids) {
			descriptors->error = -ENOMEM;
			return;
		}
		descriptors->pids = pids;
		descriptors->capacity = capacity;
	}
	descriptors->pids[descriptors->count++] = (uint32_t)strtoul(name, NULL, 10);
}

int descriptors_open(struct descriptors *descriptors)
{
	descriptors->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return descriptors->proc < 0 ? -errno : 0;
}

int descriptors_list_processes(struct descriptors *descriptors)
{
	int error;

	descriptors->count = 0;
	descriptors->error = 0;
	error = proc_each_number(descriptors->proc, list_process, descriptors);
	return error ? error : descriptors->error;
}

void descriptors_close(struct descriptors *descriptors)
{
	if (descriptors->proc >= 0)
		close(descriptors->proc);
	descriptors->proc = -1;
	descriptors->count = 0;
}

static int open_folder(const struct descriptors *descriptors, uint32_t pid, const char *name)
{
	char path[32];
	int directory;

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	directory = openat(descriptors->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -errno : directory;
}

int descriptors_process(const struct descriptors *descriptors, uint32_t pid)
{
	return open_folder(descriptors, pid, "fd");
}

int descriptors_stranger(const struct descriptors *descriptors, uint32_t pid)
{
	return open_folder(descriptors, pid, "task");
}

uint64_t descriptors_inode(const char *kind, const char *link, ssize_t length)
{
	ssize_t at = (ssize_t)strlen(kind);
	uint64_t inode = 0;

	if (length < at + 2 || memcmp(link, kind, (size_t)at) != 0 || memcmp(link + at, ":[", 2))
		return 0;
	for (at += 2; at < length && link[at] >= '0' && link[at] <= '9'; at++)
		inode = inode * 10 + (uint64_t)(link[at] - '0');
	return inode;
}

/* A walk through one process. */
struct visit {
	void (*each)(void *context, int32_t descriptor, uint64_t inode);
	void *context;
	int count;
	int error;
};

static void visit_descriptor(void *context, int directory, const char *name)
{
	struct visit *visit = context;
	char link[64];
	ssize_t length = readlinkat(directory, name, link, sizeof(link));
	uint64_t inode = descriptors_inode("socket", link, length);

	visit->count++;
	if (length < 0 && (errno == EACCES || errno == EPERM))
		visit->error = -errno;
	if (inode)
		visit->each(visit->context, (int32_t)strtol(name, NULL, 10), inode);
}

int descriptors_sockets(int directory,
			void (*each)(void *context, int32_t descriptor, uint64_t inode),
			void *context)
{
	struct visit visit = {.each = each, .context = context};
	int error = proc_each_number(directory, visit_descriptor, &visit);

	if (!error)
		error = visit.error;
	return error ? error : visit.count;
}

int descriptors_listed(int list, void (*each)(void *context, const struct task_file *file),
		       void *context)
{
	struct task_file files[1024]; /* 32 KiB: the kernel gives no more at once */
	ssize_t length;

	/* EAGAIN: a million descriptors were passed over without one to tell of. */
	do
		length = read(list, files, sizeof(files));
	while (length < 0 && (errno == EINTR || errno == EAGAIN));
	if (length < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)length / sizeof(files[0]); i++)
		each(context, &files[i]);
	return length > 0;
}

ssize_t descriptors_read(int directory, const char *name, char *text, size_t size)
{
	ssize_t length;
	char path[32];
	int file;

	/* Up from a folder of the process: by its number it might be another process by now. */
	snprintf(path, sizeof(path), "../%s", name);
	text[0] = '\0';
	file = openat(directory, path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	/* Such files come as one piece: the first read gets all there is room for. */
	length = read(file, text, size - 1);
	if (length < 0)
		length = -errno;
	close(file);
	text[length > 0 ? length : 0] = '\0';
	return length;
}

int descriptors_comm(int directory, char *comm, size_t size)
{
	char text[64];
	ssize_t length = descriptors_read(directory, "comm", text, sizeof(text));

	comm[0] = '\0';
	if (length < 0)
		return (int)length;
	/* A name may have line feeds of its own: only the last is the file's. */
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	snprintf(comm, size, "%s", text);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who has descriptors of sockets: by a walk through /proc, or by a list that the kernel makes.
 * Knows sockets only as inode numbers and remembers none.
 */
#ifndef TCPCLOSE_OWNER_DESCRIPTORS_H
#define TCPCLOSE_OWNER_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "task_file.h"

struct descriptors {
	int proc;       /* open while a walk runs, else below 0 */
	uint32_t *pids; /* the processes there were when they were listed, ascending */
	size_t count;
	size_t capacity;
	int error;
};

void descriptors_init(struct descriptors *descriptors);
void descriptors_done(struct descriptors *descriptors);

/* Opens /proc, lists its processes; the memory is kept for the next time. 0 or a negative errno. */
int descriptors_open(struct descriptors *descriptors);
int descriptors_list_processes(struct descriptors *descriptors);
void descriptors_close(struct descriptors *descriptors);

/* Opens the /proc/PID/fd of a process, or a negative errno: it may be gone by now, or not ours to
 * look into. What is asked by it is never told of another process that has the pid later. */
int descriptors_process(const struct descriptors *descriptors, uint32_t pid);

/* The same of a folder that everybody may look into: /proc/PID/task. */
int descriptors_stranger(const struct descriptors *descriptors, uint32_t pid);

/* Calls back for each socket among the descriptors. How many descriptors there are, of all kinds,
 * or a negative errno: the process went, or what they are is not for us to know. */
int descriptors_sockets(int directory,
			void (*each)(void *context, int32_t descriptor, uint64_t inode),
			void *context);

/* The list, in place of a walk: of TCP sockets alone, but of all processes. */
struct descriptors_list {
	/* Opens a file that reads as struct task_file after struct task_file, by process and
	 * descriptor, or a negative errno. NULL: there is none. */
	int (*open)(void *context);
	void *context;
};

/* Takes some thousands of those that are left in an open list. 1: there may be more, 0: there is
 * none, or a negative errno. */
int descriptors_listed(int list, void (*each)(void *context, const struct task_file *file),
		       void *context);

/* What a file of the process begins with, at most size - 1 bytes and a zero: "comm", "cgroup". The
 * number of bytes or a negative errno. */
ssize_t descriptors_read(int directory, const char *name, char *text, size_t size);

/* The process' name as bytes, terminated; empty if it is gone. 0 or a negative errno. */
int descriptors_comm(int directory, char *comm, size_t size);

/* The inode of a link such as "socket:[1234]" of that kind; 0: of another. */
uint64_t descriptors_inode(const char *kind, const char *link, ssize_t length);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A descriptor of a TCP socket, as the kernel tells of it when it is asked for all of them. Read
 * from a file as a stream of these. Knows record.h and nothing else of ours; compiles for BPF and
 * for the host.
 */
#ifndef TCPCLOSE_TASK_FILE_H
#define TCPCLOSE_TASK_FILE_H

#include "record.h"

struct task_file {
	__u32 inode;
	__u32 pid; /* in the pid namespace of who asks */
	__s32 descriptor;
	__u32 foreign; /* the process is in another pid namespace: one within */
	char comm[16]; /* of the process, terminated */
};

_Static_assert(sizeof(struct task_file) == 32, "task_file has changed");

#endif

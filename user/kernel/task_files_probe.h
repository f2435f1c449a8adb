/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The program that lists the descriptors of TCP sockets of all processes (bpf/task_files): it runs
 * when it is asked. Knows nothing of which sockets are looked for.
 */
#ifndef TCPCLOSE_KERNEL_TASK_FILES_PROBE_H
#define TCPCLOSE_KERNEL_TASK_FILES_PROBE_H

#include <bpf/libbpf.h>

#include "base/buffer.h"

/* Opens a file that reads as a list made at that moment, struct task_file after struct task_file,
 * by process and descriptor, or a negative errno. Also when capabilities were given up. The program
 * is one that is loaded; its link is made where there is none yet, and is the caller's. */
int task_files_list(const struct bpf_program *program, struct bpf_link **link);

/* The program alone. */
struct task_files_probe;

/* Loads the program. On failure a negative errno and in `why` what failed, one clause. */
int task_files_probe_open(struct task_files_probe **probe, struct buffer *why);
void task_files_probe_close(struct task_files_probe *probe);

int task_files_probe_list(struct task_files_probe *probe);

#endif

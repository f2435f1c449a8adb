// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/task_files_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/reason.h"
#include "task_files.skel.h"

int task_files_list(const struct bpf_program *program, struct bpf_link **link)
{
	if (!*link)
		*link = bpf_program__attach(program);
	return *link ? bpf_iter_create(bpf_link__fd(*link)) : -errno;
}

struct task_files_probe {
	struct task_files *skeleton;
};

int task_files_probe_open(struct task_files_probe **result, struct buffer *why)
{
	struct task_files_probe *probe = calloc(1, sizeof(*probe));
	int error;

	if (!probe)
		return -ENOMEM;
	probe->skeleton = task_files__open_and_load();
	if (!probe->skeleton) {
		error = -errno;
		reason_add(why, "the program that lists descriptors does not load", error);
		task_files_probe_close(probe);
		return error;
	}
	*result = probe;
	return 0;
}

void task_files_probe_close(struct task_files_probe *probe)
{
	if (!probe)
		return;
	task_files__destroy(probe->skeleton);
	free(probe);
}

int task_files_probe_list(struct task_files_probe *probe)
{
	return task_files_list(probe->skeleton->progs.task_files,
			       &probe->skeleton->links.task_files);
}

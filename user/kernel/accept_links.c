// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/accept_links.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/reason.h"
#include "kernel/tracefs.h"

void accept_links_prepare(struct bpf_program *accept4, struct bpf_program *accept)
{
	bpf_program__set_autoattach(accept4, false);
	bpf_program__set_autoattach(accept, false);
}

/* Events of all tasks are opened on one CPU: tracepoint programs run on every one of them. */
static struct bpf_link *attach_event(const struct bpf_program *program, const char *name)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attributes),
		.sample_period = 1,
		.wakeup_events = 1,
	};
	int id = tracefs_event_id("syscalls", name), descriptor;
	struct bpf_link *link;

	if (id < 0) {
		errno = -id;
		return NULL;
	}
	attributes.config = (unsigned int)id;
	descriptor =
		(int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (descriptor < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, descriptor);
	if (!link)
		close(descriptor);
	return link;
}

void accept_links_attach(struct accept_links *links, const struct bpf_program *accept4,
			 const struct bpf_program *accept, struct buffer *why)
{
	static const char *const names[] = {"sys_exit_accept4", "sys_exit_accept"};
	const struct bpf_program *programs[] = {accept4, accept};

	for (int i = 0; i < 2; i++) {
		links->links[i] = attach_event(programs[i], names[i]);
		if (!links->links[i])
			reason_add(why, names[i], errno);
	}
}

void accept_links_detach(struct accept_links *links)
{
	for (int i = 0; i < 2; i++) {
		bpf_link__destroy(links->links[i]);
		links->links[i] = NULL;
	}
}

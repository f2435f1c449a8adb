// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/close_wait_advice.h"

#include <string.h>

static void add_program(struct buffer *out, const struct close_wait_group *group)
{
	if (group->comm[0])
		buffer_add_escaped(out, group->comm, sizeof(group->comm));
	else
		buffer_add_literal(out, "the program");
}

/* With a function to name; NULL if there is none. */
static const struct stack_frame *own_frame(const struct stack *stack)
{
	const struct stack_frame *frame = stack_own_frame(stack);

	return frame && frame->function ? frame : NULL;
}

/* handle_client() (server.c:42) */
static void add_place(struct buffer *out, const struct stack_frame *frame)
{
	const char *name = frame->file ? strrchr(frame->file, '/') : NULL;

	buffer_add_escaped(out, frame->function, SIZE_MAX);
	buffer_add_literal(out, "()");
	if (!frame->file)
		return;
	buffer_add_literal(out, " (");
	buffer_add_escaped(out, name ? name + 1 : frame->file, SIZE_MAX);
	if (frame->line) {
		buffer_add_char(out, ':');
		buffer_add_unsigned(out, frame->line);
	}
	buffer_add_char(out, ')');
}

static void add_process(struct buffer *out, const struct task *task)
{
	buffer_add_escaped(out, task->comm, sizeof(task->comm));
	buffer_add_char(out, '[');
	buffer_add_unsigned(out, task->pid);
	buffer_add_char(out, ']');
}

static bool creator_holds(const struct close_wait_report *report)
{
	for (uint32_t i = 0; i < report->holder_count; i++)
		if (report->holders[i].pid == report->created.task.pid)
			return true;
	return false;
}

static uint32_t holding_processes(const struct close_wait_report *report)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < report->holder_count; i++)
		count += !i || report->holders[i].pid != report->holders[i - 1].pid;
	return count;
}

static bool is_stopped(const struct close_wait_report *report)
{
	for (uint32_t i = 0; i < report->holder_count; i++)
		if (report->holders[i].stopped)
			return true;
	return false;
}

static void advise_not_accepted(struct buffer *out, const struct close_wait_group *group)
{
	add_program(out, group);
	buffer_add_literal(out, " does not call accept(): they wait in the queue of its listener");
	if (group->port) {
		buffer_add_literal(out, " on port ");
		buffer_add_unsigned(out, group->port);
	}
	buffer_add_literal(out, ", and their clients have given up; see what keeps it from its "
				"accept loop");
}

/* Who got them from somebody else. */
static void advise_passed(struct buffer *out, const struct close_wait_group *group)
{
	add_process(out, &group->example->created.task);
	buffer_add_string(out, group->how == OWNER_CONNECT ? " connected them and "
							   : " accepted them and ");
	add_program(out, group);
	buffer_add_literal(out, " holds them now: inherited by fork() or passed over a Unix "
				"socket; if that was not meant, open them with SOCK_CLOEXEC and "
				"close them in the child, else ");
	add_program(out, group);
	buffer_add_literal(out, " must close them");
}

static void advise_shared(struct buffer *out, const struct close_wait_group *group)
{
	buffer_add_unsigned(out, holding_processes(group->example));
	buffer_add_literal(out, " processes hold each of them: a connection only closes when all "
				"of them have closed their descriptor; close what a child does "
				"not need, or open it with SOCK_CLOEXEC");
}

static void advise_read(struct buffer *out, const struct close_wait_group *group)
{
	const struct stack_frame *reader = own_frame(group->example->last_read.stack);
	const struct stack_frame *creator = own_frame(group->stack);

	add_program(out, group);
	buffer_add_literal(out, " read the end of file and did not close: ");
	if (reader && !group->example->last_read_bytes) {
		buffer_add_literal(out, "the read in ");
		add_place(out, reader);
		buffer_add_literal(out, " returned 0, and what follows must close()");
		return;
	}
	buffer_add_literal(out, "each way on after read() returns 0 must end in close()");
	if (!creator)
		return;
	buffer_add_literal(out, "; see what becomes of the sockets of ");
	add_place(out, creator);
}

static void advise_unread(struct buffer *out, const struct close_wait_group *group)
{
	add_program(out, group);
	if (group->how == OWNER_CONNECT) {
		buffer_add_literal(out, " does not look at them any more since the server closed: "
					"a pool must drop what has become readable while idle, and "
					"keep connections for a shorter time than the server does");
		return;
	}
	buffer_add_literal(out, " has not read to the end of file");
	if (group->unread_bytes) {
		buffer_add_literal(out, " (");
		buffer_add_unsigned(out, group->unread_bytes);
		buffer_add_literal(out, " bytes before it are unread, too)");
	}
	buffer_add_literal(out, ": it does not watch them any more, so look for a handler that "
				"blocks elsewhere, waits for something else, or has ended without "
				"close()");
}

void close_wait_advise(struct buffer *out, const struct close_wait_group *group)
{
	const struct close_wait_report *example = group->example;

	if (!group->held) {
		buffer_add_literal(out, "no process holds them: a descriptor is on its way in a "
					"Unix socket (SCM_RIGHTS) that nobody reads, in an "
					"io_uring, or the kernel itself uses the socket");
	} else if (!group->accepted) {
		advise_not_accepted(out, group);
	} else if (is_stopped(example)) {
		add_program(out, group);
		buffer_add_literal(out, " is stopped, by a signal or a debugger: it cannot close "
					"anything until it goes on (SIGCONT)");
	} else if (example->created.task.pid && example->holder_count && !creator_holds(example)) {
		advise_passed(out, group);
	} else if (holding_processes(example) > 1) {
		advise_shared(out, group);
	} else if (group->eof_read * 2 >= group->count) {
		advise_read(out, group);
	} else {
		advise_unread(out, group);
	}
}

void close_wait_add_kill(struct buffer *out, const struct close_wait_group *group,
			 uint32_t home_netns)
{
	const struct close_wait_report *example = group->example;
	bool server = example->flow.local_port == group->port;

	if (!group->port || !group->netns || (group->netns != home_netns && !group->pid))
		return;
	if (group->netns != home_netns) {
		buffer_add_literal(out, "nsenter -t ");
		buffer_add_unsigned(out, group->pid);
		buffer_add_literal(out, " -n ");
	}
	buffer_add_literal(out, "ss -K state close-wait ");
	if (server) {
		buffer_add_literal(out, "sport = :");
	} else if (group->all_peers == 1) {
		buffer_add_literal(out, "dst ");
		buffer_add_address(out, group->peers[0].address);
		buffer_add_literal(out, " dport = :");
	} else {
		buffer_add_literal(out, "dport = :");
	}
	buffer_add_unsigned(out, group->port);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/optional_programs.h"

#include <bpf/libbpf.h>
#include <stddef.h>
#include <string.h>

struct optional_program {
	const char *name;
	enum feature feature;
	size_t wanted; /* offset of the plan's word on it */
};

#define PROGRAM(name, feature, wanted)                                                             \
	{                                                                                          \
		name, FEATURE_##feature, offsetof(struct plan, wanted)                             \
	}

static const struct optional_program table[] = {
	PROGRAM("reset_sent", SEND_RESET, send_reset),
	PROGRAM("reset_received", RECEIVE_RESET, receive_reset),
	PROGRAM("retransmitted", RETRANSMIT, retransmit),
	PROGRAM("socket_destroyed", DESTROY, destroy),
	PROGRAM("accept4_exit", ACCEPT_TRACEPOINT, accept),
	PROGRAM("accept_exit", ACCEPT_TRACEPOINT, accept),
	PROGRAM("socket_graft", GRAFT, graft),
	PROGRAM("timer_expired", TIMER_EXPIRE, timer_expire),
	PROGRAM("mini_socket_expires", TW_EXPIRE, tw_expire),
	PROGRAM("mini_socket_ends", TW_KILL, tw_kill),
	PROGRAM("mini_socket_restarts", TW_RESTART, tw_restart),
	PROGRAM("mini_socket_starts", TW_BEGIN, tw_begin),
	PROGRAM("socket_aborted", ABORT, abort),
	PROGRAM("population_timer", TIMER_EXPIRE, timer_expire),
	PROGRAM("population_timer_function", TW_EXPIRE, tw_expire),
	PROGRAM("close_wait_destroyed", DESTROY, destroy),
	PROGRAM("close_wait_read", RECV_TRACEPOINT, recv),
	PROGRAM("close_wait_accept4", ACCEPT_TRACEPOINT, accept),
	PROGRAM("close_wait_accept", ACCEPT_TRACEPOINT, accept),
	PROGRAM("close_wait_graft", GRAFT, graft),
	PROGRAM("task_files", TASK_FILES, task_files),
};

static const struct optional_program *find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(name, table[i].name) == 0)
			return &table[i];
	return NULL;
}

void optional_programs_choose(const struct bpf_object *object, const struct plan *plan)
{
	struct bpf_program *program = NULL;

	while ((program = bpf_object__next_program(object, program))) {
		const struct optional_program *optional = find(bpf_program__name(program));

		if (optional)
			bpf_program__set_autoload(
				program, *(const bool *)((const char *)plan + optional->wanted));
	}
}

enum feature optional_programs_feature(const char *program)
{
	const struct optional_program *optional = find(program);

	return optional ? optional->feature : FEATURES;
}

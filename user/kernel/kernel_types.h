/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which tracepoints, functions and structures the running kernel has, as its own types (BTF) say.
 * Knows nothing of what they are wanted for.
 */
#ifndef TCPCLOSE_KERNEL_TYPES_H
#define TCPCLOSE_KERNEL_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum kernel_type {
	TYPE_STATE, /* tracepoints */
	TYPE_SEND_RESET,
	TYPE_RECEIVE_RESET,
	TYPE_RETRANSMIT,
	TYPE_DESTROY,
	TYPE_TIMER_EXPIRE,
	TYPE_RECV_LENGTH,
	TYPE_TCP_TIME_WAIT, /* functions */
	TYPE_TWSK_SCHEDULE,
	TYPE_TWSK_KILL,
	TYPE_TW_TIMER_HANDLER,
	TYPE_TCP_ABORT,
	TYPE_SOCK_GRAFT,
	TYPE_ITER_TASK_FILE,
	TYPE_XDP_LINK, /* structures */
	TYPE_CLSACT,
	TYPE_CLS_BPF,
	TYPE_MEM_ALLOC,
	KERNEL_TYPES,
};

struct kernel_types {
	uint32_t ids[KERNEL_TYPES];           /* BTF ids; 0: there is none */
	unsigned int arguments[KERNEL_TYPES]; /* of a tracepoint or function */
};

/* 0 or a negative errno. */
int kernel_types_read(struct kernel_types *types);

/* "tcp_time_wait". */
const char *kernel_type_name(enum kernel_type type);

/* Whether there is this function, with as many arguments as our programs take it to have. */
bool kernel_types_has_function(const struct kernel_types *types, enum kernel_type type);

#endif

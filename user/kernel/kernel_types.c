// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/kernel_types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned int kind;
	unsigned int arguments; /* of a function */
} wanted[KERNEL_TYPES] = {
	[TYPE_STATE] = {"btf_trace_inet_sock_set_state", BTF_KIND_TYPEDEF},
	[TYPE_SEND_RESET] = {"btf_trace_tcp_send_reset", BTF_KIND_TYPEDEF},
	[TYPE_RECEIVE_RESET] = {"btf_trace_tcp_receive_reset", BTF_KIND_TYPEDEF},
	[TYPE_RETRANSMIT] = {"btf_trace_tcp_retransmit_skb", BTF_KIND_TYPEDEF},
	[TYPE_DESTROY] = {"btf_trace_tcp_destroy_sock", BTF_KIND_TYPEDEF},
	[TYPE_TIMER_EXPIRE] = {"btf_trace_timer_expire_entry", BTF_KIND_TYPEDEF},
	[TYPE_RECV_LENGTH] = {"btf_trace_sock_recv_length", BTF_KIND_TYPEDEF},
	[TYPE_TCP_TIME_WAIT] = {"tcp_time_wait", BTF_KIND_FUNC, 3},
	[TYPE_TWSK_SCHEDULE] = {"__inet_twsk_schedule", BTF_KIND_FUNC, 3},
	[TYPE_TWSK_KILL] = {"inet_twsk_kill", BTF_KIND_FUNC, 1},
	[TYPE_TW_TIMER_HANDLER] = {"tw_timer_handler", BTF_KIND_FUNC, 1},
	[TYPE_TCP_ABORT] = {"tcp_abort", BTF_KIND_FUNC, 2},
	[TYPE_SOCK_GRAFT] = {"security_sock_graft", BTF_KIND_FUNC, 2},
	[TYPE_ITER_TASK_FILE] = {"bpf_iter_task_file", BTF_KIND_FUNC, 4},
	[TYPE_XDP_LINK] = {"bpf_xdp_link", BTF_KIND_STRUCT},
	[TYPE_CLSACT] = {"clsact_sched_data", BTF_KIND_STRUCT},
	[TYPE_CLS_BPF] = {"cls_bpf_prog", BTF_KIND_STRUCT},
	[TYPE_MEM_ALLOC] = {"bpf_mem_alloc", BTF_KIND_STRUCT},
};

/* A function's type is its prototype; a tracepoint's is a pointer to one, with a first argument of
 * its own: typedef void (*btf_trace_tcp_send_reset)(void *data, sk, skb, reason). */
static unsigned int count_arguments(const struct btf *btf, const struct btf_type *type)
{
	unsigned int own = btf_is_typedef(type) ? 1 : 0;

	for (int depth = 0; depth < 2 && type && !btf_is_func_proto(type); depth++)
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_func_proto(type) || btf_vlen(type) < own)
		return 0;
	return btf_vlen(type) - own;
}

static void take(struct kernel_types *types, const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	unsigned int kind = btf_kind(type);
	const char *name;

	if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_STRUCT && kind != BTF_KIND_FUNC)
		return;
	name = btf__name_by_offset(btf, type->name_off);
	for (int i = 0; i < KERNEL_TYPES; i++) {
		if (kind != wanted[i].kind || strcmp(name, wanted[i].name) != 0)
			continue;
		types->ids[i] = id;
		types->arguments[i] = count_arguments(btf, type);
	}
}

int kernel_types_read(struct kernel_types *types)
{
	struct btf *btf = btf__load_vmlinux_btf();
	uint32_t count;

	memset(types, 0, sizeof(*types));
	if (!btf)
		return -errno;
	count = btf__type_cnt(btf);
	for (uint32_t id = 1; id < count; id++)
		take(types, btf, id);
	btf__free(btf);
	return 0;
}

const char *kernel_type_name(enum kernel_type type)
{
	return wanted[type].name;
}

bool kernel_types_has_function(const struct kernel_types *types, enum kernel_type type)
{
	return types->ids[type] && types->arguments[type] == wanted[type].arguments;
}

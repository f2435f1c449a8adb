// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * LD_PRELOADed into a loader, gives the kernel other programs than it does. In place of each whose
 * name is in REFUSE (separated by commas) one that the verifier must refuse. With EMPTY=1, in place
 * of each that is to be attached one that does nothing: what is left is what being called costs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* The kernel keeps so much of a name. */
#define NAME (BPF_OBJ_NAME_LEN - 1)

#define RETURN(value)                                                                              \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = (value)          \
	}
#define EXIT                                                                                       \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}

typedef long (*syscall_function)(long, ...);

long syscall(long number, ...);

static bool is_named(const char *name)
{
	const char *list = getenv("REFUSE");

	while (list && *list) {
		size_t length = strcspn(list, ",");

		if (length && strncmp(name, list, length < NAME ? length : NAME) == 0 &&
		    (length >= NAME || !name[length]))
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

static bool put(union bpf_attr *attributes, const struct bpf_insn *program, unsigned int length)
{
	attributes->insns = (unsigned long)program;
	attributes->insn_cnt = length;
	attributes->func_info_cnt = attributes->line_info_cnt = 0;
	return true;
}

/* Not those by which a loader finds out what the kernel can: they come without BTF of their own. */
static bool put_empty(union bpf_attr *attributes)
{
	static const struct bpf_insn none[] = {RETURN(0), EXIT},
				     unspecified[] = {RETURN(TC_ACT_UNSPEC), EXIT},
				     pass[] = {RETURN(XDP_PASS), EXIT};

	if (!attributes->prog_btf_fd)
		return false;
	switch (attributes->prog_type) {
	case BPF_PROG_TYPE_TRACING:
		return attributes->expected_attach_type != BPF_TRACE_ITER &&
		       put(attributes, none, 2);
	case BPF_PROG_TYPE_TRACEPOINT:
		return put(attributes, none, 2);
	case BPF_PROG_TYPE_SCHED_CLS:
		return put(attributes, unspecified, 2);
	case BPF_PROG_TYPE_XDP:
		return put(attributes, pass, 2);
	default:
		return false;
	}
}

/* Whether it is another one now. */
static bool substitute(union bpf_attr *attributes)
{
	/* Leaves without a result. */
	static const struct bpf_insn wrong = EXIT;

	if (is_named(attributes->prog_name))
		return put(attributes, &wrong, 1);
	return getenv("EMPTY") && put_empty(attributes);
}

long syscall(long number, ...)
{
	static syscall_function original;
	union bpf_attr attributes = {0};
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!original)
		original = (syscall_function)dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && arguments[0] == BPF_PROG_LOAD) {
		size_t size = (size_t)arguments[2];

		memcpy(&attributes, (const void *)arguments[1],
		       size < sizeof(attributes) ? size : sizeof(attributes));
		if (substitute(&attributes))
			arguments[1] = (long)&attributes;
	}
	return original(number, arguments[0], arguments[1], arguments[2], arguments[3],
			arguments[4], arguments[5]);
}

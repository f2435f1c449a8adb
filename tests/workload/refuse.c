// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * LD_PRELOADed into a loader: the kernel's verifier is given a program that it must refuse in place
 * of each whose name is in REFUSE (separated by commas).
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* The kernel keeps so much of a name. */
#define NAME (BPF_OBJ_NAME_LEN - 1)

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

long syscall(long number, ...)
{
	/* Leaves without a result. */
	static const struct bpf_insn wrong = {.code = BPF_JMP | BPF_EXIT};
	static syscall_function original;
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!original)
		original = (syscall_function)dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && arguments[0] == BPF_PROG_LOAD) {
		union bpf_attr attributes = {0};
		size_t size = (size_t)arguments[2];

		memcpy(&attributes, (const void *)arguments[1],
		       size < sizeof(attributes) ? size : sizeof(attributes));
		if (is_named(attributes.prog_name)) {
			attributes.insns = (unsigned long)&wrong;
			attributes.insn_cnt = 1;
			attributes.func_info_cnt = attributes.line_info_cnt = 0;
			return original(number, arguments[0], &attributes, arguments[2]);
		}
	}
	return original(number, arguments[0], arguments[1], arguments[2], arguments[3],
			arguments[4], arguments[5]);
}

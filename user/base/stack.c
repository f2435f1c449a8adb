// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/stack.h"

#include <stddef.h>
#include <string.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_known(const char *name)
{
	return name && name[0];
}

static bool starts_with_any(const char *text, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (!strncmp(text, *prefixes, strlen(*prefixes)))
			return true;
	return false;
}

static bool is_call(const char *function)
{
	static const char *const names[] = {"accept", "accept4", "connect",  "read", "readv",
					    "recv",   "recvmsg", "recvfrom", NULL};

	if (starts_with_any(function, (const char *const[]){"__libc_", NULL}))
		return true;
	if (!strncmp(function, "__", 2))
		function += 2;
	for (const char *const *name = names; *name; name++)
		if (!strcmp(function, *name))
			return true;
	return false;
}

/* What stands between a program's code and the kernel: the C library, or what Go and Rust have in
 * its place. */
static bool is_wrapper(const struct stack_frame *frame)
{
	static const char *const modules[] = {"libc.so",  "libc-",   "libc.musl", "libpthread",
					      "ld-linux", "ld-musl", "[vdso]",    NULL};
	static const char *const functions[] = {"syscall.", "internal/", "runtime.", "net.(",
						"std::sys", "std::net",  "<std::",   NULL};

	if (is_known(frame->module) && starts_with_any(base_name(frame->module), modules))
		return true;
	if (!is_known(frame->function))
		return false;
	return is_call(frame->function) || starts_with_any(frame->function, functions);
}

uint32_t stack_own(const struct stack *stack)
{
	for (uint32_t i = 0; i < stack->count; i++)
		if (!is_wrapper(&stack->frames[i]))
			return i;
	return 0;
}

const struct stack_frame *stack_own_frame(const struct stack *stack)
{
	return stack && stack->count ? &stack->frames[stack_own(stack)] : NULL;
}

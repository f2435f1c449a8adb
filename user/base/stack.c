// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/stack.h"

#include <stddef.h>
#include <string.h>

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_c_library(const char *path)
{
	const char *name = base_name(path);

	return begins(name, "libc.so") || begins(name, "libc-") || begins(name, "libpthread") ||
	       begins(name, "ld-linux") || begins(name, "ld-musl") || begins(name, "libc.musl");
}

/* In a program that is linked statically. */
static bool is_wrapper(const char *function)
{
	static const char *const names[] = {"accept", "accept4", "connect",  "read",    "readv",
					    "recv",   "recvmsg", "recvfrom", "recvmmsg"};

	while (*function == '_')
		function++;
	if (begins(function, "libc_"))
		function += strlen("libc_");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(function, names[i]) == 0)
			return true;
	return false;
}

uint32_t stack_first_own(const struct stack *stack)
{
	uint32_t first = 0;

	while (first < stack->count) {
		const struct stack_frame *frame = &stack->frames[first];

		if (!(frame->module && is_c_library(frame->module)) &&
		    !(frame->function && is_wrapper(frame->function)))
			break;
		first++;
	}
	return first;
}

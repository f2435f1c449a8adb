// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/demangle.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define LONGEST 2048

static char *(*cxa_demangle)(const char *name, char *output, size_t *length, int *status);

void demangle_init(void)
{
	void *library = cxa_demangle ? NULL : dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);

	if (library)
		*(void **)&cxa_demangle = dlsym(library, "__cxa_demangle");
}

/* Rust ends its names with a hash: "::h" and 16 digits. */
static void cut_hash(char *name)
{
	size_t length = strlen(name);
	char *hash = length > 19 ? name + length - 19 : NULL;

	if (hash && strncmp(hash, "::h", 3) == 0 && strspn(hash + 3, "0123456789abcdef") == 16)
		*hash = '\0';
}

char *demangle(const char *name)
{
	char *demangled;

	/* It would take "f" for the type float. */
	if (!cxa_demangle || strncmp(name, "_Z", 2) != 0 || strnlen(name, LONGEST) == LONGEST)
		return NULL;
	demangled = cxa_demangle(name, NULL, NULL, NULL);
	if (demangled)
		cut_hash(demangled);
	return demangled;
}

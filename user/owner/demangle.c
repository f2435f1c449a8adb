// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/demangle.h"

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

char *demangle(const char *name)
{
	int status;

	/* It would take "f" for the type float. */
	if (!cxa_demangle || strncmp(name, "_Z", 2) != 0 || strnlen(name, LONGEST) == LONGEST)
		return NULL;
	return cxa_demangle(name, NULL, NULL, &status);
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Addresses of the kernel's functions, as /proc/kallsyms lists them. Knows nothing of their use.
 */
#ifndef TCPCLOSE_KERNEL_KALLSYMS_H
#define TCPCLOSE_KERNEL_KALLSYMS_H

#include <stdint.h>

#include "host/alongside.h"

/* A search, which takes the kernel a while: the caller does something else meanwhile. */
struct kallsyms_search {
	const char *name;
	struct alongside work;
	uint64_t address; /* of the function, 0 if hidden */
	int error;        /* 0 or a negative errno */
};

/* `name` stays the caller's. */
void kallsyms_begin(struct kallsyms_search *search, const char *name);
/* From then on the result is there. */
void kallsyms_end(struct kallsyms_search *search);

#endif

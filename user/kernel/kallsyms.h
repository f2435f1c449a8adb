/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Addresses of the kernel's functions, as /proc/kallsyms lists them. Knows nothing of their use.
 */
#ifndef TCPCLOSE_KERNEL_KALLSYMS_H
#define TCPCLOSE_KERNEL_KALLSYMS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A search, which takes the kernel a while: the caller does something else meanwhile. */
struct kallsyms_search {
	const char *name;
	pthread_t thread;
	bool alongside; /* that thread does it */
	uint64_t address;
	int error;
};

/* `name` stays the caller's. */
void kallsyms_begin(struct kallsyms_search *search, const char *name);
/* The address of the function, 0 if hidden; 0 or a negative errno in *error. */
uint64_t kallsyms_end(struct kallsyms_search *search, int *error);

#endif

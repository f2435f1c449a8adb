/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Addresses of the kernel's functions, as /proc/kallsyms lists them. Knows nothing of their use.
 */
#ifndef TCPCLOSE_KERNEL_KALLSYMS_H
#define TCPCLOSE_KERNEL_KALLSYMS_H

#include <stdint.h>

/* The address of a function, 0 if hidden; 0 or a negative errno in *error. */
uint64_t kallsyms_find(const char *name, int *error);

#endif

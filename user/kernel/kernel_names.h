/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The running kernel's own names for numbers in records, read from its types (BTF): a table
 * compiled in would go wrong on another kernel. Knows nothing of what the numbers mean.
 */
#ifndef TCPCLOSE_KERNEL_NAMES_H
#define TCPCLOSE_KERNEL_NAMES_H

#include <stdint.h>

struct kernel_names;

/* Reads nothing yet: the kernel's types are loaded at the first question and let go at once.
 * NULL: no memory. */
struct kernel_names *kernel_names_new(void);
void kernel_names_free(struct kernel_names *names);

/* enum sk_rst_reason (6.10) without its prefix: "TCP_ABORT_ON_CLOSE". NULL: not known. */
const char *kernel_names_reset_reason(struct kernel_names *names, uint32_t reason);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who listens where, in all namespaces, as of the last listing. Knows sockets that were not
 * accepted yet as far as to find the listener in whose queue they are.
 */
#ifndef TCPCLOSE_KERNEL_LISTENERS_H
#define TCPCLOSE_KERNEL_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

struct listeners;

struct listeners *listeners_new(bool sock_diag); /* NULL without memory */
void listeners_free(struct listeners *listeners);

/* Lists them anew, of one namespace (0: of all). 0 or a negative errno. */
int listeners_read(struct listeners *listeners, uint32_t netns);

/* The listener on a socket's local port and address: its inode; of several one. 0: there is none.
 */
uint64_t listeners_find(const struct listeners *listeners, uint32_t netns, const struct flow *flow);

#endif

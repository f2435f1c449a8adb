/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The memory of millions of entries is wished for in pages of 2 MB: one fault for 512, and fewer
 * misses where the processor looks up addresses. Who may ask the system says how.
 */
#ifndef TCPCLOSE_BASE_LARGE_H
#define TCPCLOSE_BASE_LARGE_H

#include <stddef.h>

#define LARGE_PAGE ((size_t)2 << 20)

/* Of memory that lies in whole large pages. It cannot fail: it is a wish. */
typedef void (*large_wish)(void *memory, size_t size);

/* How to ask for it from now on; until then nobody does. */
void large_set(large_wish wish);

/* Asks for what of the memory lies in whole large pages. */
void large_ask(void *memory, size_t size);

#endif

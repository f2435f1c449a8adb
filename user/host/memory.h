/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Memory as the system gives it: when it goes back, and in which pages it comes. At the start the
 * kernel's types are read again and again, 11 MB each time: pages that come anew cost more than
 * what is done with them.
 */
#ifndef TCPCLOSE_HOST_MEMORY_H
#define TCPCLOSE_HOST_MEMORY_H

/* From here on what is freed is kept for what comes next, in whichever thread. */
void memory_keep(void);
/* What is free goes back now, and large pieces always when they are freed. */
void memory_give_back(void);

/* Large tables come in large pages (transparent_hugepage, where it is "madvise" or "always"). */
void memory_large_pages(void);

#endif

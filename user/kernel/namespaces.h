/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The network namespaces of this machine that can be reached, and how to be in another one for the
 * moment in which a socket or a file is opened there. Knows nothing of what is opened.
 */
#ifndef TCPCLOSE_KERNEL_NAMESPACES_H
#define TCPCLOSE_KERNEL_NAMESPACES_H

#include <stdint.h>

/* A namespace: its inode number, and a descriptor that is closed after the call. A negative result
 * ends the walk; so does a positive one: enough was seen. */
typedef int (*namespaces_visit)(void *context, uint32_t netns, int descriptor);

/* Visits each namespace once, our own first: those that a mount keeps (ip-netns, container engines)
 * and those that a process lives in. Not those that only an open descriptor keeps. 0, the
 * negative result of visit(), or a negative errno. */
int namespaces_walk(namespaces_visit visit, void *context);

/* The namespace of this inode number, if a thread of the process lives in it (each may be in
 * another one): a descriptor, or a negative errno. */
int namespaces_open(uint32_t pid, uint32_t netns);

/* The same, whoever lives in it or keeps it: a descriptor, to be closed soon as it keeps the
 * namespace alive, or a negative errno. -ESRCH: it cannot be reached. Our own is found at once,
 * another one by a walk. */
int namespaces_reach(uint32_t netns);

/* Puts the calling thread into a namespace. The descriptor to come back with, or a negative errno:
 * then it has not moved. */
int namespaces_enter(int descriptor);
/* Back home; closes the descriptor. 0 or a negative errno. */
int namespaces_leave(int home);

#endif

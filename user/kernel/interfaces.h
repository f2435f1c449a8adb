/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Keeps the packet witness attached to the interfaces of this machine, in all network namespaces
 * that can be reached, while both come and go. No namespace lives longer for it. It must not know
 * what the programs look for.
 */
#ifndef TCPCLOSE_KERNEL_INTERFACES_H
#define TCPCLOSE_KERNEL_INTERFACES_H

#include <poll.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kernel/interface_notes.h"
#include "kernel/packet_probe.h"

struct interfaces;

struct interfaces_request {
	struct packet_probe *probe;
	/* Only interfaces with these names, of our own namespace or of the one that netns names;
	 * also those that get such a name later. None: all. */
	const char *const *names;
	unsigned int name_count;
	uint32_t netns;      /* only this namespace, by inode; 0: all */
	interface_note note; /* may be NULL */
	/* One more was attached, which may take 20 ms: time to drain a ring. May be NULL. */
	void (*progress)(void *context);
	/* A namespace was destroyed: its inode number may come again. May be NULL. */
	void (*namespace_gone)(void *context, uint32_t netns);
	void *context;
};

struct interfaces_counts {
	unsigned int namespaces;
	unsigned int attached;
	unsigned int waiting;       /* until they come up */
	unsigned int refused;       /* of a type that cannot be read, or attaching failed */
	unsigned int stale_filters; /* that killed tracers had left behind, removed */
};

/* Attaches to what there is. The calling process must have one thread. 0 or a negative errno; that
 * single interfaces could not be attached is no error, see the counts. *interfaces is set before
 * the first progress(). */
int interfaces_open(struct interfaces **interfaces, const struct interfaces_request *request);
/* Detaches everywhere. */
void interfaces_close(struct interfaces *interfaces);

#define INTERFACES_DESCRIPTORS 2

/* What to poll(); not for epoll, where one of them would lose events. */
void interfaces_descriptors(const struct interfaces *interfaces,
			    struct pollfd descriptors[INTERFACES_DESCRIPTORS]);
/* After a poll() of these with any result. 0 or a negative errno: nothing is followed any more. */
int interfaces_dispatch(struct interfaces *interfaces,
			const struct pollfd descriptors[INTERFACES_DESCRIPTORS]);

/* A socket was seen in this namespace, by a task of this process: RECORD_NAMESPACE. */
int interfaces_add_namespace(struct interfaces *interfaces, uint32_t pid, uint32_t netns);

/* NULL if not known. Valid until the next call of another function of this room. */
const char *interface_name(const struct interfaces *interfaces, uint32_t netns, uint32_t index);

struct interfaces_counts interfaces_counts(const struct interfaces *interfaces);

/* A line for each interface: how it is attached, or why not. */
void interfaces_explain(const struct interfaces *interfaces, struct buffer *out);

#endif

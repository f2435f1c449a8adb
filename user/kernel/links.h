/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What rtnetlink says of network interfaces and namespaces: those that exist, and what changes,
 * in every namespace that has a number (nsid) in ours. Knows nothing of what is done with them.
 */
#ifndef TCPCLOSE_KERNEL_LINKS_H
#define TCPCLOSE_KERNEL_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define LINKS_OWN_NAMESPACE (-1) /* in place of an nsid */

enum link_event_kind {
	LINK_IS,             /* it exists: new, changed, or listed */
	LINK_GONE,           /* deleted, or moved to another namespace */
	LINK_NAMESPACE_IS,   /* a namespace has got an nsid; no link */
	LINK_NAMESPACE_GONE, /* and lost it: it is being destroyed */
	LINK_FILTERS_FEWER,  /* a filter or a queueing discipline of it was removed */
};

struct link_event {
	enum link_event_kind kind;
	int nsid;  /* where it happened */
	int other; /* the nsid that a LINK_NAMESPACE_... is about, as counted there */
	uint32_t index;
	uint16_t type; /* ARPHRD_... */
	bool up;
	char name[IF_NAMESIZE];
};

typedef void (*links_take)(void *context, const struct link_event *event);

/* All links of the namespace in which the caller is; one may come twice. 0 or a negative errno. */
int links_list(links_take take, void *context);

/* A socket in the caller's namespace that hears of changes in all that have an nsid there. */
int links_monitor_open(void);
/* Takes what waits, without blocking. 0 or a negative errno; -ENOBUFS: some were not delivered. */
int links_monitor_read(int monitor, links_take take, void *context);

/* The nsid in the caller's namespace of the one behind a descriptor; where it has none and `assign`
 * asks for it, it is given one, which lasts as long as both namespaces. -ENOENT: it has none. */
int links_nsid(int descriptor, bool assign);

#endif

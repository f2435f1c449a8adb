/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The interfaces known, by namespace, and for a while those that are gone, because segments seen
 * on them are still to be told. Memory only; knows nothing of how they are found or attached.
 */
#ifndef TCPCLOSE_KERNEL_INTERFACE_TABLE_H
#define TCPCLOSE_KERNEL_INTERFACE_TABLE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

struct packet_attachment;

enum interface_state {
	INTERFACE_PENDING,  /* to be attached */
	INTERFACE_DOWN,     /* to be attached when it comes up */
	INTERFACE_ATTACHED, /* attachment is set */
	INTERFACE_DOUBTED,  /* so it is, but someone may have removed what it stands for */
	INTERFACE_UNWANTED, /* another name was asked for */
	INTERFACE_REFUSED,  /* reason says why */
};

struct interface {
	struct map_link by_index;
	struct interface *next;
	uint32_t netns;
	uint32_t index;
	uint16_t type; /* ARPHRD_... */
	bool up;
	bool seen; /* in the listing that is under way */
	enum interface_state state;
	char name[IF_NAMESIZE];
	char *reason; /* of a refusal, or what was not to be had; or NULL */
	struct packet_attachment *attachment;
};

struct interface_namespace {
	struct interface_namespace *next;
	uint32_t netns; /* inode */
	int nsid;
	bool home;
	bool stale; /* what is known may be wrong: to be listed */
	struct interface *interfaces;
};

struct interface_table {
	struct map by_index;
	struct interface_namespace *namespaces;
	struct interface *gone_first; /* the oldest */
	struct interface *gone_last;
	unsigned int gone_count;
};

/* 0 or -ENOMEM. */
int interface_table_init(struct interface_table *table);
/* Attachments must have been let go. */
void interface_table_done(struct interface_table *table);

struct interface_namespace *interface_table_namespace(const struct interface_table *table,
						      uint32_t netns);
/* Whom the next message with this number is about: the oldest that has it. The kernel gives away
 * what is free, perhaps before the message of the end of who had it is read. */
struct interface_namespace *interface_table_nsid(const struct interface_table *table, int nsid);
/* NULL: no memory. */
struct interface_namespace *interface_table_add_namespace(struct interface_table *table,
							  uint32_t netns, int nsid);
/* Its interfaces are gone with it. */
void interface_table_remove_namespace(struct interface_table *table,
				      struct interface_namespace *space);

struct interface *interface_find(const struct interface_namespace *space, uint32_t index);
/* Pending; NULL: no memory. */
struct interface *interface_add(struct interface_table *table, struct interface_namespace *space,
				uint32_t index);
/* Remembers its name only; the attachment must have been let go. */
void interface_remove(struct interface_table *table, struct interface_namespace *space,
		      struct interface *interface);

/* The last interface that had this index, also if it is gone; NULL: not known (any more). */
const struct interface *interface_table_find(const struct interface_table *table, uint32_t netns,
					     uint32_t index);

#endif

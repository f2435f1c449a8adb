// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/interface_table.h"

#include <errno.h>
#include <stdlib.h>

#define GONE_KEPT 4096

static uint64_t hash_of(uint32_t netns, uint32_t index)
{
	return hash_mix((uint64_t)netns << 32 | index);
}

static void interface_free(struct interface_table *table, struct interface *interface)
{
	map_remove(&table->by_index, &interface->by_index);
	free(interface->reason);
	free(interface);
}

static void free_list(struct interface_table *table, struct interface *first)
{
	while (first) {
		struct interface *next = first->next;

		interface_free(table, first);
		first = next;
	}
}

int interface_table_init(struct interface_table *table)
{
	*table = (struct interface_table){};
	return map_init(&table->by_index);
}

void interface_table_done(struct interface_table *table)
{
	while (table->namespaces) {
		struct interface_namespace *space = table->namespaces;

		table->namespaces = space->next;
		free_list(table, space->interfaces);
		free(space);
	}
	free_list(table, table->gone_first);
	map_done(&table->by_index);
	*table = (struct interface_table){};
}

struct interface_namespace *interface_table_namespace(const struct interface_table *table,
						      uint32_t netns)
{
	struct interface_namespace *space = table->namespaces;

	while (space && space->netns != netns)
		space = space->next;
	return space;
}

struct interface_namespace *interface_table_nsid(const struct interface_table *table, int nsid)
{
	struct interface_namespace *oldest = NULL;

	for (struct interface_namespace *space = table->namespaces; space; space = space->next)
		if (space->nsid == nsid)
			oldest = space;
	return oldest;
}

struct interface_namespace *interface_table_add_namespace(struct interface_table *table,
							  uint32_t netns, int nsid)
{
	struct interface_namespace *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->netns = netns;
	space->nsid = nsid;
	space->stale = true;
	space->next = table->namespaces; /* the newest is the first */
	table->namespaces = space;
	return space;
}

void interface_table_remove_namespace(struct interface_table *table,
				      struct interface_namespace *space)
{
	struct interface_namespace **at = &table->namespaces;

	while (space->interfaces)
		interface_remove(table, space, space->interfaces);
	while (*at != space)
		at = &(*at)->next;
	*at = space->next;
	free(space);
}

struct interface *interface_find(const struct interface_namespace *space, uint32_t index)
{
	struct interface *interface = space->interfaces;

	while (interface && interface->index != index)
		interface = interface->next;
	return interface;
}

struct interface *interface_add(struct interface_table *table, struct interface_namespace *space,
				uint32_t index)
{
	struct interface *interface = calloc(1, sizeof(*interface));

	if (!interface)
		return NULL;
	interface->netns = space->netns;
	interface->index = index;
	interface->next = space->interfaces;
	space->interfaces = interface;
	map_add(&table->by_index, &interface->by_index, hash_of(space->netns, index));
	return interface;
}

void interface_remove(struct interface_table *table, struct interface_namespace *space,
		      struct interface *interface)
{
	struct interface **at = &space->interfaces;

	while (*at != interface)
		at = &(*at)->next;
	*at = interface->next;
	interface->next = NULL;
	interface->attachment = NULL;
	if (table->gone_last)
		table->gone_last->next = interface;
	else
		table->gone_first = interface;
	table->gone_last = interface;
	if (++table->gone_count > GONE_KEPT) {
		struct interface *oldest = table->gone_first;

		table->gone_first = oldest->next;
		table->gone_count--;
		interface_free(table, oldest);
	}
}

const struct interface *interface_table_find(const struct interface_table *table, uint32_t netns,
					     uint32_t index)
{
	struct map_link *link = map_first(&table->by_index, hash_of(netns, index));

	for (; link; link = map_next(link)) {
		const struct interface *interface = container_of(link, struct interface, by_index);

		if (interface->netns == netns && interface->index == index)
			return interface;
	}
	return NULL;
}

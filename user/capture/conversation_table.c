// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/conversation_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define FIRST_BUCKETS 1024
#define FIRST_ENTRIES 256
#define LIMIT_MAX (1u << 30)

int conversation_table_init(struct conversation_table *table, size_t limit)
{
	*table = (struct conversation_table){
		.mask = FIRST_BUCKETS - 1,
		.limit = limit < 1           ? 1
			 : limit > LIMIT_MAX ? LIMIT_MAX
					     : (uint32_t)limit,
	};
	table->buckets = calloc(FIRST_BUCKETS, sizeof(*table->buckets));
	return table->buckets ? 0 : -ENOMEM;
}

void conversation_table_done(struct conversation_table *table)
{
	free(table->entries);
	free(table->links);
	free(table->buckets);
	*table = (struct conversation_table){0};
}

static struct conversation_list *list_of(struct conversation_table *table,
					 const struct conversation *conversation)
{
	return conversation->notes & CONVERSATION_CLOSED ? &table->closed : &table->open;
}

static void list_add(struct conversation_table *table, struct conversation_list *list,
		     uint32_t number)
{
	table->links[number] = (struct conversation_links){.older = list->newest};
	if (list->newest)
		table->links[list->newest].newer = number;
	else
		list->oldest = number;
	list->newest = number;
}

static void list_remove(struct conversation_table *table, struct conversation_list *list,
			uint32_t number)
{
	struct conversation_links links = table->links[number];

	if (links.older)
		table->links[links.older].newer = links.newer;
	else
		list->oldest = links.newer;
	if (links.newer)
		table->links[links.newer].older = links.older;
	else
		list->newest = links.older;
}

static uint32_t number_of(const struct conversation_table *table,
			  const struct conversation *conversation)
{
	return (uint32_t)(conversation - table->entries);
}

/* The same for both directions, because the ends are in order. */
static uint64_t hash_of(const struct conversation *key)
{
	uint64_t hash = key->addresses[0] * 0x9e3779b97f4a7c15ull ^ key->addresses[1];

	hash = hash * 0xff51afd7ed558ccdull ^ key->addresses[2] ^ hash >> 32;
	hash = hash * 0xc4ceb9fe1a85ec53ull ^ key->addresses[3] ^ hash >> 32;
	return hash_mix(hash + ((uint64_t)key->ports[0] << 16 | key->ports[1]));
}

static bool same(const struct conversation *entry, const struct conversation *key)
{
	return !((entry->ports[0] ^ key->ports[0]) | (entry->ports[1] ^ key->ports[1]) |
		 (entry->addresses[0] ^ key->addresses[0]) |
		 (entry->addresses[1] ^ key->addresses[1]) |
		 (entry->addresses[2] ^ key->addresses[2]) |
		 (entry->addresses[3] ^ key->addresses[3]));
}

/* Fills the addresses of a key, in order: which is first does not matter as long as it is the same
 * for both directions. Returns the end that is the flow's local. */
static unsigned int key_of(struct conversation *key, const struct flow *flow)
{
	uint64_t words[4];
	unsigned int turned;

	memcpy(words, flow->local, sizeof(flow->local));
	memcpy(words + 2, flow->remote, sizeof(flow->remote));
	if (words[1] != words[3])
		turned = words[1] > words[3];
	else if (words[0] != words[2])
		turned = words[0] > words[2];
	else
		turned = flow->local_port > flow->remote_port;
	key->addresses[0] = words[turned * 2];
	key->addresses[1] = words[turned * 2 + 1];
	key->addresses[2] = words[2 - turned * 2];
	key->addresses[3] = words[3 - turned * 2];
	key->ports[turned] = flow->local_port;
	key->ports[!turned] = flow->remote_port;
	return turned;
}

struct flow conversation_flow(const struct conversation *conversation, unsigned int local)
{
	struct flow flow = {
		.local_port = conversation->ports[local],
		.remote_port = conversation->ports[!local],
	};

	memcpy(flow.local, conversation->addresses + local * 2, sizeof(flow.local));
	memcpy(flow.remote, conversation->addresses + 2 - local * 2, sizeof(flow.remote));
	return flow;
}

static bool grow_buckets(struct conversation_table *table)
{
	uint32_t mask = table->mask * 2 + 1;
	uint32_t *buckets = calloc((size_t)mask + 1, sizeof(*buckets));

	if (!buckets)
		return false;
	for (uint32_t number = 1; number <= table->count; number++) {
		struct conversation *entry = &table->entries[number];
		uint32_t *bucket = &buckets[hash_of(entry) & mask];

		entry->next = *bucket;
		*bucket = number;
	}
	free(table->buckets);
	table->buckets = buckets;
	table->mask = mask;
	return true;
}

static bool grow_entries(struct conversation_table *table)
{
	uint32_t capacity = table->capacity ? table->capacity * 2 : FIRST_ENTRIES;
	struct conversation *entries;
	struct conversation_links *links;

	entries = realloc(table->entries, ((size_t)capacity + 1) * sizeof(*entries));
	if (!entries)
		return false;
	table->entries = entries;
	links = realloc(table->links, ((size_t)capacity + 1) * sizeof(*links));
	if (!links)
		return false;
	table->links = links;
	table->capacity = capacity;
	return true;
}

static void remove_from_bucket(struct conversation_table *table, uint32_t number)
{
	uint32_t *at = &table->buckets[hash_of(&table->entries[number]) & table->mask];

	while (*at != number)
		at = &table->entries[*at].next;
	*at = table->entries[number].next;
}

/* The number of an entry that is in no list and no bucket; 0 without memory. */
static uint32_t make_room(struct conversation_table *table)
{
	struct conversation_list *list = &table->closed;
	uint32_t number;

	if (table->count < table->limit) {
		if (table->count == table->capacity && !grow_entries(table))
			return 0;
		if (table->count > table->mask)
			grow_buckets(table); /* a full table is only slower */
		return ++table->count;
	}
	if (!list->oldest) {
		list = &table->open;
		table->forgotten++;
	}
	number = list->oldest;
	list_remove(table, list, number);
	remove_from_bucket(table, number);
	return number;
}

static struct conversation *add(struct conversation_table *table, const struct conversation *key,
				uint64_t hash)
{
	uint32_t number = make_room(table);
	struct conversation *entry;
	uint32_t *bucket;

	if (!number)
		return NULL;
	entry = &table->entries[number];
	bucket = &table->buckets[hash & table->mask];
	*entry = *key;
	entry->next = *bucket;
	*bucket = number;
	list_add(table, &table->open, number);
	return entry;
}

struct conversation *conversation_table_find(struct conversation_table *table,
					     const struct flow *flow, unsigned int *sender,
					     bool *is_new)
{
	struct conversation key = {0};
	struct conversation_list *list;
	uint32_t number;
	uint64_t hash;

	*sender = key_of(&key, flow);
	*is_new = false;
	hash = hash_of(&key);
	for (number = table->buckets[hash & table->mask]; number;
	     number = table->entries[number].next)
		if (same(&table->entries[number], &key))
			break;
	if (!number) {
		*is_new = true;
		return add(table, &key, hash);
	}
	list = list_of(table, &table->entries[number]);
	if (list->newest != number) {
		list_remove(table, list, number);
		list_add(table, list, number);
	}
	return &table->entries[number];
}

void conversation_table_close(struct conversation_table *table, struct conversation *conversation)
{
	uint32_t number = number_of(table, conversation);

	if (conversation->notes & CONVERSATION_CLOSED)
		return;
	list_remove(table, &table->open, number);
	conversation->notes |= CONVERSATION_CLOSED;
	list_add(table, &table->closed, number);
}

void conversation_table_reopen(struct conversation_table *table, struct conversation *conversation)
{
	uint32_t number = number_of(table, conversation);

	if (!(conversation->notes & CONVERSATION_CLOSED))
		return;
	list_remove(table, &table->closed, number);
	conversation->notes &= (uint8_t)~CONVERSATION_CLOSED;
	list_add(table, &table->open, number);
}

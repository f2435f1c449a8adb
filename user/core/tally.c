// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tally_add(struct tally *sum, const struct tally *tally)
{
	sum->now += tally->now;
	sum->entered += tally->entered;
	sum->left += tally->left;
	for (unsigned int end = 0; end < TIME_WAIT_ENDS; end++)
		sum->ended[end] += tally->ended[end];
	sum->entered_lately += tally->entered_lately;
	sum->left_lately += tally->left_lately;
}

int tally_table_begin(struct tally_table *table, size_t capacity)
{
	map_done(&table->map);
	table->map = (struct map){0};
	table->count = table->top_count = 0;
	table->others = (struct tally){0};
	if (capacity > table->capacity) {
		struct tally_row *rows = realloc(table->rows, capacity * sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		table->rows = rows;
		table->capacity = capacity;
	}
	return map_init(&table->map);
}

static uint64_t hash_key(const struct tally_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = 0;

	_Static_assert(sizeof(words) == sizeof(*key), "all of the key is hashed");
	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = hash_join(hash, words[i]);
	return hash;
}

void tally_table_add(struct tally_table *table, const struct tally_key *key,
		     const struct tally *tally)
{
	uint64_t hash = hash_key(key);
	struct tally_row *row;

	for (struct map_link *link = map_first(&table->map, hash); link; link = map_next(link)) {
		row = container_of(link, struct tally_row, link);
		if (!memcmp(&row->key, key, sizeof(*key))) {
			tally_add(&row->tally, tally);
			return;
		}
	}
	row = &table->rows[table->count++];
	row->key = *key;
	row->tally = *tally;
	map_add(&table->map, &row->link, hash);
}

/* Equal ones in an order that stays the same from view to view. */
static int compare(const struct tally_row *a, const struct tally_row *b)
{
	if (a->tally.now != b->tally.now)
		return a->tally.now > b->tally.now ? -1 : 1;
	if (a->tally.entered != b->tally.entered)
		return a->tally.entered > b->tally.entered ? -1 : 1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

void tally_table_end(struct tally_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct tally_row *row = &table->rows[i];
		size_t at = table->top_count;

		if (at == TALLY_TOP && compare(row, table->top[at - 1]) > 0) {
			tally_add(&table->others, &row->tally);
			continue;
		}
		if (at == TALLY_TOP)
			tally_add(&table->others, &table->top[--at]->tally);
		else
			table->top_count++;
		for (; at > 0 && compare(row, table->top[at - 1]) < 0; at--)
			table->top[at] = table->top[at - 1];
		table->top[at] = row;
	}
}

void tally_table_done(struct tally_table *table)
{
	map_done(&table->map);
	free(table->rows);
	*table = (struct tally_table){0};
}

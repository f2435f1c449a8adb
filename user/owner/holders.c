// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/holders.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "host/clock.h"
#include "owner/descriptors.h"

#define SECOND UINT64_C(1000000000)
#define SCAN_SHARE 50
#define FIRST_CAPACITY 256

struct entry {
	uint64_t key; /* inode or cookie, 0: free */
	struct holder holder;
	uint32_t last_pid; /* counted last */
};

/* Open addressing, never more than three quarters full. */
struct table {
	struct entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/* A scan that is not complete: what the processes looked at so far hold. */
struct scan {
	bool runs;
	int list; /* the kernel's, below 0: there is none */
	struct descriptors walk;
	size_t next;       /* of its pids */
	uint32_t last_pid; /* on the list */
	struct table by_inode;
	struct holders_stats stats;
};

struct holders {
	struct descriptors_list kernel;
	struct table by_inode; /* of the last complete scan */
	struct table by_cookie;
	size_t limit;
	uint64_t next_scan;
	struct holders_stats stats;
	struct scan scan;
};

static struct entry *table_slot(const struct table *table, uint64_t key)
{
	size_t index = hash_mix(key) & (table->capacity - 1);

	while (table->entries[index].key && table->entries[index].key != key)
		index = (index + 1) & (table->capacity - 1);
	return &table->entries[index];
}

static struct entry *table_find(const struct table *table, uint64_t key)
{
	struct entry *entry = table->count && key ? table_slot(table, key) : NULL;

	return entry && entry->key ? entry : NULL;
}

static bool table_grow(struct table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY;
	struct table grown = {calloc(capacity, sizeof(struct entry)), capacity, table->count};

	if (!grown.entries)
		return false;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->entries[i].key)
			*table_slot(&grown, table->entries[i].key) = table->entries[i];
	free(table->entries);
	*table = grown;
	return true;
}

/* The entry of a key, new or old; NULL above the limit or without memory. */
static struct entry *table_add(struct table *table, uint64_t key, size_t limit)
{
	struct entry *entry = table_find(table, key);

	if (entry || !key)
		return entry;
	if (table->count >= limit)
		return NULL;
	if (table->count + 1 > table->capacity / 4 * 3 && !table_grow(table))
		return NULL;
	entry = table_slot(table, key);
	entry->key = key;
	table->count++;
	return entry;
}

static void table_clear(struct table *table)
{
	if (table->count)
		memset(table->entries, 0, table->capacity * sizeof(struct entry));
	table->count = 0;
}

struct holders *holders_new(size_t limit)
{
	struct holders *holders = calloc(1, sizeof(*holders));

	if (!holders)
		return NULL;
	holders->limit = limit;
	holders->scan.list = -1;
	descriptors_init(&holders->scan.walk);
	return holders;
}

static void scan_close(struct scan *scan)
{
	if (scan->list >= 0)
		close(scan->list);
	scan->list = -1;
	descriptors_close(&scan->walk);
	scan->runs = false;
}

void holders_free(struct holders *holders)
{
	if (!holders)
		return;
	scan_close(&holders->scan);
	descriptors_done(&holders->scan.walk);
	free(holders->scan.by_inode.entries);
	free(holders->by_inode.entries);
	free(holders->by_cookie.entries);
	free(holders);
}

static void hold(struct holders *holders, uint64_t inode, uint32_t pid, const char *comm)
{
	struct entry *entry = table_add(&holders->scan.by_inode, inode, holders->limit);

	if (!entry) {
		holders->scan.stats.dropped++;
		return;
	}
	if (!entry->holder.count) {
		entry->holder.pid = pid;
		memcpy(entry->holder.comm, comm, sizeof(entry->holder.comm));
	}
	if (entry->last_pid != pid)
		entry->holder.count++;
	entry->last_pid = pid;
}

/* The process being looked at; its name is only read if it holds a socket. */
struct scanned {
	struct holders *holders;
	uint32_t pid;
	int directory; /* its descriptors */
	bool named;
	char comm[HOLDER_COMM_LENGTH];
};

static void hold_scanned(void *context, int32_t descriptor, uint64_t inode)
{
	struct scanned *process = context;

	(void)descriptor;
	if (!process->named)
		descriptors_comm(process->directory, process->comm, sizeof(process->comm));
	process->named = true;
	hold(process->holders, inode, process->pid, process->comm);
}

/* A process may be gone by now, or not ours to look into: it then holds nothing for us. */
static void scan_process(struct holders *holders, uint32_t pid)
{
	int directory = descriptors_process(&holders->scan.walk, pid);
	struct scanned process = {.holders = holders, .pid = pid, .directory = directory};

	if (directory < 0)
		return;
	holders->scan.stats.processes++;
	descriptors_sockets(directory, hold_scanned, &process);
	close(directory);
}

static void hold_listed(void *context, const struct task_file *file)
{
	struct holders *holders = context;
	struct scan *scan = &holders->scan;

	scan->stats.processes += scan->last_pid != file->pid;
	scan->last_pid = file->pid;
	hold(holders, file->inode, file->pid, file->comm);
}

static int scan_begin(struct holders *holders)
{
	struct scan *scan = &holders->scan;
	int error;

	scan->next = scan->last_pid = 0;
	scan->stats = (struct holders_stats){};
	if (holders->kernel.open)
		scan->list = holders->kernel.open(holders->kernel.context);
	error = scan->list < 0 ? descriptors_open(&scan->walk) : 0;
	if (!error && scan->list < 0)
		error = descriptors_list_processes(&scan->walk);
	scan->runs = !error;
	if (error)
		scan_close(scan);
	return error;
}

/* 1: there is more to scan, 0: that was all, or a negative errno. */
static int scan_part(struct holders *holders)
{
	struct scan *scan = &holders->scan;

	if (scan->list >= 0)
		return descriptors_listed(scan->list, hold_listed, holders);
	if (scan->next < scan->walk.count)
		scan_process(holders, scan->walk.pids[scan->next++]);
	return scan->next < scan->walk.count;
}

/* The new tables take the place of the old ones, whose memory is kept for the next scan. */
static void scan_end(struct holders *holders, uint64_t now)
{
	struct table old = holders->by_inode;
	uint64_t pause = holders->scan.stats.scan_ns * SCAN_SHARE;

	holders->scan.stats.sockets = holders->scan.by_inode.count;
	holders->stats = holders->scan.stats;
	holders->by_inode = holders->scan.by_inode;
	table_clear(&old);
	holders->scan.by_inode = old;
	scan_close(&holders->scan);
	holders->next_scan = now + (pause > SECOND ? pause : SECOND);
}

void holders_set_list(struct holders *holders, const struct descriptors_list *list)
{
	holders->kernel = *list;
}

int holders_refresh(struct holders *holders, uint64_t now, uint64_t budget)
{
	uint64_t start = clock_boot(), spent = 0;
	int result = 1, error = 0;

	if (!holders->scan.runs && now < holders->next_scan)
		return 0;
	if (!holders->scan.runs)
		error = scan_begin(holders);
	if (error)
		return error;
	while (result > 0 && spent < budget) {
		result = scan_part(holders);
		spent = clock_boot() - start;
	}
	holders->scan.stats.scan_ns += spent;
	if (result > 0)
		return 0;
	if (result < 0) {
		table_clear(&holders->scan.by_inode);
		scan_close(&holders->scan);
		return result;
	}
	scan_end(holders, now);
	return 1;
}

static bool holder_of(const struct table *table, uint64_t key, struct holder *holder)
{
	const struct entry *entry = table_find(table, key);

	if (entry)
		*holder = entry->holder;
	return entry;
}

bool holders_find(const struct holders *holders, uint64_t inode, struct holder *holder)
{
	return holder_of(&holders->scan.by_inode, inode, holder) ||
	       holder_of(&holders->by_inode, inode, holder);
}

void holders_keep(struct holders *holders, uint64_t cookie, uint64_t inode)
{
	struct holder holder;
	struct entry *kept = NULL;

	if (holders_find(holders, inode, &holder))
		kept = table_add(&holders->by_cookie, cookie, holders->limit);
	if (kept)
		kept->holder = holder;
}

bool holders_find_cookie(const struct holders *holders, uint64_t cookie, struct holder *holder)
{
	return holder_of(&holders->by_cookie, cookie, holder);
}

struct holders_stats holders_stats(const struct holders *holders)
{
	return holders->stats;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "host/clock.h"
#include "host/proc.h"

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

struct holders {
	struct table by_inode;
	struct table by_cookie;
	size_t limit;
	uint64_t next_scan;
	struct holders_stats stats;
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

	if (holders)
		holders->limit = limit;
	return holders;
}

void holders_free(struct holders *holders)
{
	if (!holders)
		return;
	free(holders->by_inode.entries);
	free(holders->by_cookie.entries);
	free(holders);
}

/* One process of the scan; its name is only read if it holds a socket. */
struct scanned {
	int proc;
	uint32_t pid;
	bool named;
	char comm[HOLDER_COMM_LENGTH];
};

static void scanned_name(struct scanned *process)
{
	char path[32];
	ssize_t length = -1;
	int file;

	snprintf(path, sizeof(path), "%u/comm", process->pid);
	file = openat(process->proc, path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		length = read(file, process->comm, sizeof(process->comm) - 1);
		close(file);
	}
	if (length > 0 && process->comm[length - 1] == '\n')
		length--;
	process->comm[length > 0 ? length : 0] = '\0';
	process->named = true;
}

static void holders_add(struct holders *holders, struct scanned *process, uint64_t inode)
{
	struct entry *entry = table_add(&holders->by_inode, inode, holders->limit);

	if (!entry) {
		holders->stats.dropped++;
		return;
	}
	if (!process->named)
		scanned_name(process);
	if (!entry->holder.count) {
		entry->holder.pid = process->pid;
		memcpy(entry->holder.comm, process->comm, sizeof(process->comm));
	}
	if (entry->last_pid != process->pid)
		entry->holder.count++;
	entry->last_pid = process->pid;
}

/* The inode of "socket:[1234]", 0 for any other link. */
static uint64_t socket_inode(const char *link, ssize_t length)
{
	static const char prefix[] = "socket:[";
	uint64_t inode = 0;

	if (length < (ssize_t)sizeof(prefix) || memcmp(link, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	for (ssize_t i = sizeof(prefix) - 1; i < length && link[i] >= '0' && link[i] <= '9'; i++)
		inode = inode * 10 + (uint64_t)(link[i] - '0');
	return inode;
}

struct scan {
	struct holders *holders;
	struct scanned process;
};

static void scan_descriptor(void *context, int directory, const char *name)
{
	struct scan *scan = context;
	char link[64];
	uint64_t inode = socket_inode(link, readlinkat(directory, name, link, sizeof(link)));

	if (inode)
		holders_add(scan->holders, &scan->process, inode);
}

/* A process may be gone by now, or not ours to look into: it then holds nothing for us. */
static void scan_process(void *context, int proc, const char *name)
{
	struct scan *scan = context;
	char path[32];
	int directory;

	snprintf(path, sizeof(path), "%.20s/fd", name);
	directory = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return;
	scan->process = (struct scanned){.proc = proc, .pid = (uint32_t)strtoul(name, NULL, 10)};
	scan->holders->stats.processes++;
	proc_each_number(directory, scan_descriptor, scan);
	close(directory);
}

int holders_refresh(struct holders *holders, uint64_t now)
{
	struct scan scan = {.holders = holders};
	uint64_t start = clock_boot(), pause;
	int proc, error;

	if (now < holders->next_scan)
		return 0;
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return -errno;
	table_clear(&holders->by_inode);
	holders->stats = (struct holders_stats){};
	error = proc_each_number(proc, scan_process, &scan);
	close(proc);
	holders->stats.sockets = holders->by_inode.count;
	holders->stats.scan_ns = clock_boot() - start;
	pause = holders->stats.scan_ns * SCAN_SHARE;
	holders->next_scan = now + (pause > SECOND ? pause : SECOND);
	return error ? error : 1;
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
	return holder_of(&holders->by_inode, inode, holder);
}

void holders_keep(struct holders *holders, uint64_t cookie, uint64_t inode)
{
	const struct entry *now = table_find(&holders->by_inode, inode);
	struct entry *kept = now ? table_add(&holders->by_cookie, cookie, holders->limit) : NULL;

	if (kept)
		kept->holder = now->holder;
}

bool holders_find_cookie(const struct holders *holders, uint64_t cookie, struct holder *holder)
{
	return holder_of(&holders->by_cookie, cookie, holder);
}

struct holders_stats holders_stats(const struct holders *holders)
{
	return holders->stats;
}

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

/* A scan that is not complete: the processes there were when it began, and what they hold. */
struct scan {
	int proc; /* open while it runs, else below 0 */
	uint32_t *pids;
	size_t pid_count;
	size_t pid_capacity;
	size_t next; /* of pids */
	struct table by_inode;
	struct holders_stats stats;
};

struct holders {
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
	holders->scan.proc = -1;
	return holders;
}

void holders_free(struct holders *holders)
{
	if (!holders)
		return;
	if (holders->scan.proc >= 0)
		close(holders->scan.proc);
	free(holders->scan.pids);
	free(holders->scan.by_inode.entries);
	free(holders->by_inode.entries);
	free(holders->by_cookie.entries);
	free(holders);
}

/* The process being looked at; its name is only read if it holds a socket. */
struct scanned {
	struct holders *holders;
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
	file = openat(process->holders->scan.proc, path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		length = read(file, process->comm, sizeof(process->comm) - 1);
		close(file);
	}
	if (length > 0 && process->comm[length - 1] == '\n')
		length--;
	process->comm[length > 0 ? length : 0] = '\0';
	process->named = true;
}

static void scanned_holds(struct scanned *process, uint64_t inode)
{
	struct holders *holders = process->holders;
	struct entry *entry = table_add(&holders->scan.by_inode, inode, holders->limit);

	if (!entry) {
		holders->scan.stats.dropped++;
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

static void scan_descriptor(void *context, int directory, const char *name)
{
	char link[64];
	uint64_t inode = socket_inode(link, readlinkat(directory, name, link, sizeof(link)));

	if (inode)
		scanned_holds(context, inode);
}

/* A process may be gone by now, or not ours to look into: it then holds nothing for us. */
static void scan_process(struct holders *holders, uint32_t pid)
{
	struct scanned process = {.holders = holders, .pid = pid};
	char path[32];
	int directory;

	snprintf(path, sizeof(path), "%u/fd", pid);
	directory = openat(holders->scan.proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return;
	holders->scan.stats.processes++;
	proc_each_number(directory, scan_descriptor, &process);
	close(directory);
}

static void scan_list(void *context, int proc, const char *name)
{
	struct scan *scan = context;

	(void)proc;
	if (scan->pid_count == scan->pid_capacity) {
		size_t capacity = scan->pid_capacity ? scan->pid_capacity * 2 : 1024;
		uint32_t *pids = realloc(scan->pids, capacity * sizeof(*pids));

		if (!pids)
			return;
		scan->pids = pids;
		scan->pid_capacity = capacity;
	}
	scan->pids[scan->pid_count++] = (uint32_t)strtoul(name, NULL, 10);
}

static int scan_begin(struct scan *scan)
{
	scan->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scan->proc < 0)
		return -errno;
	scan->pid_count = 0;
	scan->next = 0;
	scan->stats = (struct holders_stats){};
	return proc_each_number(scan->proc, scan_list, scan);
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
	close(holders->scan.proc);
	holders->scan.proc = -1;
	holders->next_scan = now + (pause > SECOND ? pause : SECOND);
}

int holders_refresh(struct holders *holders, uint64_t now, uint64_t budget)
{
	struct scan *scan = &holders->scan;
	uint64_t start = clock_boot(), spent = 0;
	int error = 0;

	if (scan->proc < 0 && now < holders->next_scan)
		return 0;
	if (scan->proc < 0)
		error = scan_begin(scan);
	while (!error && scan->next < scan->pid_count && spent < budget) {
		scan_process(holders, scan->pids[scan->next++]);
		spent = clock_boot() - start;
	}
	scan->stats.scan_ns += spent;
	if (!error && scan->next < scan->pid_count)
		return 0;
	if (scan->proc >= 0)
		scan_end(holders, now);
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

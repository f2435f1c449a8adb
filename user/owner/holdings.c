// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/holdings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/pool.h"
#include "host/clock.h"
#include "host/proc.h"
#include "owner/descriptors.h"
#include "owner/memberships.h"

#define LIMIT (1 << 20)
#define FIRST_CAPACITY 1024

/* A socket asked for; its holdings are a run of the list when the scan is done. */
struct asked {
	uint64_t inode; /* 0: free */
	uint32_t count;
	uint32_t end;
};

struct holdings {
	struct descriptors_list kernel;  /* its own list */
	void (*progress)(void *context); /* may be NULL */
	void *context;
	/* Of the last scan: */
	struct asked *asked; /* open addressing, never more than half full */
	size_t asked_mask;
	struct holding *list;
	size_t count;
	size_t capacity;
	size_t dropped;
	uint64_t cost;
	struct pool processes;
	struct memberships *memberships;
	uint64_t own_namespace; /* of pids; 0: not known */
	int error;
};

struct holdings *holdings_new(void)
{
	struct holdings *holdings = calloc(1, sizeof(*holdings));

	if (holdings)
		pool_init(&holdings->processes, sizeof(struct holding_process));
	return holdings;
}

static void clear(struct holdings *holdings)
{
	pool_done(&holdings->processes);
	memberships_free(holdings->memberships);
	free(holdings->asked);
	free(holdings->list);
	*holdings = (struct holdings){
		.kernel = holdings->kernel,
		.progress = holdings->progress,
		.context = holdings->context,
	};
	pool_init(&holdings->processes, sizeof(struct holding_process));
}

void holdings_free(struct holdings *holdings)
{
	if (!holdings)
		return;
	clear(holdings);
	free(holdings);
}

/* The place of an inode, free if it is not asked for. */
static struct asked *asked_slot(const struct holdings *holdings, uint64_t inode)
{
	size_t index = hash_mix(inode) & holdings->asked_mask;

	while (holdings->asked[index].inode && holdings->asked[index].inode != inode)
		index = (index + 1) & holdings->asked_mask;
	return &holdings->asked[index];
}

static int ask(struct holdings *holdings, const uint64_t *inodes, size_t count)
{
	size_t capacity = 2;

	while (capacity / 2 < count)
		capacity *= 2;
	holdings->asked = calloc(capacity, sizeof(*holdings->asked));
	holdings->memberships = memberships_new();
	if (!holdings->asked || !holdings->memberships)
		return -ENOMEM;
	holdings->asked_mask = capacity - 1;
	for (size_t i = 0; i < count; i++)
		if (inodes[i])
			asked_slot(holdings, inodes[i])->inode = inodes[i];
	return 0;
}

/* A process may go or be closed to us; but when we lack something, not to find would be a wrong
 * answer. */
static void note_error(struct holdings *holdings, int error)
{
	if (error == -EMFILE || error == -ENFILE || error == -ENOMEM)
		holdings->error = error;
}

static bool list_grow(struct holdings *holdings)
{
	size_t capacity = holdings->capacity ? holdings->capacity * 2 : FIRST_CAPACITY;
	struct holding *list = realloc(holdings->list, capacity * sizeof(*list));

	if (!list) {
		holdings->error = -ENOMEM;
		return false;
	}
	holdings->list = list;
	holdings->capacity = capacity;
	return true;
}

static void add(struct holdings *holdings, struct asked *asked, struct holding_process *process,
		int32_t descriptor)
{
	if (holdings->count == LIMIT) {
		holdings->dropped++;
		return;
	}
	if (holdings->count == holdings->capacity && !list_grow(holdings))
		return;
	holdings->list[holdings->count++] = (struct holding){asked->inode, process, descriptor};
	asked->count++;
}

/* By whom is filled in when all descriptors were looked at. */
static void hold(void *context, int32_t descriptor, uint64_t inode)
{
	struct holdings *holdings = context;
	struct asked *asked = asked_slot(holdings, inode);

	if (asked->inode)
		add(holdings, asked, NULL, descriptor);
}

/* The state is the first after the name, which may have parentheses of its own. */
static bool is_stopped(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
}

/* What everybody may know of a process. */
static void read_standing(struct holdings *holdings, int directory, struct holding_process *process)
{
	char text[256]; /* only numbers follow */
	const struct membership *membership;

	note_error(holdings, (int)descriptors_read(directory, "stat", text, sizeof(text)));
	process->stopped = is_stopped(text);
	membership = memberships_of(holdings->memberships, directory);
	if (!membership)
		return;
	process->cgroup = membership->path;
	process->container = membership->container;
	process->engine = membership->engine;
	process->unit = membership->unit;
	process->pod = membership->pod;
}

static uint64_t pid_namespace(int directory, const char *path)
{
	char link[64];

	return descriptors_inode("pid", link, readlinkat(directory, path, link, sizeof(link)));
}

static struct holding_process *new_process(struct holdings *holdings, uint32_t pid)
{
	struct holding_process *process = pool_take(&holdings->processes);

	if (process)
		*process = (struct holding_process){.pid = pid};
	else
		holdings->error = -ENOMEM;
	return process;
}

static struct holding_process *read_process(struct holdings *holdings, int directory, uint32_t pid)
{
	struct holding_process *process = new_process(holdings, pid);
	uint64_t namespace;
	int error;

	if (!process)
		return NULL;
	namespace = pid_namespace(directory, "../ns/pid");
	process->foreign =
		namespace && holdings->own_namespace && namespace != holdings->own_namespace;
	read_standing(holdings, directory, process);
	error = descriptors_comm(directory, process->comm, sizeof(process->comm));
	if (!error)
		return process;
	note_error(holdings, error);
	pool_give(&holdings->processes, process);
	return NULL;
}

/* Looks at a process by its open /proc/PID/fd. How many descriptors it has, or a negative errno;
 * one that went meanwhile holds nothing. */
static int look(struct holdings *holdings, int directory, uint32_t pid)
{
	struct holding_process *process = NULL;
	size_t first = holdings->count;
	int descriptors = descriptors_sockets(directory, hold, holdings);

	if (descriptors > 0 && holdings->count > first)
		process = read_process(holdings, directory, pid);
	for (size_t i = first; process && i < holdings->count; i++)
		holdings->list[i].process = process;
	while (!process && holdings->count > first)
		asked_slot(holdings, holdings->list[--holdings->count].inode)->count--;
	return descriptors;
}

struct threads {
	struct holdings *holdings;
	uint32_t pid;
	bool found;
};

static void look_at_thread(void *context, int task, const char *name)
{
	struct threads *threads = context;
	char path[32];
	int directory;

	if (threads->found || strtoul(name, NULL, 10) == threads->pid)
		return;
	snprintf(path, sizeof(path), "%.16s/fd", name);
	directory = openat(task, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0) {
		note_error(threads->holdings, -errno);
		return;
	}
	threads->found = look(threads->holdings, directory, threads->pid) > 0;
	close(directory);
}

/* A process whose first thread has ended shows no descriptors, and to its user not even that; its
 * other threads have them. */
static void look_at_threads(struct holdings *holdings, int proc, uint32_t pid)
{
	struct threads threads = {holdings, pid, false};
	char path[32];
	int task;

	snprintf(path, sizeof(path), "%u/task", pid);
	task = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (task < 0) {
		note_error(holdings, -errno);
		return;
	}
	proc_each_number(task, look_at_thread, &threads);
	close(task);
}

static int look_at_process(struct holdings *holdings, const struct descriptors *walk, uint32_t pid)
{
	int directory = descriptors_process(walk, pid);
	int result = directory < 0 ? directory : look(holdings, directory, pid);

	if (directory >= 0)
		close(directory);
	if (result == 0 || result == -EACCES || result == -EPERM)
		look_at_threads(holdings, walk->proc, pid);
	note_error(holdings, result);
	return holdings->error;
}

/* What was found process by process is put together socket by socket: processes and descriptors
 * stay in the order of /proc, which is ascending. */
static int arrange(struct holdings *holdings)
{
	struct holding *list = malloc((holdings->count ? holdings->count : 1) * sizeof(*list));
	uint32_t end = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i <= holdings->asked_mask; i++) {
		holdings->asked[i].end = end;
		end += holdings->asked[i].count;
	}
	for (size_t i = 0; i < holdings->count; i++)
		list[asked_slot(holdings, holdings->list[i].inode)->end++] = holdings->list[i];
	free(holdings->list);
	holdings->list = list;
	holdings->capacity = holdings->count;
	return 0;
}

static void tell_progress(const struct holdings *holdings)
{
	if (holdings->progress)
		holdings->progress(holdings->context);
}

static int walk_all(struct holdings *holdings, struct descriptors *walk)
{
	int error = descriptors_list_processes(walk);

	if (!error)
		holdings->own_namespace = pid_namespace(walk->proc, "self/ns/pid");
	for (size_t i = 0; i < walk->count && !error; i++) {
		error = look_at_process(holdings, walk, walk->pids[i]);
		tell_progress(holdings);
	}
	return error;
}

/* Descriptors as the kernel lists them, those of a process together. */
struct listed {
	struct holdings *holdings;
	const struct descriptors *walk;
	struct holding_process *process; /* of the last one that was asked for */
};

/* What /proc tells of it is of a moment later. */
static struct holding_process *listed_process(const struct listed *listed,
					      const struct task_file *file)
{
	struct holdings *holdings = listed->holdings;
	struct holding_process *process = new_process(holdings, file->pid);
	int directory;

	if (!process)
		return NULL;
	memcpy(process->comm, file->comm, sizeof(process->comm));
	process->foreign = file->foreign;
	directory = descriptors_stranger(listed->walk, file->pid);
	note_error(holdings, directory);
	if (directory < 0)
		return process;
	read_standing(holdings, directory, process);
	close(directory);
	return process;
}

static void hold_listed(void *context, const struct task_file *file)
{
	struct listed *listed = context;
	struct asked *asked = asked_slot(listed->holdings, file->inode);

	if (!asked->inode)
		return;
	if (!listed->process || listed->process->pid != file->pid) {
		listed->process = listed_process(listed, file);
		tell_progress(listed->holdings);
	}
	if (listed->process)
		add(listed->holdings, asked, listed->process, file->descriptor);
}

static int read_list(struct holdings *holdings, const struct descriptors *walk, int list)
{
	struct listed listed = {holdings, walk, NULL};
	int result;

	do
		result = descriptors_listed(list, hold_listed, &listed);
	while (result > 0 && !holdings->error);
	return holdings->error ? holdings->error : result;
}

static int scan(struct holdings *holdings)
{
	struct descriptors walk;
	int list = -1, error;

	descriptors_init(&walk);
	error = descriptors_open(&walk);
	if (!error && holdings->kernel.open)
		list = holdings->kernel.open(holdings->kernel.context);
	if (!error)
		error = list < 0 ? walk_all(holdings, &walk) : read_list(holdings, &walk, list);
	if (list >= 0)
		close(list);
	descriptors_done(&walk);
	return error ? error : arrange(holdings);
}

void holdings_set_list(struct holdings *holdings, const struct descriptors_list *list)
{
	holdings->kernel = *list;
}

void holdings_set_progress(struct holdings *holdings, void (*progress)(void *context),
			   void *context)
{
	holdings->progress = progress;
	holdings->context = context;
}

int holdings_scan(struct holdings *holdings, const uint64_t *inodes, size_t count)
{
	uint64_t start = clock_thread();
	int error;

	clear(holdings);
	error = ask(holdings, inodes, count);
	if (!error)
		error = scan(holdings);
	if (error)
		clear(holdings);
	holdings->cost = clock_thread() - start;
	return error;
}

const struct holding *holdings_of(const struct holdings *holdings, uint64_t inode, size_t *count)
{
	const struct asked *asked = holdings->asked ? asked_slot(holdings, inode) : NULL;

	*count = asked && inode ? asked->count : 0;
	return *count ? holdings->list + asked->end - *count : NULL;
}

size_t holdings_dropped(const struct holdings *holdings)
{
	return holdings->dropped;
}

uint64_t holdings_cost(const struct holdings *holdings)
{
	return holdings->cost;
}

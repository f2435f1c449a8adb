// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/mounts.h"
#include "host/proc.h"

#define OWN "/proc/thread-self/ns/net"

struct walk {
	namespaces_visit visit;
	void *context;
	uint32_t *seen;
	size_t count;
	size_t capacity;
	int error;
};

static bool walk_knows(const struct walk *walk, uint32_t netns)
{
	for (size_t i = walk->count; i-- > 0;)
		if (walk->seen[i] == netns)
			return true;
	return false;
}

static int walk_remember(struct walk *walk, uint32_t netns)
{
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
		uint32_t *seen = realloc(walk->seen, capacity * sizeof(*seen));

		if (!seen)
			return -ENOMEM;
		walk->seen = seen;
		walk->capacity = capacity;
	}
	walk->seen[walk->count++] = netns;
	return 0;
}

/* `name` is what the kernel calls it: "net:[4026531833]". */
static void walk_meet(struct walk *walk, int directory, const char *path, const char *name)
{
	unsigned int netns;
	int descriptor;

	if (walk->error || sscanf(name, "net:[%u]", &netns) != 1 || walk_knows(walk, netns))
		return;
	/* One that is gone by now may be found again elsewhere. */
	descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return;
	walk->error = walk_remember(walk, netns);
	if (!walk->error)
		walk->error = walk->visit(walk->context, netns, descriptor);
	close(descriptor);
}

static void walk_link(struct walk *walk, int directory, const char *path)
{
	char name[32];
	ssize_t length = readlinkat(directory, path, name, sizeof(name) - 1);

	if (length < 0)
		return;
	name[length] = '\0';
	walk_meet(walk, directory, path, name);
}

static void walk_process(void *context, int proc, const char *pid)
{
	struct walk *walk = context;
	char path[48];

	if (walk->error)
		return;
	snprintf(path, sizeof(path), "%.20s/ns/net", pid);
	walk_link(walk, proc, path);
}

static void walk_mount(void *context, const struct mount *mount)
{
	if (strcmp(mount->type, "nsfs") == 0)
		walk_meet(context, AT_FDCWD, mount->point, mount->root);
}

static int walk_processes(struct walk *walk)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (proc < 0)
		return -errno;
	error = proc_each_number(proc, walk_process, walk);
	close(proc);
	return error;
}

/* Most are kept by a mount, too: who ends the walk there has not met a thousand processes. */
int namespaces_walk(namespaces_visit visit, void *context)
{
	struct walk walk = {.visit = visit, .context = context};
	int error = 0;

	walk_link(&walk, AT_FDCWD, OWN);
	if (!walk.error)
		error = mounts_each(walk_mount, &walk);
	if (!walk.error && !error)
		error = walk_processes(&walk);
	free(walk.seen);
	return walk.error < 0 ? walk.error : error;
}

struct task_search {
	uint32_t netns;
	int descriptor;
};

static void search_task(void *context, int tasks, const char *tid)
{
	struct task_search *search = context;
	struct stat status;
	char path[48];
	int descriptor;

	if (search->descriptor >= 0)
		return;
	snprintf(path, sizeof(path), "%.20s/ns/net", tid);
	descriptor = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return;
	if (fstat(descriptor, &status) == 0 && status.st_ino == search->netns)
		search->descriptor = descriptor;
	else
		close(descriptor);
}

int namespaces_open(uint32_t pid, uint32_t netns)
{
	struct task_search search = {netns, -ESRCH};
	char path[32];
	int tasks, error;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tasks < 0)
		return -errno;
	error = proc_each_number(tasks, search_task, &search);
	close(tasks);
	return search.descriptor >= 0 || !error ? search.descriptor : error;
}

struct reach {
	uint32_t netns;
	int descriptor;
};

static int reach_visit(void *context, uint32_t netns, int descriptor)
{
	struct reach *reach = context;

	if (netns != reach->netns)
		return 0;
	reach->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	return reach->descriptor < 0 ? -errno : 1;
}

int namespaces_reach(uint32_t netns)
{
	struct reach reach = {netns, -ESRCH};
	int error = namespaces_walk(reach_visit, &reach);

	return reach.descriptor >= 0 || !error ? reach.descriptor : error;
}

static bool is_current(int descriptor)
{
	struct stat current, other;

	return stat(OWN, &current) == 0 && fstat(descriptor, &other) == 0 &&
	       current.st_ino == other.st_ino && current.st_dev == other.st_dev;
}

/* setns() asks for CAP_SYS_ADMIN even to stay where one is. */
int namespaces_enter(int descriptor)
{
	int home = open(OWN, O_RDONLY | O_CLOEXEC);
	int error;

	if (home < 0)
		return -errno;
	if (!is_current(descriptor) && setns(descriptor, CLONE_NEWNET) < 0) {
		error = -errno;
		close(home);
		return error;
	}
	return home;
}

int namespaces_leave(int home)
{
	int error = !is_current(home) && setns(home, CLONE_NEWNET) < 0 ? -errno : 0;

	close(home);
	return error;
}

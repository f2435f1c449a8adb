// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/map.h"
#include "host/clock.h"
#include "host/mounts.h"

#define CACHE_SIZE 4096
#define WALK_PAUSE UINT64_C(1000000000)
#define WALK_DEPTH 64
#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h: the handle is the id, 5.5 */

/* An id is never used for a second cgroup, so what is known stays true; a path is remembered when
 * the cgroup is gone, which is when most are asked for. */
struct cached {
	struct map_link link;
	uint64_t id;
	char *path; /* NULL: not known */
};

struct cgroups {
	int mount; /* descriptor of the mount point, below 0: none */
	char *mount_path;
	char *root; /* which cgroup is mounted there: "/" */
	bool handles_refused;
	uint64_t next_walk;
	struct map map;
	struct cached cache[CACHE_SIZE]; /* a ring: the oldest goes first */
	size_t cached;
};

/* Of several mounts the one that shows the most: a container's may start below the root. */
static void choose_mount(void *context, const struct mount *mount)
{
	struct cgroups *cgroups = context;

	if (strcmp(mount->type, "cgroup2") != 0)
		return;
	if (cgroups->root && (strcmp(mount->root, "/") != 0 || strcmp(cgroups->root, "/") == 0))
		return;
	free(cgroups->root);
	free(cgroups->mount_path);
	cgroups->root = strdup(mount->root);
	cgroups->mount_path = strdup(mount->point);
}

struct cgroups *cgroups_new(void)
{
	struct cgroups *cgroups = calloc(1, sizeof(*cgroups));

	if (!cgroups)
		return NULL;
	cgroups->mount = -1;
	if (map_init(&cgroups->map) < 0) {
		cgroups_free(cgroups);
		return NULL;
	}
	mounts_each(choose_mount, cgroups);
	if (cgroups->root && cgroups->mount_path)
		cgroups->mount = open(cgroups->mount_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return cgroups;
}

void cgroups_free(struct cgroups *cgroups)
{
	if (!cgroups)
		return;
	for (size_t i = 0; i < CACHE_SIZE; i++)
		free(cgroups->cache[i].path);
	if (cgroups->mount >= 0)
		close(cgroups->mount);
	map_done(&cgroups->map);
	free(cgroups->mount_path);
	free(cgroups->root);
	free(cgroups);
}

static struct cached *cache_find(const struct cgroups *cgroups, uint64_t id)
{
	struct map_link *link = map_first(&cgroups->map, hash_mix(id));

	while (link && container_of(link, struct cached, link)->id != id)
		link = map_next(link);
	return link ? container_of(link, struct cached, link) : NULL;
}

/* Takes over path. */
static struct cached *cache_add(struct cgroups *cgroups, uint64_t id, char *path)
{
	struct cached *cached = &cgroups->cache[cgroups->cached % CACHE_SIZE];

	if (cgroups->cached++ >= CACHE_SIZE) {
		map_remove(&cgroups->map, &cached->link);
		free(cached->path);
	}
	cached->id = id;
	cached->path = path;
	map_add(&cgroups->map, &cached->link, hash_mix(id));
	return cached;
}

/* What follows a directory in a path: "" for itself, "/user.slice"; NULL if it is not below. */
static const char *below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	while (length && directory[length - 1] == '/')
		length--;
	if (strncmp(path, directory, length) != 0 || (path[length] && path[length] != '/'))
		return NULL;
	return path + length;
}

/* The path of an open cgroup from the mount point: "", "/user.slice". */
static int descriptor_path(const struct cgroups *cgroups, int descriptor, char path[PATH_MAX])
{
	char link[PATH_MAX], name[32];
	const char *rest;
	ssize_t length;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", descriptor);
	length = readlink(name, link, sizeof(link) - 1);
	if (length < 0)
		return -errno;
	link[length] = '\0';
	/* Of a cgroup outside of the mounted part the kernel only says "/". */
	rest = below(link, cgroups->mount_path);
	if (!rest)
		return -EXDEV;
	memcpy(path, rest, strlen(rest) + 1);
	return 0;
}

static char *full_path(const struct cgroups *cgroups, const char *path)
{
	/* A mount from another cgroup namespace has a root such as "/..". */
	const char *root = cgroups->root[1] && cgroups->root[1] != '.' ? cgroups->root : "";
	char *full;

	if (!root[0] && !path[0])
		return strdup("/");
	return asprintf(&full, "%s%s", root, path) < 0 ? NULL : full;
}

union handle {
	struct file_handle head;
	unsigned char room[sizeof(struct file_handle) + sizeof(uint64_t)];
};

/* 0, or a negative errno: -ESTALE when it is gone. */
static int path_by_handle(const struct cgroups *cgroups, uint64_t id, char path[PATH_MAX])
{
	union handle handle = {.head = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	int directory, error;

	memcpy(handle.head.f_handle, &id, sizeof(id));
	directory =
		open_by_handle_at(cgroups->mount, &handle.head, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	error = descriptor_path(cgroups, directory, path);
	close(directory);
	return error;
}

/* Reads the tree below a directory (which it closes) into the cache until it meets the id. The
 * inode of a cgroup's directory is its id where inodes have 64 bits. */
static bool walk(struct cgroups *cgroups, int directory, char *path, size_t length, uint64_t id,
		 int depth)
{
	DIR *stream = directory < 0 ? NULL : fdopendir(directory);
	const struct dirent *entry;
	bool found = false;

	if (!stream && directory >= 0)
		close(directory);
	while (stream && !found && (entry = readdir(stream))) {
		size_t name = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || depth == WALK_DEPTH ||
		    length + name + 2 > PATH_MAX)
			continue;
		path[length] = '/';
		memcpy(path + length + 1, entry->d_name, name + 1);
		if (!cache_find(cgroups, entry->d_ino))
			cache_add(cgroups, entry->d_ino, full_path(cgroups, path));
		found = entry->d_ino == id || walk(cgroups,
						   openat(dirfd(stream), entry->d_name,
							  O_RDONLY | O_DIRECTORY | O_CLOEXEC),
						   path, length + 1 + name, id, depth + 1);
	}
	if (stream)
		closedir(stream);
	return found;
}

/* Without CAP_DAC_READ_SEARCH handles are refused. Ids of cgroups that are gone would each cost a
 * walk: hence at most one a second. */
static void walk_for(struct cgroups *cgroups, uint64_t id)
{
	uint64_t now = clock_boot();
	char path[PATH_MAX] = "";
	struct stat status;

	if (now < cgroups->next_walk)
		return;
	cgroups->next_walk = now + WALK_PAUSE;
	if (fstat(cgroups->mount, &status) == 0 && !cache_find(cgroups, status.st_ino))
		cache_add(cgroups, status.st_ino, full_path(cgroups, ""));
	walk(cgroups, openat(cgroups->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, 0, id,
	     0);
}

const char *cgroups_path(struct cgroups *cgroups, uint64_t id)
{
	struct cached *cached = cache_find(cgroups, id);
	char path[PATH_MAX];

	if (cached)
		return cached->path;
	if (!id || cgroups->mount < 0)
		return NULL;
	if (!cgroups->handles_refused) {
		int error = path_by_handle(cgroups, id, path);

		cgroups->handles_refused = error == -EPERM || error == -EOPNOTSUPP;
		if (!cgroups->handles_refused)
			return cache_add(cgroups, id, error ? NULL : full_path(cgroups, path))
				->path;
	}
	if (cgroups->handles_refused)
		walk_for(cgroups, id);
	cached = cache_find(cgroups, id);
	return cached ? cached->path : NULL;
}

bool cgroups_within(struct cgroups *cgroups, uint64_t id, uint64_t ancestor)
{
	const char *path = cgroups_path(cgroups, ancestor);
	char *above = path ? strdup(path) : NULL;
	bool within;

	path = above ? cgroups_path(cgroups, id) : NULL;
	within = id == ancestor || (path && below(path, above));
	free(above);
	return within;
}

static int descriptor_id(int descriptor, uint64_t *id)
{
	union handle handle = {.head = {.handle_bytes = sizeof(*id)}};
	struct stat status;
	int mount;

	if (name_to_handle_at(descriptor, "", &handle.head, &mount, AT_EMPTY_PATH) == 0 &&
	    handle.head.handle_bytes == sizeof(*id)) {
		memcpy(id, handle.head.f_handle, sizeof(*id));
		return 0;
	}
	if (fstat(descriptor, &status) < 0)
		return -errno;
	*id = status.st_ino;
	return 0;
}

static int descriptor_place(const struct cgroups *cgroups, int descriptor,
			    struct cgroup_place *place)
{
	struct statfs filesystem;
	char path[PATH_MAX];
	int error;

	if (fstatfs(descriptor, &filesystem) < 0)
		return -errno;
	if (filesystem.f_type != CGROUP2_SUPER_MAGIC)
		return -EXDEV;
	error = descriptor_path(cgroups, descriptor, path);
	if (error)
		return error;
	place->level = 0;
	for (const char *at = path; *at; at++)
		place->level += *at == '/';
	return descriptor_id(descriptor, &place->id);
}

int cgroups_find(const struct cgroups *cgroups, const char *path, struct cgroup_place *place,
		 char *reason, size_t size)
{
	const char *rest;
	int directory, error;

	if (cgroups->mount < 0) {
		snprintf(reason, size, "cgroup2 is not mounted");
		return -ENODEV;
	}
	rest = below(path, cgroups->mount_path);
	if (!rest)
		rest = below(path, cgroups->root);
	if (!rest)
		rest = path;
	while (*rest == '/')
		rest++;
	directory = openat(cgroups->mount, *rest ? rest : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	error = directory < 0 ? -errno : descriptor_place(cgroups, directory, place);
	if (directory >= 0)
		close(directory);
	if (error == -ENOENT)
		snprintf(reason, size, "no such cgroup below %s", cgroups->mount_path);
	else if (error == -ENOTDIR || error == -EXDEV)
		snprintf(reason, size, "it is not a cgroup (version 2)");
	else if (error)
		snprintf(reason, size, "%s", strerror(-error));
	return error;
}

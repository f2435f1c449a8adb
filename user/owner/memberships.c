// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/memberships.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/map.h"
#include "owner/descriptors.h"

#define LINES_SIZE 65536
#define PATH_LENGTH 4096
#define ROOM (16 << 20) /* who may make groups may make many */

struct kept {
	struct map_link link;
	struct kept *next;
	struct membership membership;
	struct container_names names;
	char path[];
};

struct memberships {
	struct map map;
	struct kept *all;
	size_t room;
	char lines[LINES_SIZE];
};

struct memberships *memberships_new(void)
{
	struct memberships *memberships = calloc(1, sizeof(*memberships));

	if (!memberships)
		return NULL;
	memberships->room = ROOM;
	if (map_init(&memberships->map) < 0) {
		free(memberships);
		return NULL;
	}
	return memberships;
}

void memberships_free(struct memberships *memberships)
{
	if (!memberships)
		return;
	while (memberships->all) {
		struct kept *next = memberships->all->next;

		free(memberships->all);
		memberships->all = next;
	}
	map_done(&memberships->map);
	free(memberships);
}

const char *memberships_choose(char *lines)
{
	const char *unified = NULL, *of_systemd = NULL, *of_container = NULL;
	char id[CONTAINER_ID_LENGTH + 1];

	/* 4:memory:/docker/abc..., 1:name=systemd:/, 0::/init.scope; a path may have colons. */
	for (char *line; (line = strsep(&lines, "\n"));) {
		const char *number = strsep(&line, ":");
		const char *controllers = strsep(&line, ":");

		if (!line || strlen(line) >= PATH_LENGTH)
			continue;
		if (strcmp(number, "0") == 0 && !controllers[0])
			unified = line;
		else if (strcmp(controllers, "name=systemd") == 0)
			of_systemd = line;
		else if (!of_container && container_find(line, id))
			of_container = line;
	}
	if (unified && strcmp(unified, "/") != 0)
		return unified;
	if (of_systemd && strcmp(of_systemd, "/") != 0)
		return of_systemd;
	if (of_container)
		return of_container;
	return unified ? unified : of_systemd;
}

static uint64_t hash_path(const char *path, size_t length)
{
	uint64_t hash = length, word;

	for (size_t at = 0; at < length; at += sizeof(word)) {
		size_t rest = length - at;

		word = 0;
		memcpy(&word, path + at, rest < sizeof(word) ? rest : sizeof(word));
		hash = hash_join(hash, word);
	}
	return hash;
}

static const char *none_if_empty(const char *text)
{
	return text[0] ? text : NULL;
}

static const struct membership *keep(struct memberships *memberships, const char *path,
				     size_t length, uint64_t hash)
{
	size_t size = sizeof(struct kept) + length + 1;
	struct kept *kept = size <= memberships->room ? malloc(size) : NULL;

	if (!kept)
		return NULL;
	memcpy(kept->path, path, length + 1);
	container_read(path, &kept->names);
	kept->membership = (struct membership){
		.path = kept->path,
		.container = none_if_empty(kept->names.id),
		.engine = kept->names.engine,
		.unit = none_if_empty(kept->names.unit),
		.pod = none_if_empty(kept->names.pod),
	};
	kept->next = memberships->all;
	memberships->all = kept;
	memberships->room -= size;
	map_add(&memberships->map, &kept->link, hash);
	return &kept->membership;
}

const struct membership *memberships_of(struct memberships *memberships, int directory)
{
	char *lines = memberships->lines;
	ssize_t read = descriptors_read(directory, "cgroup", lines, LINES_SIZE);
	struct map_link *link;
	const char *path;
	size_t length;
	uint64_t hash;

	path = read > 0 && read < LINES_SIZE - 1 ? memberships_choose(lines) : NULL;
	if (!path)
		return NULL;
	length = strlen(path);
	hash = hash_path(path, length);
	for (link = map_first(&memberships->map, hash); link; link = map_next(link))
		if (strcmp(container_of(link, struct kept, link)->path, path) == 0)
			return &container_of(link, struct kept, link)->membership;
	return keep(memberships, path, length, hash);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/container.h"

#include <string.h>

#define FULL_ID_LENGTH 64

/* The helper that watches a container runs next to it, not in it. */
static bool is_monitor(const char *prefix, size_t length)
{
	static const char monitor[] = "conmon-";
	size_t size = sizeof(monitor) - 1;

	return length >= size && !memcmp(prefix + length - size, monitor, size);
}

/* A whole id in one component: abc..., docker-abc....scope, kubepods-x.slice:cri-containerd:abc...
 */
static const char *find_in_component(const char *component, size_t length)
{
	size_t start;
	const char *id;

	if (length > 6 && !memcmp(component + length - 6, ".scope", 6))
		length -= 6;
	if (length < FULL_ID_LENGTH)
		return NULL;
	start = length - FULL_ID_LENGTH;
	id = component + start;
	if (strspn(id, "0123456789abcdef") < FULL_ID_LENGTH)
		return NULL;
	if (start && id[-1] != '-' && id[-1] != ':')
		return NULL;
	return is_monitor(component, start) ? NULL : id;
}

bool container_find(const char *cgroup_path, char id[CONTAINER_ID_LENGTH + 1])
{
	id[0] = '\0';
	while (*cgroup_path) {
		size_t length = strcspn(cgroup_path, "/");
		const char *found = find_in_component(cgroup_path, length);

		if (found) {
			memcpy(id, found, CONTAINER_ID_LENGTH);
			id[CONTAINER_ID_LENGTH] = '\0';
		}
		cgroup_path += length;
		cgroup_path += *cgroup_path == '/';
	}
	return id[0] != '\0';
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a cgroup path tells by its names: a container, by the habits of Docker, containerd, CRI-O,
 * Podman and Kubernetes, and a unit of systemd. Strings only: it asks no container engine.
 */
#ifndef TCPCLOSE_BASE_CONTAINER_H
#define TCPCLOSE_BASE_CONTAINER_H

#include <stdbool.h>

#define CONTAINER_ID_LENGTH 12
#define CONTAINER_UNIT_LENGTH 255 /* systemd's bound, and that of a name in a directory */
#define CONTAINER_POD_LENGTH 36

/* The short id of the innermost container of a path; false, and id empty, if it names none. */
bool container_find(const char *cgroup_path, char id[CONTAINER_ID_LENGTH + 1]);

/* Each the innermost of its kind; empty or NULL: the path does not tell. */
struct container_names {
	char id[CONTAINER_ID_LENGTH + 1];
	const char *engine; /* docker, containerd, cri-o, podman */
	/* A service or scope, also within a container; the scope that is a container is none. */
	char unit[CONTAINER_UNIT_LENGTH + 1];
	char pod[CONTAINER_POD_LENGTH + 1]; /* uid, with dashes */
};

void container_read(const char *cgroup_path, struct container_names *names);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The container that a cgroup path names, by the habits of Docker, containerd, CRI-O, Podman and
 * Kubernetes. Strings only: it asks no container engine.
 */
#ifndef TCPCLOSE_BASE_CONTAINER_H
#define TCPCLOSE_BASE_CONTAINER_H

#include <stdbool.h>

#define CONTAINER_ID_LENGTH 12

/* The short id of the innermost container of a path; false, and id empty, if it names none. */
bool container_find(const char *cgroup_path, char id[CONTAINER_ID_LENGTH + 1]);

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

/* fsopen() and fsmount() are in 5.2 and in glibc 2.36. */
static int tracefs_mount_unseen(void)
{
	int mount = -1, error = 0;
	int context = fsopen("tracefs", FSOPEN_CLOEXEC);

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		error = -errno;
	close(context);
	return mount < 0 ? error : mount;
}

static int tracefs_open(void)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int directory = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		/* The mount point exists without the mount. */
		if (directory >= 0 && faccessat(directory, "events", F_OK, 0) == 0)
			return directory;
		if (directory >= 0)
			close(directory);
	}
	return tracefs_mount_unseen();
}

static int tracefs_read_number(int directory, const char *path)
{
	int file = openat(directory, path, O_RDONLY | O_CLOEXEC);
	char text[24] = "";
	int error = 0;

	if (file < 0)
		return -errno;
	if (read(file, text, sizeof(text) - 1) < 0)
		error = -errno;
	close(file);
	return error ? error : atoi(text) > 0 ? atoi(text) : -ENODATA;
}

int tracefs_event_id(const char *category, const char *name)
{
	int directory = tracefs_open();
	char path[128];
	int id;

	if (directory < 0)
		return directory;
	snprintf(path, sizeof(path), "events/%s/%s/id", category, name);
	id = tracefs_read_number(directory, path);
	close(directory);
	return id;
}

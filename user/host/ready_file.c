// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/ready_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/log.h"

void ready_file_remove(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
		unlink(path);
}

static int create(const char *path)
{
	int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (descriptor < 0)
		return -errno;
	return close(descriptor) ? -errno : 0;
}

int ready_file_create(const char *path)
{
	int error = path ? create(path) : 0;

	if (error)
		log_error("cannot create %s: %s; give another --ready-file", path,
			  strerror(-error));
	return error;
}

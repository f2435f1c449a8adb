// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file of a namespace: a link in /proc, or what ip-netns(8) mounts. A name whose mount is gone
 * leaves an empty file, which is no namespace. */
static int netns_inode(const char *path, uint32_t *inode)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	int error = 0;

	if (file < 0)
		return -errno;
	if (ioctl(file, NS_GET_NSTYPE) != CLONE_NEWNET)
		error = -EINVAL;
	else if (fstat(file, &status) < 0)
		error = -errno;
	else
		*inode = (uint32_t)status.st_ino;
	close(file);
	return error;
}

static bool is_number(const char *text)
{
	return text[0] && text[strspn(text, "0123456789")] == '\0';
}

int netns_find(const char *text, uint32_t *inode, char *reason, size_t size)
{
	static const char *const forms[] = {"/proc/%s/ns/net", "/run/netns/%s",
					    "/var/run/netns/%s"};
	size_t first = is_number(text) ? 0 : 1;
	int error = -ENOENT;
	char path[256];

	if (!text[0] || strchr(text, '/') || strlen(text) > 200) {
		snprintf(reason, size, "not a pid and not a name");
		return -EINVAL;
	}
	for (size_t i = first; i < sizeof(forms) / sizeof(forms[0]) && error == -ENOENT; i++) {
		snprintf(path, sizeof(path), forms[i], text);
		error = netns_inode(path, inode);
	}
	if (error == -ENOENT && !first)
		snprintf(reason, size, "no process has this pid, no namespace this name");
	else if (error == -ENOENT)
		snprintf(reason, size, "no such name in /run/netns");
	else if (error == -EINVAL)
		snprintf(reason, size, "%s is not a network namespace", path);
	else if (error)
		snprintf(reason, size, "cannot open %s: %s", path, strerror(-error));
	return error;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/writing.h"

static int open_path(const char *path)
{
	int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	struct stat status;
	int error;

	if (descriptor < 0)
		return -errno;
	if (fstat(descriptor, &status) == 0 &&
	    (!S_ISREG(status.st_mode) || ftruncate(descriptor, 0) == 0))
		return descriptor;
	error = -errno;
	close(descriptor);
	return error;
}

int savefile_open(struct savefile *file, const char *path, struct buffer *reason)
{
	int descriptor = strcmp(path, SAVEFILE_STDOUT) == 0 ? STDOUT_FILENO : open_path(path);

	*file = (struct savefile){.descriptor = -1};
	if (descriptor < 0) {
		buffer_add_string(reason, strerror(-descriptor));
		return descriptor;
	}
	file->descriptor = descriptor;
	if (!isatty(descriptor))
		return 0;
	savefile_close(file);
	buffer_add_literal(reason, "it is a terminal; pipe it into 'wireshark -k -i -' or give a "
				   "file");
	return -EINVAL;
}

/* Removes the part of a block that stands at the end of the file. */
static void cut(const struct savefile *file, size_t part)
{
	off_t end = lseek(file->descriptor, 0, SEEK_CUR);
	struct stat status;

	if (part && !fstat(file->descriptor, &status) && S_ISREG(status.st_mode) &&
	    end == status.st_size && end >= (off_t)part &&
	    !ftruncate(file->descriptor, end - (off_t)part))
		lseek(file->descriptor, end - (off_t)part, SEEK_SET);
}

/* How many of the written bytes are whole blocks. */
static size_t whole_blocks(const char *blocks, size_t written)
{
	size_t whole = 0;
	uint32_t length;

	while (written - whole >= 2 * sizeof(length)) {
		memcpy(&length, blocks + whole + sizeof(length), sizeof(length));
		if (length > written - whole)
			break;
		whole += length;
	}
	return whole;
}

int savefile_write(struct savefile *file, const char *blocks, size_t length)
{
	size_t written;
	int error = writing_all(file->descriptor, blocks, length, &written);

	if (error) {
		size_t whole = whole_blocks(blocks, written);

		cut(file, written - whole);
		written = whole;
	}
	file->size += written;
	return error;
}

int savefile_close(struct savefile *file)
{
	int descriptor = file->descriptor;

	file->descriptor = -1;
	if (descriptor < 0 || descriptor == STDOUT_FILENO)
		return 0;
	return close(descriptor) ? -errno : 0;
}

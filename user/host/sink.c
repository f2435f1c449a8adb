// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/log.h"
#include "host/writing.h"

int sink_open(struct sink *sink, const char *path)
{
	*sink = (struct sink){.path = path};
	sink->descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (sink->descriptor >= 0)
		return 0;
	sink->path = NULL;
	return -errno;
}

void sink_close(struct sink *sink)
{
	if (sink->path)
		close(sink->descriptor);
	sink->path = NULL;
}

void sink_write(struct sink *sink, struct buffer *out)
{
	int descriptor = sink->path ? sink->descriptor : STDOUT_FILENO;
	size_t written;
	int error;

	if (out->failed)
		sink->error = -ENOMEM;
	/* What is no file has no length. */
	if (sink->path && !sink->begun && out->length && ftruncate(descriptor, 0) < 0 &&
	    errno != EINVAL)
		sink->error = -errno;
	sink->begun |= out->length > 0;
	if (!sink_failed(sink)) {
		error = writing_all(descriptor, out->data, out->length, &written);
		if (error == -EPIPE)
			sink->reader_gone = true;
		else
			sink->error = error;
	}
	buffer_clear(out);
}

bool sink_done(const struct sink *sink)
{
	if (sink->error)
		log_error("cannot write to %s: %s; make room or write elsewhere",
			  sink->path ? sink->path : "standard output", writing_error(sink->error));
	return !sink->error;
}

bool sink_is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

bool sink_is_null(void)
{
	struct stat status;

	return fstat(STDOUT_FILENO, &status) == 0 && S_ISCHR(status.st_mode) &&
	       status.st_rdev == makedev(1, 3);
}

void sink_screen(unsigned int *rows, unsigned int *columns)
{
	struct winsize size = {0};

	*rows = 24;
	*columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_row)
		*rows = size.ws_row;
	if (size.ws_col)
		*columns = size.ws_col;
}

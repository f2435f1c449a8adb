// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/sink.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host/log.h"

void sink_write(struct sink *sink, struct buffer *out)
{
	size_t written = 0;

	if (out->failed)
		sink->error = ENOMEM;
	while (written < out->length && !sink_failed(sink)) {
		ssize_t count = write(STDOUT_FILENO, out->data + written, out->length - written);

		if (count >= 0)
			written += (size_t)count;
		else if (errno == EPIPE)
			sink->reader_gone = true;
		else if (errno != EINTR)
			sink->error = errno;
	}
	buffer_clear(out);
}

bool sink_done(const struct sink *sink)
{
	if (sink->error)
		log_error("cannot write to standard output: %s; make room or write elsewhere",
			  strerror(sink->error));
	return !sink->error;
}

bool sink_is_terminal(void)
{
	return isatty(STDOUT_FILENO);
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

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/writing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/stop_signals.h"

#define PATIENCE_MS 10000
#define LINE_PATIENCE_MS 1000

void writing_never_blocks(int descriptor)
{
	struct stat status;
	char path[32];
	int own;

	if (fstat(descriptor, &status) || !S_ISFIFO(status.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (own < 0)
		return;
	dup2(own, descriptor);
	close(own);
}

/* A file takes all at once, and what does not block what it has room for. Of anything else poll()
 * only says that there is room for so much. */
static size_t most_at_once(int descriptor)
{
	struct stat status;

	if (fcntl(descriptor, F_GETFL) & O_NONBLOCK)
		return SIZE_MAX;
	return !fstat(descriptor, &status) && S_ISREG(status.st_mode) ? SIZE_MAX : PIPE_BUF;
}

/* 0 once it takes something, or a negative errno. */
static int wait_for_reader(int descriptor)
{
	struct pollfd descriptors[] = {
		{.fd = descriptor, .events = POLLOUT},
		{.fd = stop_signals_descriptor(), .events = POLLIN},
	};

	for (;;) {
		int patience = stop_signals_asked() ? PATIENCE_MS : -1;
		int ready = poll(descriptors, 2, patience);

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0 && descriptors[0].revents)
			return 0;
		if (!ready || (ready > 0 && stop_signals_note() > 1))
			return -ETIMEDOUT;
	}
}

int writing_all(int descriptor, const char *data, size_t length, size_t *written)
{
	size_t most = most_at_once(descriptor);
	bool ask = most != SIZE_MAX;
	int error = 0;

	*written = 0;
	while (!error && *written < length) {
		size_t part = length - *written < most ? length - *written : most;
		ssize_t count;

		error = ask ? wait_for_reader(descriptor) : 0;
		count = error ? 0 : write(descriptor, data + *written, part);
		if (count >= 0)
			*written += (size_t)count;
		else if (errno == EAGAIN)
			ask = true;
		else if (errno != EINTR)
			error = -errno;
	}
	return error;
}

void writing_line(int descriptor, const char *line, size_t length)
{
	struct pollfd ready = {.fd = descriptor, .events = POLLOUT};
	size_t done = 0;

	while (done < length) {
		size_t part = length - done < PIPE_BUF ? length - done : PIPE_BUF;
		ssize_t count;

		if (poll(&ready, 1, LINE_PATIENCE_MS) <= 0)
			return;
		count = write(descriptor, line + done, part);
		if (count < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (count <= 0)
			return;
		done += (size_t)count;
	}
}

const char *writing_error(int error)
{
	return error == -ETIMEDOUT ? "nobody reads it" : strerror(-error);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

struct ring {
	struct ring_buffer *buffer;
	ring_take take;
	void *context;
};

static int take_sample(void *context, void *data, size_t length)
{
	const struct ring *ring = context;

	return ring->take(ring->context, data, length);
}

int ring_open(struct ring **result, int map, ring_take take, void *context)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int error;

	if (!ring)
		return -ENOMEM;
	ring->take = take;
	ring->context = context;
	ring->buffer = ring_buffer__new(map, take_sample, ring, NULL);
	if (!ring->buffer) {
		error = -errno;
		free(ring);
		return error;
	}
	*result = ring;
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	ring_buffer__free(ring->buffer);
	free(ring);
}

int ring_descriptor(const struct ring *ring)
{
	return ring_buffer__epoll_fd(ring->buffer);
}

int ring_drain(struct ring *ring)
{
	return ring_buffer__consume(ring->buffer);
}

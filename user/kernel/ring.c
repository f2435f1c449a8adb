// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

struct ring {
	struct ring_buffer *buffer;
	ring_take take;
	void *context;
	size_t size;
	size_t taken; /* by this drain */
};

/* Not a negative errno of take()'s. */
#define ENOUGH (-4096)

static int take_sample(void *context, void *data, size_t length)
{
	struct ring *ring = context;
	int result = ring->take(ring->context, data, length);

	ring->taken += length;
	return !result && ring->taken >= ring->size ? ENOUGH : result;
}

int ring_open(struct ring **result, int map, ring_take take, void *context)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int error;

	if (!ring)
		return -ENOMEM;
	ring->take = take;
	ring->context = context;
	error = bpf_obj_get_info_by_fd(map, &info, &length);
	ring->size = info.max_entries;
	ring->buffer = error ? NULL : ring_buffer__new(map, take_sample, ring, NULL);
	if (!ring->buffer) {
		error = error ? error : -errno;
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
	int count;

	ring->taken = 0;
	count = ring_buffer__consume(ring->buffer);
	return count == ENOUGH ? RING_MORE : count;
}

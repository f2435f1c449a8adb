// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The layout that user space may map is promised (Documentation/bpf/ringbuf.rst, linux/bpf.h): a
 * page with the reader's position, one with the writers', the data, and the data again, so that a
 * record at the end goes on behind it. libbpf maps both copies and gives the place of each record
 * back at once. Here as much of the second copy is mapped as a record may have, which saves the
 * size of the ring in resident memory, and places are given back many at a time: each time takes
 * the line that all writers read from their processors.
 */
#include "kernel/ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define POSITION(page) ((unsigned long *)(page))
#define LOAD(position) __atomic_load_n(position, __ATOMIC_ACQUIRE)
/* struct record has 16 bits for it. */
#define LONGEST 65536
#define FLAGS ((uint32_t)BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)

struct ring {
	int map;
	ring_take take;
	void *context;
	size_t size, page;
	void *reader; /* a page */
	char *writer; /* a page, and the data behind it */
	unsigned long at, given_back;
};

static size_t writer_length(const struct ring *ring)
{
	return ring->page + ring->size + (ring->size < LONGEST ? ring->size : LONGEST);
}

static int map_pages(struct ring *ring)
{
	ring->reader = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->map, 0);
	if (ring->reader == MAP_FAILED)
		return -errno;
	ring->writer = mmap(NULL, writer_length(ring), PROT_READ, MAP_SHARED, ring->map,
			    (off_t)ring->page);
	if (ring->writer == MAP_FAILED) {
		int error = -errno;

		munmap(ring->reader, ring->page);
		return error;
	}
	ring->at = ring->given_back = LOAD(POSITION(ring->reader));
	return 0;
}

int ring_open(struct ring **result, int map, ring_take take, void *context)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int error;

	if (!ring)
		return -ENOMEM;
	ring->map = map;
	ring->take = take;
	ring->context = context;
	ring->page = (size_t)sysconf(_SC_PAGESIZE);
	error = bpf_obj_get_info_by_fd(map, &info, &length);
	ring->size = info.max_entries;
	if (!error)
		error = map_pages(ring);
	if (error) {
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
	munmap(ring->writer, writer_length(ring));
	munmap(ring->reader, ring->page);
	free(ring);
}

int ring_descriptor(const struct ring *ring)
{
	return ring->map;
}

static void give_back(struct ring *ring)
{
	__atomic_store_n(POSITION(ring->reader), ring->at, __ATOMIC_RELEASE);
	ring->given_back = ring->at;
}

/* All that the writers have finished up to `end`: how many, or take()'s negative result. */
static int take_up_to(struct ring *ring, unsigned long end, int count)
{
	while (ring->at < end) {
		char *entry = ring->writer + ring->page + (ring->at & (ring->size - 1));
		uint32_t head = LOAD((uint32_t *)entry), length = head & ~FLAGS;
		int result = 0;

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		ring->at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			result = ring->take(ring->context, (void *)(entry + BPF_RINGBUF_HDR_SZ),
					    length);
			count++;
		}
		if (result < 0)
			return result;
		if (ring->at - ring->given_back >= ring->size / 64)
			give_back(ring);
	}
	return count;
}

int ring_drain(struct ring *ring)
{
	unsigned long *writers = POSITION(ring->writer);
	unsigned long stop = ring->at + ring->size, before;
	int count = 0;

	do {
		unsigned long end = LOAD(writers);

		before = ring->at;
		count = take_up_to(ring, end < stop ? end : stop, count);
		give_back(ring);
		/* A writer that has not seen this wakes nobody: its record is looked for after it.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (count >= 0 && ring->at != before && ring->at < stop);
	return count >= 0 && ring->at >= stop ? RING_MORE : count;
}

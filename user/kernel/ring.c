// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The layout that user space may map is promised (Documentation/bpf/ringbuf.rst, linux/bpf.h): a
 * page with the reader's position, one with the writers', the data, and the data again, so that an
 * entry at the end goes on behind it. libbpf maps both copies, gives each entry as it stands and
 * its place back at once. Here as much of the second copy is mapped as an entry may have, which
 * saves the size of the ring in resident memory; the records of all entries are put in order where
 * they are, and places are given back many at a time: each time takes the line that all writers
 * read from their processors.
 *
 * What is in the ring when all stages were sent is all of up to then. So no record is late.
 */
#include "kernel/ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/clock.h"
#include "kernel/lanes.h"
#include "kernel/stages.h"
#include "stage.h"

#define POSITION(page) ((unsigned long *)(page))
#define LOAD(position) __atomic_load_n(position, __ATOMIC_ACQUIRE)
#define FLAGS ((uint32_t)BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)

/* A writer copies an entry of a page: if that is not done within so many looks it is kept from
 * running. */
#define LOOKS 10000
/* And then it is not waited for any longer: ns. */
#define PATIENCE 100000000
/* The ring has had nothing for so long: then a record that comes is not left in its stage. */
#define REST (STAGE_QUIET / 2 * 3)
/* What comes faster than it can be taken, in a burst, waits elsewhere, in so much memory at most
 * for each byte of the ring; what then comes finds no room and is counted. */
#define KEPT 4

_Static_assert(REST < RING_BATCH, "who has found nothing for a batch may sleep");

struct ring {
	int map;
	struct stages *stages;
	struct lanes *lanes;
	size_t size, page;
	void *reader;     /* a page */
	char *writer;     /* a page, and the data behind it */
	unsigned long at; /* what is behind it has not been looked at */
	uint64_t until;   /* of no later time there is a record that was not taken */
	uint64_t found;   /* when something was in the ring */
	uint64_t waited;  /* since when a program is waited for, or 0 */
};

static size_t writer_length(const struct ring *ring)
{
	const size_t longest = sizeof(struct stage_load);

	return ring->page + ring->size + (ring->size < longest ? ring->size : longest);
}

static int map_pages(struct ring *ring)
{
	void *mapped = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->map, 0);

	if (mapped == MAP_FAILED)
		return -errno;
	ring->reader = mapped;
	mapped = mmap(NULL, writer_length(ring), PROT_READ, MAP_SHARED, ring->map,
		      (off_t)ring->page);
	if (mapped == MAP_FAILED)
		return -errno;
	ring->writer = mapped;
	ring->at = LOAD(POSITION(ring->reader));
	return 0;
}

static int open_all(struct ring *ring, const struct ring_source *source, ring_take take,
		    void *context)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int error = bpf_obj_get_info_by_fd(source->ring, &info, &length);

	ring->map = source->ring;
	ring->page = (size_t)sysconf(_SC_PAGESIZE);
	ring->size = info.max_entries;
	if (!error)
		error = map_pages(ring);
	if (!error)
		error = stages_open(&ring->stages, source->stages, source->sender);
	if (error)
		return error;
	ring->lanes = lanes_new(stages_count(ring->stages), take, context);
	return ring->lanes ? 0 : -ENOMEM;
}

int ring_open(struct ring **result, const struct ring_source *source, ring_take take, void *context)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int error;

	if (!ring)
		return -ENOMEM;
	error = open_all(ring, source, take, context);
	if (error) {
		ring_close(ring);
		return error;
	}
	*result = ring;
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->writer)
		munmap(ring->writer, writer_length(ring));
	if (ring->reader)
		munmap(ring->reader, ring->page);
	stages_close(ring->stages);
	lanes_free(ring->lanes);
	free(ring);
}

int ring_descriptor(const struct ring *ring)
{
	return ring->map;
}

uint64_t ring_taken_until(const struct ring *ring)
{
	return ring->until;
}

/* What is before this; it may have been given back. */
static void give_back(struct ring *ring, unsigned long position)
{
	if (position > *POSITION(ring->reader))
		__atomic_store_n(POSITION(ring->reader), position, __ATOMIC_RELEASE);
}

/* The head of an entry that its writer has finished, else BPF_RINGBUF_BUSY_BIT is in it. */
static uint32_t finished_head(const char *entry)
{
	uint32_t head = BPF_RINGBUF_BUSY_BIT;

	for (int look = 0; head & BPF_RINGBUF_BUSY_BIT && look < LOOKS; look++)
		head = LOAD((uint32_t *)entry);
	return head;
}

/* Makes known what is in the ring up to `end`. False: not all of it. */
static bool look_up_to(struct ring *ring, unsigned long end)
{
	while (ring->at < end) {
		const char *entry = ring->writer + ring->page + (ring->at & (ring->size - 1));
		const struct stage_load *load = (const void *)(entry + BPF_RINGBUF_HDR_SZ);
		uint32_t head = finished_head(entry), length = head & ~FLAGS;
		unsigned long behind = ring->at + ((length + BPF_RINGBUF_HDR_SZ + 7) & ~7ul);

		if (head & BPF_RINGBUF_BUSY_BIT)
			return false;
		if (!(head & BPF_RINGBUF_DISCARD_BIT) && length > sizeof(*load) - STAGE_ROOM &&
		    !lanes_add(ring->lanes, load->stage, load->records,
			       length - (sizeof(*load) - STAGE_ROOM), behind))
			return false;
		ring->at = behind;
	}
	return true;
}

/* Copies what must wait, so that the ring has room again: a part after the other, as more comes
 * meanwhile. */
static void make_room(struct ring *ring)
{
	bool kept = true;

	while (kept && lanes_in_ring(ring->lanes)) {
		kept = lanes_keep(ring->lanes, ring->size / 16, KEPT * ring->size);
		give_back(ring, lanes_behind(ring->lanes));
	}
	if (kept)
		give_back(ring, ring->at);
}

static void take(struct ring *ring, uint64_t until)
{
	while (lanes_take(ring->lanes, until, ring->size / 64)) {
		unsigned long behind = lanes_behind(ring->lanes);

		give_back(ring, behind);
		if (LOAD(POSITION(ring->writer)) - behind < ring->size / 2)
			continue;
		look_up_to(ring, LOAD(POSITION(ring->writer)));
		make_room(ring);
	}
	make_room(ring);
	ring->until = until;
}

enum ring_rest ring_drain(struct ring *ring, uint64_t now)
{
	uint64_t until = stages_send(ring->stages, ring->until, now);
	unsigned long before = ring->at, end = LOAD(POSITION(ring->writer));

	if (!look_up_to(ring, end))
		until = ring->until;
	if (until == now)
		ring->waited = 0;
	else if (!ring->waited)
		ring->waited = now;
	else if (now - ring->waited > PATIENCE)
		until = now;
	if (until > ring->until)
		take(ring, until);
	if (ring->at != before)
		ring->found = now;
	if (LOAD(POSITION(ring->writer)) - end >= ring->size / 2)
		return RING_IS_BEHIND;
	if (until < now)
		return RING_WAITS;
	return now - ring->found < REST ? RING_GATHERS : RING_QUIET;
}

void ring_drain_all(struct ring *ring)
{
	while (ring_drain(ring, clock_boot()) == RING_WAITS)
		;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "kernel/snapshot.h"

struct listener {
	uint32_t netns;
	uint16_t port;
	uint64_t inode;
	uint8_t address[16];
};

struct listeners {
	bool sock_diag;
	struct listener *list; /* by namespace and port */
	size_t count;
	size_t capacity;
};

struct listeners *listeners_new(bool sock_diag)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (listeners)
		listeners->sock_diag = sock_diag;
	return listeners;
}

void listeners_free(struct listeners *listeners)
{
	if (!listeners)
		return;
	free(listeners->list);
	free(listeners);
}

static int compare(const void *a, const void *b)
{
	const struct listener *left = a, *right = b;

	if (left->netns != right->netns)
		return left->netns < right->netns ? -1 : 1;
	return (int)left->port - (int)right->port;
}

static int take(void *context, const struct record *header)
{
	const struct state_record *record = (const struct state_record *)header;
	struct listeners *listeners = context;
	struct listener *listener;

	if (listeners->count == listeners->capacity) {
		size_t capacity = listeners->capacity ? listeners->capacity * 2 : 64;
		struct listener *list = realloc(listeners->list, capacity * sizeof(*list));

		if (!list)
			return -ENOMEM;
		listeners->list = list;
		listeners->capacity = capacity;
	}
	listener = &listeners->list[listeners->count++];
	listener->netns = header->netns;
	listener->port = header->flow.local_port;
	listener->inode = record->inode;
	memcpy(listener->address, header->flow.local, sizeof(listener->address));
	return 0;
}

int listeners_read(struct listeners *listeners, uint32_t netns)
{
	const struct snapshot_request request = {
		.time = clock_boot(),
		.contents = SNAPSHOT_LISTENERS,
		.netns = netns,
		.sock_diag = listeners->sock_diag,
	};
	struct snapshot_result result;
	int error;

	listeners->count = 0;
	error = snapshot_take(&request, take, listeners, &result);
	if (listeners->count)
		qsort(listeners->list, listeners->count, sizeof(*listeners->list), compare);
	return error;
}

/* 0.0.0.0 or ::, which takes IPv4, too. */
static bool is_everywhere(const uint8_t address[16])
{
	static const uint8_t ipv4[16] = {[10] = 0xff, [11] = 0xff}, ipv6[16];

	return !memcmp(address, ipv4, sizeof(ipv4)) || !memcmp(address, ipv6, sizeof(ipv6));
}

uint64_t listeners_find(const struct listeners *listeners, uint32_t netns, const struct flow *flow)
{
	const struct listener key = {.netns = netns, .port = flow->local_port};
	const struct listener *end, *at;

	if (!listeners->count)
		return 0;
	end = listeners->list + listeners->count;
	at = bsearch(&key, listeners->list, listeners->count, sizeof(key), compare);
	if (!at)
		return 0;
	while (at > listeners->list && !compare(at - 1, &key))
		at--;
	for (; at < end && !compare(at, &key); at++)
		if (is_everywhere(at->address) ||
		    !memcmp(at->address, flow->local, sizeof(at->address)))
			return at->inode;
	return 0;
}

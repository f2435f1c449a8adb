// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/live_ports.h"

#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "kernel/snapshot.h"

#define S 1000000000ull
#define COUNT_EVERY (5 * S)
/* A list of very many sockets takes the kernel a tenth of a second. After one there is none for so
 * many times longer than it took: destinations that come to be asked for one after the other share
 * one. What was counted before can wait for longer. */
#define REST 49
#define REST_OF_KNOWN 499
#define DESTINATIONS 16

struct destination {
	struct flow flow; /* its local port means nothing */
	uint32_t netns;
	uint64_t counted; /* when, 0: never */
	uint64_t asked;
	uint64_t count;
};

struct live_ports {
	bool sock_diag;
	uint64_t listed; /* when the last list was there, and how long that took */
	uint64_t list_took;
	struct destination destinations[DESTINATIONS];
};

struct live_ports *live_ports_new(bool sock_diag)
{
	struct live_ports *live = calloc(1, sizeof(*live));

	if (live)
		live->sock_diag = sock_diag;
	return live;
}

void live_ports_free(struct live_ports *live)
{
	free(live);
}

static bool leads_there(const struct destination *destination, uint32_t netns,
			const struct flow *flow)
{
	return destination->netns == netns && destination->flow.remote_port == flow->remote_port &&
	       !memcmp(destination->flow.remote, flow->remote, sizeof(flow->remote)) &&
	       !memcmp(destination->flow.local, flow->local, sizeof(flow->local));
}

static int count_one(void *context, const struct record *record)
{
	struct live_ports *live = context;

	if (record->kind != RECORD_STATE)
		return 0;
	for (int i = 0; i < DESTINATIONS; i++)
		if (leads_there(&live->destinations[i], record->netns, &record->flow))
			live->destinations[i].count++;
	return 0;
}

/* All of a namespace at once. */
static void count_all(struct live_ports *live, uint32_t netns, uint64_t now)
{
	const struct snapshot_request request = {
		.contents = SNAPSHOT_SOCKETS, .netns = netns, .sock_diag = live->sock_diag};
	struct snapshot_result result;
	uint64_t begin = clock_boot();

	for (int i = 0; i < DESTINATIONS; i++) {
		if (live->destinations[i].netns != netns)
			continue;
		live->destinations[i].count = 0;
		live->destinations[i].counted = now;
	}
	snapshot_take(&request, count_one, live, &result);
	live->listed = clock_boot();
	live->list_took = live->listed - begin;
}

/* The one, or in place of the one that was asked for longest ago. */
static struct destination *find(struct live_ports *live, uint32_t netns, const struct flow *flow)
{
	struct destination *oldest = &live->destinations[0];

	for (int i = 0; i < DESTINATIONS; i++) {
		struct destination *at = &live->destinations[i];

		if (leads_there(at, netns, flow))
			return at;
		if (at->asked < oldest->asked)
			oldest = at;
	}
	*oldest = (struct destination){.flow = *flow, .netns = netns};
	return oldest;
}

static bool is_due(const struct live_ports *live, const struct destination *destination,
		   uint64_t now)
{
	bool known = destination->counted;

	return now >= live->listed + live->list_took * (known ? REST_OF_KNOWN : REST) &&
	       (!known || now - destination->counted >= COUNT_EVERY);
}

uint64_t live_ports_count(struct live_ports *live, uint32_t netns, const struct flow *flow,
			  uint64_t now)
{
	struct destination *destination = find(live, netns, flow);

	destination->asked = now;
	if (is_due(live, destination, now))
		count_all(live, netns, now);
	return destination->count;
}

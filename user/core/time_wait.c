// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/time_wait.h"

#include <stdlib.h>

#include "core/flow.h"

int time_waits_init(struct time_waits *waits)
{
	*waits = (struct time_waits){0};
	return map_init(&waits->by_flow);
}

void time_waits_done(struct time_waits *waits)
{
	while (waits->oldest)
		time_waits_remove(waits, waits->oldest);
	map_done(&waits->by_flow);
}

static uint64_t hash_of(const struct flow *flow, uint32_t netns)
{
	return hash_join(flow_hash(flow), netns);
}

static void list_add(struct time_waits *waits, struct time_wait *wait)
{
	wait->older = waits->newest;
	wait->newer = NULL;
	if (waits->newest)
		waits->newest->newer = wait;
	else
		waits->oldest = wait;
	waits->newest = wait;
}

static void list_remove(struct time_waits *waits, struct time_wait *wait)
{
	if (wait->older)
		wait->older->newer = wait->newer;
	else
		waits->oldest = wait->newer;
	if (wait->newer)
		wait->newer->older = wait->older;
	else
		waits->newest = wait->older;
}

struct time_wait *time_waits_add(struct time_waits *waits, const struct connection *connection,
				 unsigned int end, uint64_t start)
{
	const struct socket_facts *socket = &connection->view.ends[end].socket;
	const struct fin *fin = &connection->ends[!end].fin;
	struct time_wait *wait = malloc(sizeof(*wait));

	if (!wait)
		return NULL;
	*wait = (struct time_wait){
		.id = {connection->view.id[0], connection->view.id[1]},
		.start = start,
		.heard = start,
		.flow = socket->flow,
		.netns = socket->netns,
		.rcv_nxt = fin->known ? fin->end : 0,
	};
	list_add(waits, wait);
	waits->count++;
	map_add(&waits->by_flow, &wait->link, hash_of(&wait->flow, wait->netns));
	return wait;
}

void time_waits_restart(struct time_waits *waits, struct time_wait *wait, uint64_t time)
{
	list_remove(waits, wait);
	list_add(waits, wait);
	wait->heard = time;
}

void time_waits_remove(struct time_waits *waits, struct time_wait *wait)
{
	list_remove(waits, wait);
	waits->count--;
	map_remove(&waits->by_flow, &wait->link);
	free(wait);
}

struct time_wait *time_waits_find(const struct time_waits *waits, const struct flow *flow,
				  uint32_t netns)
{
	struct map_link *at = map_first(&waits->by_flow, hash_of(flow, netns));

	for (; at; at = map_next(at)) {
		struct time_wait *wait = container_of(at, struct time_wait, link);

		if (wait->netns == netns && flow_equal(&wait->flow, flow))
			return wait;
	}
	return NULL;
}

struct time_wait_report time_wait_report(const struct time_wait *wait, uint64_t time,
					 enum time_wait_end ended_by)
{
	return (struct time_wait_report){
		.id = {wait->id[0], wait->id[1]},
		.flow = wait->flow,
		.netns = wait->netns,
		.start = wait->start,
		.duration = time > wait->start ? time - wait->start : 0,
		.timeout = TIME_WAIT_LENGTH,
		.ended_by = ended_by,
	};
}

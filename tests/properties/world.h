/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Many stories at once, made from a seed: who reuses whose addresses, what is told of it, and the
 * ways in which the telling may go wrong.
 */
#ifndef TCPCLOSE_TESTS_WORLD_H
#define TCPCLOSE_TESTS_WORLD_H

#include "core/correlator.h"
#include "story.h"

#define WORLD_STORIES 128
#define WORLD_BEGIN (1000 * S) /* boot clock */

struct world {
	uint64_t seed;
	enum sight sight;
	bool tells_minis;
	bool stops_early;   /* the tracer ends while stories go on */
	bool in_order;      /* told as it happens */
	bool limited;       /* the core has less room than it needs */
	bool lossy;         /* something does not reach it, or is forgotten */
	bool doubled;       /* some changes are told twice */
	uint64_t lateness;  /* else a record is late by less than this */
	unsigned int drops; /* per thousand of records that are lost */
	bool drops_told;
	bool drops_segments;
	unsigned int count;
	bool kept[WORLD_STORIES]; /* the shrinker leaves out the others */
	struct story stories[WORLD_STORIES];
	struct told *told; /* of all, as they arrive */
	size_t told_count, told_room;
	size_t dropped;
	uint64_t end;
};

static void world_tell(struct world *world, const struct told *told)
{
	if (world->told_count == world->told_room) {
		world->told_room = world->told_room ? world->told_room * 2 : 4096;
		world->told = realloc(world->told, world->told_room * sizeof(*world->told));
		assert(world->told);
	}
	world->told[world->told_count++] = *told;
}

/* Plots */

static uint64_t log_between(struct chance *chance, uint64_t from, uint64_t to)
{
	while (from * 4 < to && chance_in(chance, 70))
		from *= 4;
	return chance_between(chance, from, from * 4 < to ? from * 4 : to);
}

static void plot_wishes(struct plot *plot, struct chance *chance)
{
	static const enum wish wishes[] = {WISH_CLOSE,    WISH_CLOSE,   WISH_CLOSE,  WISH_CLOSE,
					   WISH_SHUTDOWN, WISH_EXIT,    WISH_UNREAD, WISH_LINGER,
					   WISH_ABORT,    WISH_SHUTDOWN};
	unsigned int first = (unsigned int)chance_below(chance, 2);

	for (unsigned int i = 0; i < 2; i++) {
		plot->wish[i] = wishes[chance_below(chance, sizeof(wishes) / sizeof(*wishes))];
		plot->when[i] = chance_below(chance, 100 * MS);
	}
	plot->answers = log_between(chance, 10 * US, 5 * S);
	plot->close_after = log_between(chance, 10 * US, 5 * S);
	/* One answers the other, both close at about the same time, or whenever they like. */
	if (chance_in(chance, 65))
		plot->when[!first] = UINT64_MAX;
	else if (chance_in(chance, 60))
		plot->when[!first] = plot->when[first] + chance_below(chance, 2 * plot->delay);
	if (chance_in(chance, 6))
		plot->wish[!first] = WISH_NEVER;
	plot->data_after = chance_in(chance, 15);
	plot->merges = !plot->data_after && chance_in(chance, 40);
}

static struct plot plot_of(struct chance *chance)
{
	struct plot plot = {
		.place = (enum place)chance_below(chance, PLACES),
		.ipv6 = chance_in(chance, 30),
		.older = chance_in(chance, 15),
		.loss = chance_in(chance, 25) ? 20 : 0,
		.vanishes = chance_in(chance, 3),
		.never_established = chance_in(chance, 2),
		.waits = 60 * S + chance_below(chance, 2 * S),
	};

	plot.wait_end = chance_in(chance, 40)   ? TIME_WAIT_BY_CONNECT
			: chance_in(chance, 10) ? TIME_WAIT_DESTROYED
						: TIME_WAIT_BY_TIMER;
	if (plot.wait_end != TIME_WAIT_BY_TIMER)
		plot.waits = chance_between(chance, S, 50 * S);

	plot.delay = plot.place == PLACE_LOOPBACK ? 10 * US : log_between(chance, 20 * US, 40 * MS);
	if (plot.place == PLACE_LOOPBACK || plot.place == PLACE_NAT)
		plot.loss = 0;
	plot_wishes(&plot, chance);
	if (plot.never_established) {
		plot.when[0] = MS;
		plot.wish[0] = WISH_CLOSE;
		plot.when[1] = UINT64_MAX;
	}
	for (unsigned int i = 0; i < 2; i++)
		plot.isn[i] = chance_in(chance, 20)
				      ? UINT32_MAX - (uint32_t)chance_below(chance, 12000)
				      : (uint32_t)chance_next(chance);
	return plot;
}

/* Addresses */

static void set_address(uint8_t address[16], bool ipv6, uint8_t host)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(address, 0, 16);
	if (ipv6) {
		address[0] = 0xfd;
		address[15] = host;
		return;
	}
	memcpy(address, mapped, sizeof(mapped));
	address[12] = host == 127 ? 127 : 10;
	address[15] = host == 127 ? 1 : host;
}

static struct flow flow_between(bool ipv6, uint8_t from, uint16_t from_port, uint8_t to,
				uint16_t to_port)
{
	struct flow flow = {.local_port = from_port, .remote_port = to_port};

	set_address(flow.local, ipv6, from);
	set_address(flow.remote, ipv6, to);
	return flow;
}

/* `pair` names the addresses: the same for those that follow each other on them. */
static void settle_story(struct story *story, unsigned int pair)
{
	struct side *client = &story->sides[0], *server = &story->sides[1];
	uint16_t port = (uint16_t)(40000 + pair);
	bool ipv6 = story->plot.ipv6;

	client->cookie = story->number * 2 + 1;
	server->cookie = story->number * 2 + 2;
	client->netns = server->netns = 1;
	client->traced = story->plot.place != PLACE_SERVER;
	server->traced = story->plot.place != PLACE_CLIENT;
	client->flow = flow_between(ipv6, 5, port, 9, 80);
	server->flow = flow_between(ipv6, 9, 80, 5, port);
	if (story->plot.place == PLACE_LOOPBACK) {
		client->flow = flow_between(false, 127, port, 127, 80);
		server->flow = flow_between(false, 127, 80, 127, port);
	} else if (story->plot.place == PLACE_NAT) {
		client->netns = 2;
		server->netns = 3;
		client->flow = flow_between(ipv6, 5, port, 1, 8080);
		server->flow = flow_between(ipv6, 9, 80, 2, (uint16_t)(port + 5000));
	}
}

/* A number that no number of the former connection is near to (RFC 6528), or the kernel's choice
 * for who takes its own TIME_WAIT over (tcp_twsk_unique()). */
static uint32_t next_isn(const struct side *former, struct chance *chance)
{
	if (former->wait_end == TIME_WAIT_BY_CONNECT || former->wait_end == TIME_WAIT_BY_SYN)
		return former->snd_nxt + 65535 + 2;
	return former->isn + (1u << 28) + (uint32_t)chance_below(chance, 1u << 31);
}

/* When the addresses of the former are used anew, 0: never, one end has not ended. */
static uint64_t follow(struct plot *plot, const struct story *former, struct chance *chance)
{
	const struct side *sides = former->sides;
	uint64_t free = former->begin;

	for (unsigned int i = 0; i < 2; i++) {
		if (sides[i].ending == ENDING_NONE || sides[i].mini)
			return 0;
		free = sides[i].over > free ? sides[i].over : free;
		free = sides[i].wait_over > free ? sides[i].wait_over : free;
		plot->isn[i] = next_isn(&sides[i], chance);
	}
	plot->place = former->plot.place;
	plot->ipv6 = former->plot.ipv6;
	plot->delay = former->plot.delay;
	/* What was on its way has arrived; the handshake takes a round trip. */
	return free + 3 * plot->delay + log_between(chance, 200 * US, 10 * S);
}

static uint64_t world_until(const struct world *world)
{
	return WORLD_BEGIN + (world->stops_early ? 1 : 1000) * S;
}

/* So many stories. Of some addresses there are several, one after the other. */
static void world_make(struct world *world, uint64_t seed, unsigned int count)
{
	struct chance chance = chance_of(seed, 1);
	unsigned int pair = 0;

	world->seed = seed;
	world->count = count;
	for (unsigned int i = 0; i < count; i++) {
		struct story *story = &world->stories[i], *former = i ? story - 1 : NULL;
		struct chance own = chance_of(seed, 100 + i);
		struct plot plot = plot_of(&own);
		uint64_t begin = 0;

		/* Of a capture its reader tells of addresses used anew (capture/conversations.h).
		 */
		if (former && world->sight != SIGHT_WIRE && chance_in(&chance, 40))
			begin = follow(&plot, former, &chance);
		if (!begin || begin + S > world_until(world)) {
			begin = WORLD_BEGIN + chance_below(&chance, 2 * S);
			pair++;
		}
		/* A capture is made in one place. */
		if (world->sight == SIGHT_WIRE && plot.place == PLACE_NAT)
			plot.place = PLACE_CLIENT;
		/* What takes it away unseen, and its begin, too, nothing tells. */
		if (world->sight == SIGHT_STATES && plot.wait_end == TIME_WAIT_DESTROYED)
			plot.wait_end = TIME_WAIT_BY_CONNECT;
		free(story->told);
		*story = (struct story){
			.plot = plot,
			.sight = world->sight,
			.tells_minis = world->tells_minis,
			.number = i,
			.chance = own,
			.begin = begin,
			.first_closer = -1,
			.told = calloc(STORY_TOLD, sizeof(struct told)),
		};
		assert(story->told);
		settle_story(story, pair);
		story_play(story, world_until(world));
		world->kept[i] = true;
	}
	world->end = world_until(world) + S;
}

/* The telling */

static int compare_told(const void *a, const void *b)
{
	const struct told *left = a, *right = b;

	if (left->arrival != right->arrival)
		return left->arrival < right->arrival ? -1 : 1;
	if (left->lane != right->lane)
		return left->lane < right->lane ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

static bool drop(struct world *world, struct chance *chance, struct story *story,
		 const struct told *told)
{
	struct told loss = {.time = told->time, .lane = UINT32_MAX, .number = told->number};

	if (told->record.header.kind == RECORD_SEGMENT && !world->drops_segments)
		return false;
	if (chance_below(chance, 1000) >= world->drops)
		return false;
	story->damaged = true;
	world->dropped++;
	if (!world->drops_told)
		return true;
	loss.record.loss = (struct loss_record){
		.header = {.length = sizeof(struct loss_record),
			   .kind = RECORD_LOSS,
			   .time = told->time},
		.lost_kind = told->record.header.kind,
		.count = 1,
	};
	loss.arrival = told->time;
	world_tell(world, &loss);
	return true;
}

/* A record is late by less than the tolerance; those of one socket come in order: it is locked. */
static uint64_t arrival_of(const struct world *world, struct chance *chance, uint64_t lanes[4],
			   const struct told *told)
{
	uint64_t arrival = told->time;

	if (world->in_order)
		return arrival;
	arrival += chance_in(chance, 50) ? 0 : chance_below(chance, world->lateness);
	if (told->lane % 4 < 2) {
		uint64_t *last = &lanes[told->lane % 4];

		if (arrival < *last)
			arrival = *last;
		*last = arrival;
	}
	return arrival;
}

static void world_mix(struct world *world)
{
	struct told end = {.arrival = world->end, .lane = UINT32_MAX, .number = UINT32_MAX};

	world->told_count = world->dropped = 0;
	world->lossy = world->drops || world->limited;
	for (unsigned int i = 0; i < world->count; i++) {
		struct story *story = &world->stories[i];
		struct chance drops = chance_of(world->seed, 10000 + i);
		struct chance order = chance_of(world->seed, 20000 + i);
		struct chance doubles = chance_of(world->seed, 30000 + i);
		uint64_t lanes[4] = {0};

		story->damaged = false;
		for (unsigned int k = 0; k < story->told_count && world->kept[i]; k++) {
			struct told told = story->told[k];

			if (world->drops && drop(world, &drops, story, &told))
				continue;
			told.arrival = arrival_of(world, &order, lanes, &told);
			world_tell(world, &told);
			if (world->doubled && told.record.header.kind == RECORD_STATE &&
			    chance_in(&doubles, 30))
				world_tell(world, &told);
		}
	}
	qsort(world->told, world->told_count, sizeof(*world->told), compare_told);
	end.record.header = (struct record){
		.length = sizeof(struct record), .kind = RECORD_END, .time = world->end};
	world_tell(world, &end);
}

#endif

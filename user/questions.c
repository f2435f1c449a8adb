// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "questions.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/census.h"
#include "kernel/namespaces.h"

#define MS 1000000ull
/* What is not looked for now is looked for in the next batch. */
#define LOOKS_EACH_TIME 256
/* Another namespace takes a walk through /proc. */
#define COMPARE_HOME (500 * MS)
#define COMPARE_OTHERS (5000 * MS)
#define PLACES 64

struct question {
	struct flow flow;
	uint32_t netns;
};

/* What one comparison leaves for the next. */
struct comparison {
	uint32_t netns;
	uint64_t moved; /* mini-sockets that had begun or ended until then, in all */
	size_t missing; /* that the core knows of and the kernel does not count */
};

struct questions {
	uint32_t home;
	bool compare;
	struct question *queue;
	size_t first, count, capacity;
	uint64_t dropped;
	struct time_wait_record answers[LOOKS_EACH_TIME];
	size_t answer_count;
	struct comparison places[PLACES];
	size_t place_count;
	uint64_t next_home, next_others;
};

struct questions *questions_new(uint32_t home_netns, bool compare)
{
	struct questions *questions = calloc(1, sizeof(*questions));

	if (!questions)
		return NULL;
	questions->home = home_netns;
	questions->compare = compare;
	questions->next_home = questions->next_others = UINT64_MAX;
	return questions;
}

void questions_free(struct questions *questions)
{
	if (!questions)
		return;
	free(questions->queue);
	free(questions);
}

static bool make_room(struct questions *questions)
{
	size_t capacity = questions->capacity ? questions->capacity * 2 : 64;
	struct question *queue;

	if (questions->first + questions->count < questions->capacity)
		return true;
	if (questions->first > questions->capacity / 2) {
		memmove(questions->queue, questions->queue + questions->first,
			questions->count * sizeof(*queue));
		questions->first = 0;
		return true;
	}
	queue = questions->count < QUESTIONS_AT_MOST
			? realloc(questions->queue, capacity * sizeof(*queue))
			: NULL;
	if (!queue)
		return false;
	questions->queue = queue;
	questions->capacity = capacity;
	return true;
}

void questions_add(struct questions *questions, const struct flow *flow, uint32_t netns)
{
	if (make_room(questions))
		questions->queue[questions->first + questions->count++] =
			(struct question){*flow, netns};
	else
		questions->dropped++; /* the core asks again or goes without */
}

uint64_t questions_dropped(const struct questions *questions)
{
	return questions->dropped;
}

static void answer(struct questions *questions, const struct question *question,
		   const struct census_answer *found, uint64_t now)
{
	struct time_wait_record *record = &questions->answers[questions->answer_count];

	/* Whose socket it is now is told by that. */
	if (found->holder == CENSUS_A_SOCKET)
		return;
	questions->answer_count++;
	*record = (struct time_wait_record){
		.header = {.length = sizeof(*record),
			   .kind = RECORD_TIME_WAIT,
			   .time = now,
			   .netns = question->netns,
			   .flow = question->flow},
		.event = TIME_WAIT_REMOVED,
		.removal = REMOVED_UNSEEN,
	};
	if (found->holder != CENSUS_WAITING)
		return;
	record->event = TIME_WAIT_FOUND;
	record->substate = found->state;
	record->timeout_ms = found->left_ms;
}

/* Those of the first one's namespace. What cannot be found out stays unanswered. */
static void look_in_one(struct questions *questions, size_t *looks, uint64_t now)
{
	uint32_t netns = questions->queue[questions->first].netns;
	int namespace = namespaces_reach(netns);
	struct census *census = NULL;
	struct census_answer found;

	if (namespace >= 0 && census_open(&census, namespace))
		census = NULL;
	while (questions->count && *looks) {
		const struct question *question = &questions->queue[questions->first];

		if (question->netns != netns)
			break;
		questions->first++;
		questions->count--;
		if (!census)
			continue;
		--*looks;
		if (!census_find(census, &question->flow, &found))
			answer(questions, question, &found, now);
	}
	census_close(census);
	if (namespace >= 0)
		close(namespace);
}

bool questions_look(struct questions *questions, uint64_t now)
{
	size_t looks = LOOKS_EACH_TIME;

	while (questions->count && looks && questions->answer_count < LOOKS_EACH_TIME)
		look_in_one(questions, &looks, now);
	if (!questions->count)
		questions->first = 0;
	return questions->answer_count;
}

void questions_answer(struct questions *questions, ring_take take, void *context)
{
	for (size_t i = 0; i < questions->answer_count; i++)
		take(context, &questions->answers[i].header, sizeof(questions->answers[i]));
	questions->answer_count = 0;
}

static struct comparison *comparison_of(struct questions *questions, uint32_t netns)
{
	struct comparison *place;

	for (size_t i = 0; i < questions->place_count; i++)
		if (questions->places[i].netns == netns)
			return &questions->places[i];
	if (questions->place_count == PLACES)
		questions->place_count = 0;
	place = &questions->places[questions->place_count++];
	*place = (struct comparison){.netns = netns};
	return place;
}

/* Both numbers move while they are read: some are missing only if more are than moved since the
 * last time, and if they were then. */
static void compare_place(struct questions *questions, struct correlator *correlator,
			  uint32_t netns, int namespace)
{
	struct comparison *place = comparison_of(questions, netns);
	int counted = census_count(namespace);
	size_t known = correlator_mini_sockets(correlator, netns);
	uint64_t moved =
		correlator_stats(correlator)->teardowns + correlator_stats(correlator)->time_waits;
	uint64_t since = moved - place->moved;
	size_t missing = counted >= 0 && known > (size_t)counted ? known - (size_t)counted : 0;

	if (place->missing && missing > since)
		correlator_question_all(correlator, netns);
	place->missing = missing;
	place->moved = moved;
}

struct walk {
	struct questions *questions;
	struct correlator *correlator;
	const uint32_t *places;
	size_t count;
};

static int visit(void *context, uint32_t netns, int descriptor)
{
	const struct walk *walk = context;

	for (size_t i = 0; i < walk->count; i++)
		if (walk->places[i] == netns && netns != walk->questions->home)
			compare_place(walk->questions, walk->correlator, netns, descriptor);
	return 0;
}

static void compare_home(struct questions *questions, struct correlator *correlator)
{
	int namespace = namespaces_reach(questions->home);

	if (namespace < 0)
		return;
	compare_place(questions, correlator, questions->home, namespace);
	close(namespace);
}

void questions_compare(struct questions *questions, struct correlator *correlator, uint64_t now)
{
	uint32_t places[PLACES];
	struct walk walk = {questions, correlator, places, 0};
	bool home = false;

	if (!questions->compare)
		return;
	if (correlator_is_empty(correlator)) {
		questions->next_home = questions->next_others = UINT64_MAX;
		return;
	}
	if (questions->next_home == UINT64_MAX) {
		questions->next_home = now + COMPARE_HOME;
		questions->next_others = now + COMPARE_OTHERS;
	}
	if (questions->next_home > now)
		return;
	questions->next_home = now + COMPARE_HOME;
	walk.count = correlator_places(correlator, places, PLACES);
	for (size_t i = 0; i < walk.count; i++)
		home |= places[i] == questions->home;
	if (home)
		compare_home(questions, correlator);
	if (questions->next_others > now)
		return;
	questions->next_others = now + COMPARE_OTHERS;
	if (walk.count > home)
		namespaces_walk(visit, &walk);
}

uint64_t questions_deadline(const struct questions *questions)
{
	if (questions->count)
		return 0;
	return questions->next_home;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Properties of the correlator: worlds of scripted connections, told in all orders and with losses,
 * against the truth of each. `test_properties` runs a fixed part of them (TAP); `test_properties
 * SECONDS [SEED]` goes on with further seeds for so long, and with 0 seconds runs that seed alone.
 * Of a failure the seed is told and what is left of the world when all that does not matter was
 * taken away.
 */
#include <time.h>

#include "../scenarios/recorded.h"
#include "judge.h"

#define SEEDS 200
#define STORIES 64

struct trial {
	uint64_t seed;
	struct world world;
	struct judge judge, other;
	bool leave_out[WORLD_STORIES];
};

static void make(struct trial *trial)
{
	struct world *world = &trial->world;

	world_make(world, trial->seed, STORIES);
	for (unsigned int i = 0; i < STORIES; i++)
		world->kept[i] = !trial->leave_out[i];
}

/* Told and judged, with all sockets accounted for. */
static void play(struct trial *trial, struct judge *judge,
		 const struct correlator_settings *settings)
{
	world_mix(&trial->world);
	judge_begin(judge, &trial->world);
	judge_play(judge, settings);
}

static void check_truth(struct trial *trial)
{
	make(trial);
	play(trial, &trial->judge, &correlator_defaults);
	judge_counts(&trial->judge);
}

static void both_witnesses(struct trial *trial)
{
	trial->world.tells_minis = true;
	check_truth(trial);
}

static void timers_only(struct trial *trial)
{
	check_truth(trial);
}

static void states_only(struct trial *trial)
{
	trial->world.sight = SIGHT_STATES;
	trial->world.tells_minis = trial->seed & 1;
	check_truth(trial);
}

static void stopped(struct trial *trial)
{
	trial->world.stops_early = true;
	trial->world.tells_minis = trial->seed & 1;
	check_truth(trial);
}

static void any_order(struct trial *trial)
{
	trial->world.tells_minis = trial->seed & 1;
	make(trial);
	play(trial, &trial->other, &correlator_defaults);
	trial->world.lateness = correlator_defaults.tolerance;
	trial->world.in_order = false;
	play(trial, &trial->judge, &correlator_defaults);
	judge_counts(&trial->judge);
	judge_alike(&trial->judge, &trial->other);
}

static void told_twice(struct trial *trial)
{
	trial->world.tells_minis = trial->seed & 1;
	make(trial);
	play(trial, &trial->other, &correlator_defaults);
	trial->world.doubled = true;
	play(trial, &trial->judge, &correlator_defaults);
	judge_counts(&trial->judge);
	judge_alike(&trial->judge, &trial->other);
}

static void losses_told(struct trial *trial)
{
	trial->world.tells_minis = trial->seed & 1;
	trial->world.drops = 40;
	trial->world.drops_told = trial->world.drops_segments = true;
	check_truth(trial);
}

/* The kernel's records only: of a segment that nobody told of nothing is left. */
static void losses_untold(struct trial *trial)
{
	trial->world.tells_minis = trial->seed & 1;
	trial->world.drops = 40;
	check_truth(trial);
}

static void when_due(struct trial *trial)
{
	struct judge *judge = &trial->judge;
	const struct world *world = &trial->world;

	trial->world.tells_minis = trial->seed & 1;
	make(trial);
	world_mix(&trial->world);
	judge_begin(judge, world);
	judge_open(judge, &correlator_defaults);
	for (size_t i = 0; i < world->told_count; i++) {
		const struct record *record = &world->told[i].record.header;
		uint64_t deadline;

		while ((deadline = correlator_deadline(judge->correlator)) < record->time) {
			if (deadline > judge->now)
				judge->now = deadline;
			correlator_advance(judge->correlator, deadline);
			if (correlator_deadline(judge->correlator) <= deadline) {
				blame(judge, -1, "what was due is due still");
				break;
			}
		}
		judge_feed(judge, record);
	}
	judge_close(judge);
	judge_counts(judge);
}

/* So little room that what is evicted is told of as that, and that nothing else is kept. */
static void little_room(struct trial *trial)
{
	struct correlator_settings settings = correlator_defaults;
	struct judge *judge = &trial->judge;
	const struct world *world = &trial->world;
	size_t last = 0;

	settings.connections = 4;
	settings.unclaimed = 3;
	settings.time_waits = 3;
	settings.segments = 3;
	trial->world.limited = true;
	trial->world.tells_minis = trial->seed & 1;
	make(trial);
	world_mix(&trial->world);
	judge_begin(judge, world);
	judge_open(judge, &settings);
	for (size_t i = 0; i < world->told_count; i++) {
		last = judge->line_count;
		judge_feed(judge, &world->told[i].record.header);
	}
	/* Two ends of each connection, and their mini-sockets. */
	last = judge->line_count - last;
	judge_close(judge);
	if (last > 4 * settings.connections + settings.time_waits)
		blame(judge, -1, "%zu were kept to the end", last);
	if (judge->stats.teardowns + judge->stats.unfinished + judge->stats.time_waits +
		    judge->stats.orphans <
	    judge->line_count)
		blame(judge, -1, "%zu reports, and less are counted", judge->line_count);
}

static void replay_start(void *context, const struct recording_start *start)
{
	struct trial *trial = context;

	(void)start;
	judge_begin(&trial->judge, &trial->world);
	judge_open(&trial->judge, &correlator_defaults);
}

static void replay_take(void *context, const struct record *record, size_t length)
{
	struct trial *trial = context;

	if (record->time > trial->judge.now)
		trial->judge.now = record->time;
	correlator_feed(trial->judge.correlator, record, length);
}

/* As the session does with -w, and with -r. */
static void recorded(struct trial *trial)
{
	const struct recording_listener listener = {
		.start = replay_start, .take = replay_take, .context = trial};
	const struct output_options options = {.wall_offset = 1784000000000000000};
	const struct world *world = &trial->world;
	char path[] = "/tmp/tcpclose-properties-XXXXXX";
	struct output_lookup nothing = {0};
	struct recorder *recorder;
	struct names *names = names_new();
	int descriptor = mkstemp(path);

	assert(descriptor >= 0 && names);
	close(descriptor);
	trial->world.lateness = correlator_defaults.tolerance;
	trial->world.in_order = false;
	trial->world.tells_minis = trial->seed & 1;
	make(trial);
	world_mix(&trial->world);
	recorder = recorded_begin(path, &options, &nothing, false, WORLD_BEGIN);
	judge_begin(&trial->other, world);
	judge_open(&trial->other, &correlator_defaults);
	for (size_t i = 0; i < world->told_count; i++) {
		const struct record *record = &world->told[i].record.header;

		if (recorder_advance(recorder, record->time))
			assert(false);
		judge_feed(&trial->other, record);
		recorder_add(recorder, record);
	}
	judge_close(&trial->other);
	if (recorder_close(recorder))
		assert(false);
	recorded_replay(path, &listener, names);
	judge_close(&trial->judge);
	judge_alike(&trial->judge, &trial->other);
	names_free(names);
	unlink(path);
}

static void captured(struct trial *trial)
{
	trial->world.sight = SIGHT_WIRE;
	make(trial);
	play(trial, &trial->judge, &correlator_of_capture);
	judge_capture_counts(&trial->judge);
}

static void garbage(struct trial *trial)
{
	struct judge *judge = &trial->judge;
	const struct world *world = &trial->world;
	struct chance chance = chance_of(trial->seed, 2);
	uint64_t bad = 0;

	trial->world.tells_minis = trial->seed & 1;
	make(trial);
	play(trial, &trial->other, &correlator_defaults);
	judge_begin(judge, world);
	judge_open(judge, &correlator_defaults);
	for (size_t i = 0; i < world->told_count; i++) {
		struct told told = world->told[i];
		struct record *header = &told.record.header;
		size_t length = header->length;

		judge_feed(judge, &world->told[i].record.header);
		if (header->kind == RECORD_END || chance_in(&chance, 50))
			continue;
		switch (chance_below(&chance, 5)) {
		case 0:
			header->kind = (uint16_t)chance_between(&chance, RECORD_KINDS, UINT16_MAX);
			break;
		case 1:
			header->length = (uint16_t)chance_below(&chance, sizeof(struct record));
			break;
		case 2:
			header->length--;
			break;
		case 3:
			length = chance_below(&chance, length);
			break;
		case 4:
			if (header->kind != RECORD_STATE)
				continue;
			told.record.state.to = (uint8_t)chance_between(&chance, TCP_STATES, 255);
			break;
		}
		bad++;
		correlator_feed(judge->correlator, header, length);
	}
	judge_close(judge);
	if (judge->stats.bad_records != bad)
		blame(judge, -1, "%lu bad records are counted as %lu", bad,
		      judge->stats.bad_records);
	judge_alike(judge, &trial->other);
}

static const struct property {
	const char *name;
	void (*check)(struct trial *trial);
} properties[] = {
	{"both witnesses: each socket ends once, with the truth", both_witnesses},
	{"without fentry: the same", timers_only},
	{"states only: the same, or it is inferred", states_only},
	{"a tracer that stops: what is open is unfinished", stopped},
	{"order of arrival within the tolerance changes nothing", any_order},
	{"changes told twice change nothing", told_twice},
	{"losses that are told: true, unknown, incomplete or inferred", losses_told},
	{"losses of the kernel's account that nobody tells: the same", losses_untold},
	{"what is due leaves when it is due", when_due},
	{"little room: what is evicted is told of as that", little_room},
	{"a replay of the recording tells the same", recorded},
	{"a capture: each close once, all of it inferred", captured},
	{"bad records are counted and change nothing", garbage},
};

#define PROPERTIES (sizeof(properties) / sizeof(*properties))

static bool fails(struct trial *trial, const struct property *property, uint64_t seed)
{
	struct world *world = &trial->world;

	trial->seed = seed;
	world->sight = SIGHT_BOTH;
	world->tells_minis = world->stops_early = world->doubled = world->limited = false;
	world->drops_told = world->drops_segments = false;
	world->in_order = true;
	world->lateness = world->drops = 0;
	property->check(trial);
	return trial->judge.failure[0];
}

/* Leaves out what the failure does not need: halves, quarters, single stories. */
static void shrink(struct trial *trial, const struct property *property)
{
	for (unsigned int size = STORIES / 2; size; size /= 2)
		for (unsigned int from = 0; from < STORIES; from += size) {
			bool before[WORLD_STORIES];

			memcpy(before, trial->leave_out, sizeof(before));
			for (unsigned int i = from; i < from + size; i++)
				trial->leave_out[i] = true;
			if (!fails(trial, property, trial->seed))
				memcpy(trial->leave_out, before, sizeof(before));
		}
	fails(trial, property, trial->seed);
}

static void show_record(const struct told *told, uint64_t begin)
{
	const struct record *header = &told->record.header;

	printf("#     %12.3f ms lane %u: ", (double)(int64_t)(told->time - begin) / 1e6,
	       told->lane % 4);
	if (header->kind == RECORD_STATE)
		printf("state %s to %s context %x error %u\n",
		       tcp_state_name(told->record.state.from),
		       tcp_state_name(told->record.state.to), told->record.state.context,
		       told->record.state.error);
	else if (header->kind == RECORD_SEGMENT)
		printf("segment flags %x seq %u ack %u hook %u netns %u\n",
		       told->record.segment.flags, told->record.segment.seq,
		       told->record.segment.ack, told->record.segment.hook, header->netns);
	else if (header->kind == RECORD_TIME_WAIT)
		printf("time_wait event %u substate %u\n", told->record.time_wait.event,
		       told->record.time_wait.substate);
	else
		printf("record of kind %u\n", header->kind);
}

static void show(const struct trial *trial)
{
	const struct world *world = &trial->world;

	for (unsigned int i = 0; i < STORIES; i++) {
		const struct story *story = &world->stories[i];

		if (!world->kept[i])
			continue;
		printf("#   story %u: place %d, %s and %s, delay %.3f ms, loss %u %%\n", i,
		       story->plot.place, wish_names[story->plot.wish[0]],
		       wish_names[story->plot.wish[1]], (double)story->plot.delay / 1e6,
		       story->plot.loss);
		for (size_t k = 0; k < world->told_count; k++)
			if (world->told[k].lane / 4 == i || world->told[k].lane == UINT32_MAX)
				show_record(&world->told[k], WORLD_BEGIN);
	}
}

static bool run(const struct property *property, uint64_t seed)
{
	static struct trial trial; /* its memory is used again */

	memset(trial.leave_out, 0, sizeof(trial.leave_out));
	if (!fails(&trial, property, seed))
		return true;
	shrink(&trial, property);
	printf("# seed %lu, story %d: %s\n", seed, trial.judge.story, trial.judge.failure);
	show(&trial);
	return false;
}

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

/* Seed by seed, all properties of each. */
static int search(uint64_t seconds, uint64_t seed)
{
	uint64_t end = seconds_now() + seconds, first = seed;
	int failed = 0;

	do {
		for (unsigned int i = 0; i < PROPERTIES; i++)
			if (!run(&properties[i], seed)) {
				printf("not true of seed %lu: %s\n", seed, properties[i].name);
				failed++;
			}
		seed++;
	} while (seconds_now() < end && failed < 10);
	printf("seeds %lu to %lu, %d connections each: %d failures\n", first, seed - 1, STORIES,
	       failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	unsigned int failed = 0;

	if (argc > 1)
		return search(strtoull(argv[1], NULL, 0),
			      argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000);
	for (unsigned int i = 0; i < PROPERTIES; i++) {
		uint64_t seed = 1;

		while (seed <= SEEDS && run(&properties[i], seed))
			seed++;
		failed += seed <= SEEDS;
		printf("%sok %u - %s\n", seed <= SEEDS ? "not " : "", i + 1, properties[i].name);
	}
	printf("1..%zu\n", PROPERTIES);
	return failed != 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The analysis of foreign captures, its core and its outputs, given any segments in any order. An
 * input is steps of eight bytes, each a segment of one of four connections that goes on where the
 * one before it ended, or near it. If there is an odd number of steps, two captures are joined.
 */
#include "../bpf/frame.h"
#include "capture/conversations.h"
#include "fuzz.h"
#include "reports.h"

#define CONNECTIONS 4
#define LIMIT 3
#define LINK_RAW 101

enum step_choice {
	STEP_FROM_SERVER = 1 << 2, /* the bits below choose the connection */
	STEP_IPV6 = 1 << 3,
	STEP_LOST = 1 << 4, /* its sender sends the same again */
	STEP_CUT = 1 << 5,
	STEP_FRAGMENT = 1 << 6,
	STEP_LAST_FRAGMENT = 1 << 7,
};

/* Which capture has it, of two. */
enum step_place {
	STEP_AT_BOTH = 1 << 6,
	STEP_AT_SECOND = 1 << 7, /* at both: there first */
};

struct step {
	uint8_t choice; /* enum step_choice */
	uint8_t flags;
	int8_t seq; /* beside the next one */
	int8_t ack;
	uint8_t payload;
	uint8_t time; /* after the one before: the binary logarithm of ns; and enum step_place */
	uint8_t window;
	uint8_t scale; /* of a SYN */
};

struct run {
	struct reports reports;
	uint32_t next[CONNECTIONS][2];
	struct packet packet;
	struct conversations *captures[2];
	uint16_t source; /* whose packet it is */
	bool two;
};

static size_t size_of(const struct record *record)
{
	switch (record->kind) {
	case RECORD_WIRE:
		return sizeof(struct wire_record);
	case RECORD_SEGMENT:
		return sizeof(struct segment_with_tail);
	case RECORD_TIME_WAIT:
		return sizeof(struct time_wait_record);
	}
	return 0;
}

static void on_take(void *context, const struct record *record, size_t length)
{
	const struct segment_with_tail *segment = (const void *)record;
	struct run *run = context;

	FUZZ_CHECK(length == record->length && length == size_of(record));
	FUZZ_CHECK(record->source == run->source);
	FUZZ_CHECK(record->time == run->packet.time);
	if (record->kind == RECORD_SEGMENT)
		FUZZ_CHECK(segment->tail.frame == run->packet.number);
	reports_feed(&run->reports, record, length);
}

static const char *nothing(void *context, uint32_t netns, uint32_t interface)
{
	(void)context;
	(void)netns;
	(void)interface;
	return NULL;
}

static struct frame make_frame(const struct step *step, uint32_t seq, uint32_t ack)
{
	struct frame_plan plan = {
		.bare = true,
		.ipv6 = step->choice & STEP_IPV6,
		.from_server = step->choice & STEP_FROM_SERVER,
		.host = step->choice % CONNECTIONS,
		.flags = step->flags,
		.seq = seq,
		.ack = ack,
		.payload = step->payload,
		.id = step->window,
		.more = step->choice & STEP_FRAGMENT,
		.tcp_options = step->flags & SEGMENT_SYN ? 1 : 0,
	};
	struct frame frame;

	if (plan.ipv6 && step->choice & (STEP_FRAGMENT | STEP_LAST_FRAGMENT))
		plan.extensions[0] = 44;
	if (step->choice & STEP_LAST_FRAGMENT) {
		plan.fragment_offset = step->scale * 8;
		plan.more = false;
	}
	frame = frame_make(&plan);
	if (plan.tcp_options && !plan.fragment_offset && !plan.more) {
		const uint8_t option[] = {3, 3, step->scale};

		memcpy(frame.bytes + (plan.ipv6 ? 60 : 40), option, sizeof(option));
	}
	return frame;
}

/* In memory of its own length. */
static void give(struct run *run, unsigned int source, const struct frame *frame, uint32_t captured)
{
	uint8_t *memory = malloc(captured ? captured : 1);

	FUZZ_CHECK(memory);
	memcpy(memory, frame->bytes, captured);
	run->source = (uint16_t)source;
	run->packet.data = memory;
	run->packet.original = frame->length;
	run->packet.captured = captured;
	run->packet.number++;
	conversations_take(run->captures[source], &run->packet);
	free(memory);
}

static void take_step(struct run *run, const struct step *step)
{
	uint32_t *next = run->next[step->choice % CONNECTIONS];
	unsigned int side = step->choice & STEP_FROM_SERVER ? 1 : 0;
	unsigned int source = run->two && step->time & STEP_AT_SECOND;
	uint32_t seq = next[side] + (uint32_t)step->seq;
	struct frame frame = make_frame(step, seq, next[!side] + (uint32_t)step->ack);
	uint32_t captured = frame.length;

	if (!(step->choice & STEP_LOST))
		next[side] = seq + step->payload + !!(step->flags & SEGMENT_SYN) +
			     (step->flags & SEGMENT_FIN);
	if (step->choice & STEP_CUT)
		captured = step->window % frame.length;
	run->packet.time += 1ull << (step->time % STEP_AT_BOTH) % 40;
	give(run, source, &frame, captured);
	if (run->two && step->time & STEP_AT_BOTH)
		give(run, !source, &frame, captured);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	size_t steps = length / sizeof(struct step);
	struct run run = {.packet = {.time = 1700000000000000000, .link_type = LINK_RAW},
			  .two = steps % 2};
	const struct conversations_listener listener = {.take = on_take, .context = &run};
	const struct reports_settings settings = {
		.wire = true,
		.two = run.two,
		.choice = (unsigned int)steps / 2,
		.lookup = {.interface_name = nothing},
	};
	uint64_t frames = 0;

	for (uint16_t i = 0; i < 2; i++) {
		const struct conversations_settings capture = {.limit = LIMIT, .source = i};

		run.captures[i] = conversations_new(&capture, &listener);
		FUZZ_CHECK(run.captures[i]);
	}
	reports_open(&run.reports, &settings);
	for (size_t i = 0; i < steps; i++) {
		struct step step;

		memcpy(&step, bytes + i * sizeof(step), sizeof(step));
		take_step(&run, &step);
	}
	reports_close(&run.reports);
	for (unsigned int i = 0; i < 2; i++) {
		frames += conversations_counts(run.captures[i]).frames;
		conversations_free(run.captures[i]);
	}
	FUZZ_CHECK(frames == run.packet.number);
	return 0;
}

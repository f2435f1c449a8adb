// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The core and the outputs, given what no program of ours puts into the ring: any order, sizes and
 * contents. An input is records, each a struct step and the bytes behind its header.
 */
#include "capture/record_fields.h"
#include "fuzz.h"
#include "output/record_message.h"
#include "reports.h"

#define FLOWS 4
#define LARGEST sizeof(struct segment_with_tail)

enum step_choice {
	STEP_TURNED = 1 << 2, /* the bits below choose the flow, this one its direction */
	STEP_IPV4 = 1 << 3,
	STEP_CUT = 1 << 4,  /* less is delivered than the header says */
	STEP_LIES = 1 << 5, /* the header says something else */
	STEP_LONG = 1 << 6, /* a tail follows */
	STEP_BACK = 1 << 7, /* it is older than the one before */
};

struct step {
	uint8_t kind;
	uint8_t choice; /* enum step_choice */
	uint8_t time;   /* after the one before: the binary logarithm of ns */
	uint8_t number; /* of bytes, where choice needs one */
};

static size_t size_of(uint16_t kind)
{
	size_t size = record_fields_size(kind);

	if (kind == RECORD_WIRE)
		return sizeof(struct wire_record);
	return size ? size : sizeof(struct record);
}

static void fill_flow(struct flow *flow, const struct step *step)
{
	uint8_t host = step->choice % FLOWS;
	uint8_t *ends[] = {flow->local, flow->remote};

	for (unsigned int i = 0; i < 2; i++) {
		if (step->choice & STEP_IPV4)
			ends[i][10] = ends[i][11] = 0xff;
		ends[i][12] = 10;
		ends[i][15] = host;
	}
	flow->local_port = step->choice & STEP_TURNED ? 80 : 1024;
	flow->remote_port = step->choice & STEP_TURNED ? 1024 : 80;
}

/* What a recording would show of it, and keep. */
static void describe(const struct record *record, const struct reports_settings *settings)
{
	static struct buffer out;

	buffer_clear(&out);
	record_message_add(&out, &settings->lookup, record);
	record_fields_add(&out, record);
	FUZZ_CHECK(!out.failed);
}

/* In memory of the length that is delivered. The number of bytes that were taken. */
static size_t give(struct reports *reports, const struct reports_settings *settings,
		   const struct step *step, uint64_t time, const uint8_t *bytes, size_t left)
{
	size_t size = step->choice & STEP_LONG ? LARGEST : size_of(step->kind), delivered = size;
	size_t taken = size - sizeof(struct record);
	struct record header = {.length = (uint16_t)size, .kind = step->kind, .time = time};
	uint8_t *memory;

	taken = taken < left ? taken : left;
	fill_flow(&header.flow, step);
	if (step->choice & STEP_LIES)
		header.length = step->number;
	if (step->choice & STEP_CUT)
		delivered = step->number % size;
	memory = calloc(1, size);
	FUZZ_CHECK(memory);
	memcpy(memory, &header, sizeof(header));
	memcpy(memory + sizeof(header), bytes, taken);
	if (delivered < size) {
		uint8_t *cut = malloc(delivered ? delivered : 1);

		FUZZ_CHECK(cut);
		memcpy(cut, memory, delivered);
		free(memory);
		memory = cut;
	} else if (header.length == size) {
		describe((const struct record *)memory, settings);
	}
	reports_feed(reports, (const struct record *)memory, delivered);
	free(memory);
	return taken;
}

/* Each of them is the work of a stranger. */
static const char *hostile_name(void *context, uint32_t netns, uint32_t interface)
{
	(void)context;
	return (netns ^ interface) & 1 ? "\033]0;\a" : NULL;
}

static const char *hostile_path(void *context, uint64_t cgroup)
{
	(void)context;
	return cgroup & 1 ? "/\"\\\n\xff\xe2\x80\xae" : NULL;
}

static const char *reason(void *context, uint32_t number)
{
	(void)context;
	return number & 1 ? "NOT_SPECIFIED" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct reports_settings settings = {
		.choice = (unsigned int)length,
		.lookup = {.interface_name = hostile_name,
			   .cgroup_path = hostile_path,
			   .reset_reason = reason},
	};
	const uint8_t *end = bytes + length;
	struct reports reports;
	uint64_t time = 1000000000;

	reports_open(&reports, &settings);
	while ((size_t)(end - bytes) >= sizeof(struct step)) {
		struct step step;

		memcpy(&step, bytes, sizeof(step));
		bytes += sizeof(step);
		time += 1ull << step.time % 40;
		bytes += give(&reports, &settings, &step,
			      step.choice & STEP_BACK ? time - (time >> 2) : time, bytes,
			      (size_t)(end - bytes));
	}
	reports_close(&reports);
	return 0;
}

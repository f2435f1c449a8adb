// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/recording.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/map.h"
#include "capture/journal.h"
#include "capture/record_fields.h"
#include "capture/recording_format.h"

/* By so much at most is a number behind its time in a file, where the tracer was behind by that:
 * what is missing then was lost. */
#define PATIENCE 60000000000ull
/* More does not wait for what is missing. */
#define ROOM (64u << 20)

/* A call of the core that waits for those before it. */
struct held {
	struct heap_item turn; /* by its number */
	uint64_t time;         /* in the file */
	size_t length;
	char fields[];
};

struct recording {
	struct recording_listener listener;
	struct names *names;
	bool begun;
	uint64_t run[2];
	uint64_t next;   /* number of the call whose turn it is */
	uint64_t newest; /* time in the file so far */
	struct heap held;
	size_t held_size;
	uint64_t bad;
};

struct recording *recording_new(const struct recording_listener *listener, struct names *names)
{
	struct recording *recording = calloc(1, sizeof(*recording));

	if (!recording)
		return NULL;
	recording->listener = *listener;
	recording->names = names;
	heap_init(&recording->held);
	return recording;
}

void recording_free(struct recording *recording)
{
	struct heap_item *first;

	if (!recording)
		return;
	while ((first = heap_first(&recording->held))) {
		heap_remove(&recording->held, first);
		free(container_of(first, struct held, turn));
	}
	heap_done(&recording->held);
	free(recording);
}

uint64_t recording_bad(const struct recording *recording)
{
	return recording->bad;
}

/* One call of the core */

struct call {
	union any_record record; /* kind 0: there is none */
	bool spoiled;            /* one of its fields says nothing */
	bool note;               /* it is none, but a note */
	const char *fields;      /* all of them */
	size_t length;
};

static void make(struct recording *recording, struct call *call)
{
	if (call->note && recording->listener.note)
		recording->listener.note(recording->listener.context, call->fields, call->length);
	call->note = false;
	if (!call->record.header.kind || call->spoiled)
		return;
	call->record.header.source = recording->listener.source;
	recording->listener.take(recording->listener.context, &call->record.header,
				 call->record.header.length);
}

/* The other calls begin with RECORD_FIELDS_KIND. */
static bool begin_tick(struct call *call, const struct journal_field *field)
{
	uint64_t time = 0;
	bool good = journal_unsigned(field, &time);

	call->record.header =
		(struct record){.length = sizeof(struct record), .kind = RECORD_TICK, .time = time};
	return good;
}

static bool take_field(struct recording *recording, struct call *call,
		       const struct journal_field *field)
{
	bool good = true;

	if (journal_is(field, NAMES_FIELD))
		return names_take(recording->names, field);
	if (journal_is(field, RECORD_FIELDS_KIND)) {
		good = record_fields_begin(&call->record, field);
		call->spoiled = !good;
	} else if (journal_is(field, FIELD_NOTE)) {
		call->note = true;
	} else if (journal_is(field, FIELD_TICK)) {
		/* The names before it are those of the call before: now it can be made. */
		make(recording, call);
		good = begin_tick(call, field);
		call->spoiled = !good;
	} else if (call->record.header.kind) {
		good = record_fields_take(&call->record, field) != FIELD_BAD;
		call->spoiled |= !good;
	}
	return good;
}

static void tell(struct recording *recording, const char *fields, size_t length)
{
	struct journal journal = {fields, length};
	struct call call = {.fields = fields, .length = length};
	struct journal_field field;
	enum journal_answer answer;
	bool good = true;

	while ((answer = journal_next(&journal, &field)) == JOURNAL_FIELD)
		good &= take_field(recording, &call, &field);
	if (answer == JOURNAL_BROKEN)
		good = !(call.spoiled = true);
	make(recording, &call);
	recording->bad += !good;
}

/* Order */

static void had_its_turn(struct recording *recording, uint64_t number)
{
	if (number >= recording->next && number < UINT64_MAX)
		recording->next = number + 1;
}

static void tell_held(struct recording *recording, struct held *held)
{
	had_its_turn(recording, held->turn.time);
	heap_remove(&recording->held, &held->turn);
	recording->held_size -= held->length;
	tell(recording, held->fields, held->length);
	free(held);
}

static struct held *first_held(const struct recording *recording)
{
	struct heap_item *first = heap_first(&recording->held);

	return first ? container_of(first, struct held, turn) : NULL;
}

/* Those whose turn it is, and those that waited in vain for the ones before. */
static void tell_due(struct recording *recording)
{
	struct held *held;

	while ((held = first_held(recording)) &&
	       (held->turn.time <= recording->next || recording->held_size > ROOM ||
		(recording->newest > PATIENCE && held->time < recording->newest - PATIENCE)))
		tell_held(recording, held);
}

static void tell_before(struct recording *recording, uint64_t number)
{
	struct held *held;

	while ((held = first_held(recording)) && held->turn.time < number)
		tell_held(recording, held);
}

void recording_end(struct recording *recording)
{
	struct held *held;

	while ((held = first_held(recording)))
		tell_held(recording, held);
}

/* False: there is no memory to let it wait. */
static bool hold(struct recording *recording, uint64_t number, uint64_t time, const char *fields,
		 size_t length)
{
	struct held *held = malloc(sizeof(*held) + length);

	if (!held)
		return false;
	held->turn.position = HEAP_NONE;
	held->time = time;
	held->length = length;
	memcpy(held->fields, fields, length);
	if (heap_set(&recording->held, &held->turn, number)) {
		free(held);
		return false;
	}
	recording->held_size += length;
	return true;
}

static void take_call(struct recording *recording, uint64_t number, uint64_t time,
		      const char *fields, size_t length)
{
	if (time > recording->newest)
		recording->newest = time;
	if (number <= recording->next || !hold(recording, number, time, fields, length)) {
		had_its_turn(recording, number);
		tell(recording, fields, length);
	}
	tell_due(recording);
}

/* Items */

struct head {
	uint64_t time; /* ns since 1970, 0: it does not say */
	uint64_t format;
	uint64_t number; /* 0: none */
	bool verdict;
};

static struct head read_head(const char *fields, size_t length)
{
	struct journal journal = {fields, length};
	struct journal_field field;
	struct head head = {0};

	while (!head.number && journal_next(&journal, &field) == JOURNAL_FIELD) {
		if (journal_is(&field, FIELD_SEQUENCE))
			journal_unsigned(&field, &head.number);
		else if (journal_is(&field, FIELD_REALTIME) && journal_unsigned(&field, &head.time))
			head.time *= 1000;
		else if (journal_is(&field, FIELD_FORMAT))
			journal_unsigned(&field, &head.format);
		else if (journal_is(&field, FIELD_VERDICT))
			head.verdict = true;
	}
	return head;
}

static bool parse_run(const struct journal_field *field, uint64_t run[2])
{
	static const char digits[] = "0123456789abcdef";

	if (field->value_length != 32)
		return false;
	for (unsigned int i = 0; i < 32; i++) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): NUL is no digit */
		const char *digit = memchr(digits, field->value[i], 16);

		if (!digit)
			return false;
		run[i / 16] = run[i / 16] << 4 | (uint64_t)(digit - digits);
	}
	return true;
}

static bool take_start_field(const struct journal_field *field, struct recording_start *start)
{
	uint64_t number = 1;

	if (journal_is(field, FIELD_RUN))
		return parse_run(field, start->run);
	if (journal_is(field, FIELD_WALL_OFFSET))
		return journal_signed(field, &start->wall_offset);
	if (journal_is(field, FIELD_STARTED))
		return journal_unsigned(field, &start->started);
	if (journal_is(field, FIELD_COUNT))
		return journal_unsigned(field, &start->count);
	if (journal_is(field, FIELD_QUESTIONS))
		start->questions = journal_unsigned(field, &number) && number;
	return true;
}

static bool take_names(struct recording *recording, const char *fields, size_t length)
{
	struct journal journal = {fields, length};
	struct journal_field field;
	bool good = true;

	while (journal_next(&journal, &field) == JOURNAL_FIELD)
		if (journal_is(&field, NAMES_FIELD))
			good &= names_take(recording->names, &field);
	return good;
}

/* The next file of a run goes on where the one before it ended. If it does not, or is of another
 * run, what it says of names is news. */
static bool goes_on(struct recording *recording, const struct recording_start *start,
		    uint64_t number)
{
	bool same =
		recording->begun && memcmp(recording->run, start->run, sizeof(recording->run)) == 0;

	if (same) {
		tell_before(recording, number);
		if (number <= recording->next)
			return true;
	} else {
		recording_end(recording);
		names_clear(recording->names);
		recording->newest = 0;
		memcpy(recording->run, start->run, sizeof(recording->run));
	}
	recording->next = number;
	return false;
}

static void take_start(struct recording *recording, const char *fields, size_t length,
		       uint64_t number)
{
	struct journal journal = {fields, length};
	struct recording_start start = {0};
	struct journal_field field;
	enum journal_answer answer;
	bool good = number;

	while ((answer = journal_next(&journal, &field)) == JOURNAL_FIELD)
		good &= take_start_field(&field, &start);
	good &= answer == JOURNAL_END;
	if (!goes_on(recording, &start, number))
		good &= take_names(recording, fields, length);
	recording->begun = true;
	recording->bad += !good;
	recording->listener.start(recording->listener.context, &start);
}

static bool take_entry(struct recording *recording, const char *fields, size_t length)
{
	struct head head = read_head(fields, length);

	if (head.format > RECORDING_FORMAT) {
		/* Of a later version: its packets can still be read as anybody's. */
		recording_end(recording);
		recording->begun = false;
		recording->bad++;
	} else if (head.format) {
		take_start(recording, fields, length, head.number);
	} else if (recording->begun && head.number) {
		take_call(recording, head.number, head.time, fields, length);
	}
	return recording->begun && (head.format || head.number || head.verdict);
}

/* Where the fields of the first call end: the next one begins with its number. */
static size_t first_call(const char *fields, size_t length)
{
	struct journal journal = {fields, length};
	struct journal_field field;
	size_t left = length;

	while (journal_next(&journal, &field) == JOURNAL_FIELD) {
		if (left < length && journal_is(&field, FIELD_SEQUENCE))
			return length - left;
		left = journal.length;
	}
	return length;
}

/* A frame that several hooks of its interface saw is one packet and several calls. */
static bool take_packet(struct recording *recording, const struct packet *packet)
{
	const char *fields = (const char *)packet->record;
	size_t left = packet->record_length;

	if (!recording->begun || !fields)
		return false;
	while (left) {
		size_t length = first_call(fields, left);
		struct head head = read_head(fields, length);

		if (head.number)
			take_call(recording, head.number, packet->time, fields, length);
		else
			recording->bad++;
		fields += length;
		left -= length;
	}
	return true;
}

bool recording_take(struct recording *recording, const struct capture_item *item)
{
	switch (item->kind) {
	case CAPTURE_JOURNAL:
		return take_entry(recording, item->journal, item->journal_length);
	case CAPTURE_PACKET:
		return take_packet(recording, &item->packet);
	case CAPTURE_END:
	case CAPTURE_BROKEN:
		break;
	}
	return false;
}

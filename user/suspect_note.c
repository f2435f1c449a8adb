// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "suspect_note.h"

#include <stdlib.h>

#include "capture/field_table.h"
#include "capture/recording_format.h"

/* Of one suspect; more is not shown of any. */
#define HOLDERS 65536
#define FRAMES 4096

#define NAME(name) "TCPCLOSE_SUSPECT_" name
#define REPORT(name, member, type) FIELD(close_wait_report, member, NAME(name), type)
#define HOLDER(name, member, type) FIELD(close_wait_holder, member, NAME(name), type)
#define STEP(name, member, type) FIELD(close_wait_step, member, NAME(name), type)
#define FRAME(name, member, type) FIELD(stack_frame, member, NAME(name), type)

static const struct field report_fields[] = {
	REPORT("TIME", time, FIELD_NUMBER),
	REPORT("LOCAL", flow.local, FIELD_ADDRESS),
	REPORT("LOCAL_PORT", flow.local_port, FIELD_NUMBER),
	REPORT("REMOTE", flow.remote, FIELD_ADDRESS),
	REPORT("REMOTE_PORT", flow.remote_port, FIELD_NUMBER),
	REPORT("NETNS", netns, FIELD_NUMBER),
	REPORT("UID", uid, FIELD_NUMBER),
	REPORT("CGROUP", cgroup, FIELD_NUMBER),
	REPORT("SINCE", since, FIELD_NUMBER),
	REPORT("AGE", age, FIELD_NUMBER),
	REPORT("UNREAD", unread_bytes, FIELD_NUMBER),
	REPORT("EOF_READ", eof_read, FIELD_BOOL),
	REPORT("ACCEPTED", accepted, FIELD_BOOL),
	REPORT("HOLDERS_KNOWN", holders_known, FIELD_BOOL),
	REPORT("LAST_READ_BYTES", last_read_bytes, FIELD_NUMBER),
	FIELD_END,
};

/* Each of these begins with a field of its own, which is told also when it is 0. */
#define FIELD_HOLDER NAME("HOLDER_PID")
#define FIELD_CREATED NAME("CREATED_HOW")
#define FIELD_LAST_READ NAME("LAST_READ_HOW")
#define FIELD_STACK NAME("STACK_END")
#define FIELD_FRAME NAME("FRAME_ADDRESS")

static const struct field holder_fields[] = {
	HOLDER("HOLDER_FD", fd, FIELD_NUMBER),
	HOLDER("HOLDER_COMM", comm, FIELD_NAME),
	HOLDER("HOLDER_CGROUP", cgroup, FIELD_TEXT),
	HOLDER("HOLDER_CONTAINER", container, FIELD_TEXT),
	HOLDER("HOLDER_ENGINE", engine, FIELD_TEXT),
	HOLDER("HOLDER_UNIT", unit, FIELD_TEXT),
	HOLDER("HOLDER_POD", pod, FIELD_TEXT),
	HOLDER("HOLDER_FOREIGN", foreign, FIELD_BOOL),
	HOLDER("HOLDER_STOPPED", stopped, FIELD_BOOL),
	FIELD_END,
};

static const struct field step_fields[] = {
	STEP("STEP_PID", task.pid, FIELD_NUMBER),
	STEP("STEP_TID", task.tid, FIELD_NUMBER),
	STEP("STEP_COMM", task.comm, FIELD_NAME),
	STEP("STEP_TIME", time, FIELD_NUMBER),
	FIELD_END,
};

static const struct field frame_fields[] = {
	FRAME("FRAME_OFFSET", offset, FIELD_NUMBER),
	FRAME("FRAME_MODULE", module, FIELD_TEXT),
	FRAME("FRAME_FUNCTION", function, FIELD_TEXT),
	FRAME("FRAME_FILE", file, FIELD_TEXT),
	FRAME("FRAME_LINE", line, FIELD_NUMBER),
	FRAME("FRAME_INLINED", inlined, FIELD_BOOL),
	FIELD_END,
};

/* Writing */

static void add_step(struct buffer *out, const char *name, const struct close_wait_step *step)
{
	journal_add_unsigned(out, name, step->how);
	field_table_add(out, step_fields, step);
	if (!step->stack)
		return;
	journal_add_unsigned(out, FIELD_STACK, step->stack->end);
	for (uint32_t i = 0; i < step->stack->count; i++) {
		journal_add_unsigned(out, FIELD_FRAME, step->stack->frames[i].address);
		field_table_add(out, frame_fields, &step->stack->frames[i]);
	}
}

void suspect_note_add(struct buffer *out, const struct close_wait_report *report)
{
	field_table_add(out, report_fields, report);
	for (uint32_t i = 0; i < report->holder_count; i++) {
		journal_add_unsigned(out, FIELD_HOLDER, report->holders[i].pid);
		field_table_add(out, holder_fields, &report->holders[i]);
	}
	add_step(out, FIELD_CREATED, &report->created);
	add_step(out, FIELD_LAST_READ, &report->last_read);
}

/* Reading */

struct suspect_note {
	struct close_wait_report report;
	struct close_wait_holder *holders;
	struct stack_frame *frames[2]; /* of created, of last_read */
	struct stack stacks[2];
	unsigned int step; /* the one that is being read */
	struct field_texts texts;
};

/* A field that is unknown is a later version's. */
static bool take_field(struct suspect_note *note, const struct field *fields, void *object,
		       const struct journal_field *given)
{
	const struct field *found = field_table_find(fields, given);

	return !found || (object && field_table_take(found, object, given, &note->texts));
}

static bool begin_holder(struct suspect_note *note, uint64_t pid)
{
	struct close_wait_report *report = &note->report;
	struct close_wait_holder *holders;

	if (report->holder_count == HOLDERS || pid > UINT32_MAX)
		return false;
	holders = realloc(note->holders, (report->holder_count + 1) * sizeof(*holders));
	if (!holders)
		return false;
	note->holders = holders;
	report->holders = holders;
	holders[report->holder_count++] = (struct close_wait_holder){.pid = (uint32_t)pid};
	return true;
}

static struct close_wait_step *this_step(struct suspect_note *note)
{
	return note->step ? &note->report.last_read : &note->report.created;
}

static bool begin_frame(struct suspect_note *note, uint64_t address)
{
	struct stack *stack = &note->stacks[note->step];
	struct stack_frame *frames;

	if (stack->count == FRAMES || !this_step(note)->stack)
		return false;
	frames = realloc(note->frames[note->step], (stack->count + 1) * sizeof(*frames));
	if (!frames)
		return false;
	note->frames[note->step] = frames;
	stack->frames = frames;
	frames[stack->count++] = (struct stack_frame){.address = address};
	return true;
}

static bool begin_stack(struct suspect_note *note, uint64_t end)
{
	if (end >= STACK_ENDS)
		return false;
	note->stacks[note->step].end = (enum stack_end)end;
	this_step(note)->stack = &note->stacks[note->step];
	return true;
}

/* Fields belong to the holder, the step or the frame that was begun last. */
static bool take(struct suspect_note *note, const struct journal_field *given)
{
	uint32_t holders = note->report.holder_count, frames = note->stacks[note->step].count;
	uint64_t number = 0;
	bool is_number = journal_unsigned(given, &number);

	if (journal_is(given, FIELD_HOLDER))
		return is_number && begin_holder(note, number);
	if (journal_is(given, FIELD_CREATED) || journal_is(given, FIELD_LAST_READ)) {
		note->step = journal_is(given, FIELD_LAST_READ);
		this_step(note)->how = (uint8_t)number;
		return is_number && number <= UINT8_MAX;
	}
	if (journal_is(given, FIELD_STACK))
		return is_number && begin_stack(note, number);
	if (journal_is(given, FIELD_FRAME))
		return is_number && begin_frame(note, number);
	return take_field(note, report_fields, &note->report, given) &&
	       take_field(note, holder_fields, holders ? &note->holders[holders - 1] : NULL,
			  given) &&
	       take_field(note, step_fields, this_step(note), given) &&
	       take_field(note, frame_fields, frames ? &note->frames[note->step][frames - 1] : NULL,
			  given);
}

struct suspect_note *suspect_note_read(const char *fields, size_t length)
{
	struct suspect_note *note = calloc(1, sizeof(*note));
	struct journal journal = {fields, length};
	struct journal_field field;
	bool named = false, good = true;

	if (note)
		note->texts.bytes = malloc(length + 1);
	while (note && note->texts.bytes && good &&
	       journal_next(&journal, &field) == JOURNAL_FIELD) {
		if (journal_is(&field, FIELD_NOTE))
			named = field.value_length == strlen(SUSPECT_NOTE) &&
				!memcmp(field.value, SUSPECT_NOTE, field.value_length);
		else
			good = take(note, &field);
	}
	if (named && good && !journal.length)
		return note;
	suspect_note_free(note);
	return NULL;
}

void suspect_note_free(struct suspect_note *note)
{
	if (!note)
		return;
	free(note->holders);
	free(note->frames[0]);
	free(note->frames[1]);
	free(note->texts.bytes);
	free(note);
}

const struct close_wait_report *suspect_note_report(const struct suspect_note *note)
{
	return &note->report;
}

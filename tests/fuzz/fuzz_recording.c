// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The decoder of recordings: what it makes of an input is made of it again. */
#include "capture/record_fields.h"
#include "fuzz_entries.h"

#define SOURCE 3

struct run {
	struct recording *recording;
	struct names *names;
	size_t length; /* of the input */
	size_t calls;
};

/* What a record says is read back as the same. */
static void check_round_trip(const struct record *record)
{
	static struct buffer told;
	union any_record again = {.header = {.kind = 0}};
	struct journal_field field;
	struct journal journal;

	buffer_clear(&told);
	FUZZ_CHECK(record_fields_add(&told, record) && !told.failed);
	journal = (struct journal){told.data, told.length};
	while (journal_next(&journal, &field) == JOURNAL_FIELD) {
		if (journal_is(&field, RECORD_FIELDS_KIND))
			FUZZ_CHECK(record_fields_begin(&again, &field));
		else
			FUZZ_CHECK(record_fields_take(&again, &field) == FIELD_TAKEN);
	}
	again.header.source = SOURCE; /* the reader's, not the recording's */
	FUZZ_CHECK(!journal.length && memcmp(&again, record, record->length) == 0);
}

static void on_start(void *context, const struct recording_start *start)
{
	(void)context;
	(void)start;
}

static void on_take(void *context, const struct record *record, size_t length)
{
	struct run *run = context;

	FUZZ_CHECK(record->kind && length == record->length);
	FUZZ_CHECK(length == record_fields_size(record->kind));
	FUZZ_CHECK(record->source == SOURCE);
	FUZZ_CHECK(++run->calls <= run->length);
	check_round_trip(record);
}

/* All that is known of names is told, and understood. */
static void check_names(const struct names *names)
{
	struct buffer told = {0};
	struct names *again = names_new();
	struct journal_field field;
	struct journal journal;

	FUZZ_CHECK(again);
	names_tell_all(&told, names);
	journal = (struct journal){told.data, told.length};
	while (journal_next(&journal, &field) == JOURNAL_FIELD)
		FUZZ_CHECK(names_take(again, &field));
	FUZZ_CHECK(!journal.length && names_count(again) == names_count(names));
	names_free(again);
	buffer_done(&told);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct run run = {.names = names_new(), .length = length};
	const struct recording_listener listener = {
		.start = on_start, .take = on_take, .context = &run, .source = SOURCE};

	run.recording = recording_new(&listener, run.names);
	FUZZ_CHECK(run.recording && run.names);
	fuzz_entries((struct recording *const[]){run.recording, run.recording}, bytes, length);
	FUZZ_CHECK(recording_bad(run.recording) <= length);
	check_names(run.names);
	recording_free(run.recording);
	names_free(run.names);
	return 0;
}

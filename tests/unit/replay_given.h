/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A recording read back, and what its listener was told. To be included after cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_REPLAY_GIVEN_H
#define TCPCLOSE_TESTS_REPLAY_GIVEN_H

#include "capture/recording.h"
#include "journal_given.h"
#include "recorder_given.h"

#define S 1000000000ull
#define CALLS 4096

/* What the listener was told: every call, and what the cgroup 7 was called then. */
static struct replay {
	struct names *names;
	struct recording *recording;
	struct recording_start start;
	unsigned int starts;
	unsigned int count;
	struct {
		union any_record record;
		char name[16];
	} calls[CALLS];
	unsigned int others; /* items that are not ours */
	enum capture_item_kind end;
} replay;

static inline void take_start(void *context, const struct recording_start *start)
{
	assert_ptr_equal(context, &replay);
	replay.start = *start;
	replay.starts++;
}

static inline void take_call(void *context, const struct record *record, size_t length)
{
	const char *name = names_get(replay.names, NAME_CGROUP, 7);

	assert_ptr_equal(context, &replay);
	assert_true(replay.count < CALLS);
	assert_int_equal(record->length, length);
	assert_int_equal(length, record_fields_size(record->kind));
	memset(&replay.calls[replay.count], 0, sizeof(replay.calls[0]));
	memcpy(&replay.calls[replay.count].record, record, length);
	if (name)
		snprintf(replay.calls[replay.count].name, sizeof(replay.calls[0].name), "%s", name);
	replay.count++;
}

struct bytes {
	const uint8_t *at;
	size_t left;
};

static inline ssize_t give(void *context, void *to, size_t room)
{
	struct bytes *bytes = context;
	size_t count = room < bytes->left ? room : bytes->left;

	memcpy(to, bytes->at, count);
	bytes->at += count;
	bytes->left -= count;
	return (ssize_t)count;
}

static inline void replay_done(void)
{
	recording_free(replay.recording);
	names_free(replay.names);
	replay.recording = NULL;
	replay.names = NULL;
}

static inline void replay_begin(void)
{
	const struct recording_listener listener = {
		.start = take_start, .take = take_call, .context = &replay, .source = 3};

	replay_done();
	replay.starts = replay.count = replay.others = 0;
	replay.names = names_new();
	replay.recording = recording_new(&listener, replay.names);
}

static inline void replay_bytes(const void *at, size_t length)
{
	struct bytes bytes = {at, length};
	const struct capture_source source = {.read = give, .context = &bytes};
	struct capture_file *file = capture_file_open(&source);
	struct capture_item item;

	replay_begin();
	while ((item = capture_file_next(file)).kind == CAPTURE_PACKET ||
	       item.kind == CAPTURE_JOURNAL)
		replay.others += !recording_take(replay.recording, &item);
	replay.end = item.kind;
	assert_false(recording_take(replay.recording, &item));
	recording_end(replay.recording);
	capture_file_close(file);
}

static inline void replay_file(void)
{
	read_blocks("file");
	replay_bytes(written.bytes, written.length);
	assert_int_equal(replay.end, CAPTURE_END);
}

static inline int done(void **state)
{
	replay_done();
	return teardown(state);
}

/* The given record, at that time. */
static inline union any_record timed(uint16_t kind, uint8_t first, uint64_t time)
{
	union any_record record = given_record(kind, first);

	record.header.time = NOW + time;
	return record;
}

static inline void assert_time(unsigned int number, uint16_t kind, uint64_t time, const char *name)
{
	assert_true(number < replay.count);
	assert_int_equal(replay.calls[number].record.header.kind, kind);
	assert_int_equal(replay.calls[number].record.header.time, NOW + time);
	assert_string_equal(replay.calls[number].name, name);
}

/* Without the block that holds this text. */
static inline void remove_block(const char *text)
{
	for (unsigned int i = 0; i < written.count; i++) {
		const struct block *block = &written.blocks[i];
		size_t start = (size_t)(block->body - 8 - written.bytes);
		size_t size = block->length + 12;

		if (!block_has(block, text))
			continue;
		memmove(written.bytes + start, written.bytes + start + size,
			written.length - start - size);
		written.length -= size;
		split_blocks();
		return;
	}
	fail_msg("no block with %s", text);
}

#endif

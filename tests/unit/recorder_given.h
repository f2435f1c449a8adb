/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A recorder that writes into a folder of its own, and what it wrote, block by block. To be
 * included after cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_RECORDER_GIVEN_H
#define TCPCLOSE_TESTS_RECORDER_GIVEN_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/pcapng.h"
#include "capture/recorder.h"

#define MS 1000000ull
#define NOW 5000000000ull /* boot clock */
#define WALL 1784000000000000000ll
#define NETNS 4026531840u

static char folder[] = "/tmp/tcpclose-test-XXXXXX";
static struct recorder *recorder;
static struct recorder_settings settings;
static char path[64];

static inline void given_describe(void *context, struct buffer *out, const struct record *record)
{
	(void)context;
	buffer_add_literal(out, "kind ");
	buffer_add_unsigned(out, record->kind);
}

static inline int remove_one(const char *name, const struct stat *status, int type,
			     struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(name);
}

static inline int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - sizeof("XXXXXX"), "XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	settings = (struct recorder_settings){
		.path = path,
		.wall_offset = WALL,
		.program = "tcpclose-trace 0.1.0",
		.describe = given_describe,
	};
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	recorder_close(recorder);
	recorder = NULL;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void open_recorder(void)
{
	struct buffer reason = {0};
	int error = recorder_open(&recorder, &settings, NOW, &reason);

	if (error)
		fail_msg("%.*s", (int)reason.length, reason.data);
	assert_int_equal(reason.length, 0);
}

static inline void close_recorder(void)
{
	int error = recorder_close(recorder);

	recorder = NULL;
	assert_int_equal(error, 0);
}

/* Records, so many ns after NOW */

static inline void add_header(uint16_t kind, uint64_t time)
{
	const struct record record = {.length = sizeof(record), .kind = kind, .time = NOW + time};

	recorder_add(recorder, &record);
}

static inline struct segment_with_tail segment_of(uint64_t time, uint32_t interface, uint8_t hook)
{
	return (struct segment_with_tail){
		.segment = {.header = {.length = sizeof(struct segment_record),
				       .kind = RECORD_SEGMENT,
				       .time = NOW + time,
				       .netns = NETNS,
				       .flow = {.local = {[10] = 0xff, 0xff, 10, 0, 0, 5},
						.remote = {[10] = 0xff, 0xff, 10, 0, 0, 9},
						.local_port = 52344,
						.remote_port = 80}},
			    .interface = interface,
			    .seq = 1000,
			    .ack = 2000,
			    .window = 502,
			    .flags = SEGMENT_FIN | SEGMENT_ACK,
			    .ttl = 64,
			    .hook = hook},
	};
}

static inline void add_segment(uint64_t time, uint32_t interface, uint8_t hook)
{
	struct segment_with_tail record = segment_of(time, interface, hook);

	recorder_add(recorder, &record.segment.header);
}

/* Of one of those. */
static inline struct recorder_place given_place(uint64_t time, uint32_t interface, uint8_t hook)
{
	return (struct recorder_place){NOW + time, NETNS, interface, hook, 1000, 2000};
}

static inline void add_comment(uint64_t time, uint32_t interface, uint8_t hook, const char *text)
{
	const struct recorder_place place = given_place(time, interface, hook);

	recorder_comment(recorder, &place, NOW + time, text, strlen(text));
}

/* What was written */

#define FILE_MAX (4u << 20)
#define BLOCKS_MAX 4096

struct block {
	uint32_t type;
	uint32_t length; /* of the body */
	const uint8_t *body;
};

static struct written {
	uint8_t bytes[FILE_MAX];
	size_t length;
	struct block blocks[BLOCKS_MAX];
	unsigned int count;
	bool whole; /* nothing but blocks */
} written;

static inline uint32_t u32_at(const uint8_t *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return number;
}

static inline uint16_t u16_at(const uint8_t *bytes)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof(number));
	return number;
}

static inline void split_blocks(void)
{
	size_t at = 0;

	written.count = 0;
	while (written.length - at >= 12) {
		const uint8_t *block = written.bytes + at;
		uint32_t length = u32_at(block + 4);

		if (length % 4 || length < 12 || length > written.length - at ||
		    u32_at(block + length - 4) != length)
			break;
		assert_true(written.count < BLOCKS_MAX);
		written.blocks[written.count++] =
			(struct block){u32_at(block), length - 12, block + 8};
		at += length;
	}
	written.whole = at == written.length;
}

/* Of a file in the folder. */
static inline unsigned int read_blocks(const char *name)
{
	char full[PATH_MAX];
	int descriptor;
	ssize_t count;

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	descriptor = open(full, O_RDONLY | O_CLOEXEC);
	assert_true(descriptor >= 0);
	written.length = 0;
	while ((count = read(descriptor, written.bytes + written.length,
			     FILE_MAX - written.length)) > 0)
		written.length += (size_t)count;
	close(descriptor);
	split_blocks();
	return written.count;
}

static inline bool block_has(const struct block *block, const char *text)
{
	return memmem(block->body, block->length, text, strlen(text));
}

/* The nth option of a kind, of options that begin at `at` of the body; length -1: there is none. */
struct option {
	const char *value;
	int length;
};

static inline struct option find_option(const struct block *block, size_t at, uint16_t code,
					unsigned int nth)
{
	while (at + 4 <= block->length) {
		uint16_t found = u16_at(block->body + at), length = u16_at(block->body + at + 2);

		if (found == code && !nth--)
			return (struct option){(const char *)block->body + at + 4, length};
		if (!found)
			break;
		at += 4u + (length + 3u) / 4 * 4;
	}
	return (struct option){NULL, -1};
}

static inline struct option packet_option(const struct block *block, uint16_t code,
					  unsigned int nth)
{
	return find_option(block, 20u + (u32_at(block->body + 12) + 3) / 4 * 4, code, nth);
}

static inline void assert_option(struct option option, const char *text)
{
	if (!text) {
		assert_int_equal(option.length, -1);
		return;
	}
	assert_int_equal(option.length, strlen(text));
	assert_memory_equal(option.value, text, strlen(text));
}

#endif

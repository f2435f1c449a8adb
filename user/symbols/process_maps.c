// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/process_maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BLOCK 65536
#define MAPPINGS_LIMIT (1 << 16)
#define PATHS_LIMIT (16 << 20)

/* What is left of a line. */
struct cursor {
	const char *at;
	const char *end;
	bool bad;
};

static uint64_t take_number(struct cursor *cursor, unsigned int base)
{
	const char *start = cursor->at;
	uint64_t number = 0;

	for (; cursor->at < cursor->end && cursor->at - start < 20; cursor->at++) {
		char c = *cursor->at;
		unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10
							    : 16;

		if (digit >= base)
			break;
		number = number * base + digit;
	}
	cursor->bad |= cursor->at == start;
	return number;
}

static void take_character(struct cursor *cursor, char character)
{
	if (cursor->at < cursor->end && *cursor->at == character)
		cursor->at++;
	else
		cursor->bad = true;
}

/* "55d0c0c2e000-55d0c0c2f000 r-xp 00001000 fd:00 18624      /usr/bin/python3.11 (deleted)" */
bool process_maps_parse(const char *line, size_t length, struct process_mapping *mapping)
{
	static const char deleted[] = " (deleted)";
	struct cursor cursor = {line, line + length, false};
	unsigned int major, minor;

	*mapping = (struct process_mapping){};
	mapping->start = take_number(&cursor, 16);
	take_character(&cursor, '-');
	mapping->end = take_number(&cursor, 16);
	take_character(&cursor, ' ');
	if (cursor.bad || cursor.end - cursor.at < 5)
		return false;
	mapping->executable = cursor.at[2] == 'x';
	cursor.at += 4;
	take_character(&cursor, ' ');
	mapping->offset = take_number(&cursor, 16);
	take_character(&cursor, ' ');
	major = (unsigned int)take_number(&cursor, 16);
	take_character(&cursor, ':');
	minor = (unsigned int)take_number(&cursor, 16);
	take_character(&cursor, ' ');
	mapping->device = makedev(major, minor);
	mapping->inode = take_number(&cursor, 10);
	while (cursor.at < cursor.end && *cursor.at == ' ')
		cursor.at++;
	mapping->path = (size_t)(cursor.at - line);
	mapping->path_length = (size_t)(cursor.end - cursor.at);
	if (mapping->path_length >= sizeof(deleted) - 1 &&
	    memcmp(cursor.end - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1) == 0)
		mapping->path_length -= sizeof(deleted) - 1;
	return !cursor.bad && mapping->start < mapping->end;
}

void process_maps_init(struct process_maps *maps)
{
	*maps = (struct process_maps){};
	buffer_init(&maps->paths);
}

void process_maps_done(struct process_maps *maps)
{
	free(maps->mappings);
	buffer_done(&maps->paths);
}

static bool maps_grow(struct process_maps *maps)
{
	size_t capacity = maps->capacity ? maps->capacity * 2 : 256;
	struct process_mapping *grown;

	if (maps->count < maps->capacity)
		return true;
	if (capacity > MAPPINGS_LIMIT)
		return false;
	grown = realloc(maps->mappings, capacity * sizeof(*grown));
	if (!grown)
		return false;
	maps->mappings = grown;
	maps->capacity = capacity;
	return true;
}

/* Keeps the line of an executable mapping; its path once for neighbours of the same file. */
static void maps_line(struct process_maps *maps, const char *line, size_t length)
{
	struct process_mapping mapping, *last;
	const char *path;

	if (!process_maps_parse(line, length, &mapping) || !mapping.executable)
		return;
	last = maps->count ? &maps->mappings[maps->count - 1] : NULL;
	if (last && mapping.start < last->end) /* they are in order, or it is not a maps file */
		return;
	if (maps->paths.length > PATHS_LIMIT || !maps_grow(maps))
		return;
	last = maps->count ? &maps->mappings[maps->count - 1] : NULL;
	path = line + mapping.path;
	if (last && last->path_length == mapping.path_length &&
	    memcmp(maps->paths.data + last->path, path, mapping.path_length) == 0) {
		mapping.path = last->path;
	} else {
		mapping.path = maps->paths.length;
		buffer_add(&maps->paths, path, mapping.path_length);
		buffer_add_char(&maps->paths, '\0');
	}
	if (!maps->paths.failed)
		maps->mappings[maps->count++] = mapping;
}

int process_maps_read(struct process_maps *maps, int file)
{
	struct buffer block;
	int error = -ESRCH; /* until there is a line */

	maps->count = 0;
	buffer_clear(&maps->paths);
	buffer_init(&block);
	for (;;) {
		char *to = buffer_reserve(&block, BLOCK), *line, *end;
		ssize_t got = to ? read(file, to, BLOCK) : -1;

		if (got < 0 && to && errno == EINTR)
			continue;
		if (got < 0)
			error = to ? -errno : -ENOMEM;
		if (got <= 0)
			break;
		error = 0;
		block.length += (size_t)got;
		for (line = block.data;
		     (end = memchr(line, '\n', (size_t)(block.data + block.length - line)));
		     line = end + 1)
			maps_line(maps, line, (size_t)(end - line));
		buffer_consume(&block, (size_t)(line - block.data));
	}
	buffer_done(&block);
	return error;
}

struct process_mapping *process_maps_find(const struct process_maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->mappings[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == maps->count || address < maps->mappings[low].start)
		return NULL;
	return &maps->mappings[low];
}

const char *process_maps_path(const struct process_maps *maps,
			      const struct process_mapping *mapping)
{
	return maps->paths.data + mapping->path;
}

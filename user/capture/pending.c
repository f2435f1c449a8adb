// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What malloc() adds. */
#define OVERHEAD 16

struct pending *pending_new(struct pool *pool, const struct record *record)
{
	struct pending *pending = pool_take(pool);
	size_t size = record ? record->length : 0;

	if (!pending)
		return NULL;
	if (size > sizeof(pending->record))
		size = sizeof(pending->record);
	memset(pending, 0, offsetof(struct pending, record) + sizeof(struct record));
	pending->due.position = HEAP_NONE;
	if (record)
		memcpy(&pending->record, record, size);
	return pending;
}

void pending_free(struct pool *pool, struct pending *pending)
{
	if (!pending)
		return;
	free(pending->fields.bytes);
	free(pending->remarks.bytes);
	pool_give(pool, pending);
}

static int append(struct pending_text *text, const char *bytes, size_t length, size_t room)
{
	char *larger;

	if (!length && !room)
		return 0;
	larger = realloc(text->bytes, text->length + length + room);
	if (!larger)
		return -ENOMEM;
	text->bytes = larger;
	memcpy(larger + text->length, bytes, length);
	text->length += length;
	return 0;
}

int pending_add_fields(struct pending *pending, const char *fields, size_t length)
{
	return append(&pending->fields, fields, length, 0);
}

int pending_add_remark(struct pending *pending, const char *text, size_t length)
{
	int error = append(&pending->remarks, text, strnlen(text, length), 1);

	if (!error)
		pending->remarks.bytes[pending->remarks.length++] = '\0';
	return error;
}

bool pending_is_same_frame(const struct pending *one, const struct pending *other)
{
	const struct segment_with_tail *a = &one->record.largest, *b = &other->record.largest;

	return a->segment.header.length == sizeof(*a) && b->segment.header.length == sizeof(*b) &&
	       a->segment.header.netns == b->segment.header.netns &&
	       a->segment.interface == b->segment.interface && a->segment.hook != b->segment.hook &&
	       a->tail.captured && a->tail.captured == b->tail.captured &&
	       a->tail.original == b->tail.original && a->tail.ethernet == b->tail.ethernet &&
	       memcmp(a->tail.bytes, b->tail.bytes, sizeof(a->tail.bytes)) == 0;
}

size_t pending_size(const struct pending *pending)
{
	return sizeof(*pending) + pending->fields.length + pending->remarks.length + 2 * OVERHEAD;
}

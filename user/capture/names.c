// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct name {
	struct map_link link;
	struct name *older, *newer; /* in the order in which they were first told */
	uint64_t number;
	enum name_kind kind;
	char *text;
};

struct names {
	struct map map;
	struct name *oldest, *newest;
	size_t bytes; /* of all texts */
	uint64_t forgotten;
};

struct names *names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names && map_init(&names->map)) {
		free(names);
		return NULL;
	}
	return names;
}

static void forget(struct names *names, struct name *name)
{
	map_remove(&names->map, &name->link);
	*(name->older ? &name->older->newer : &names->oldest) = name->newer;
	*(name->newer ? &name->newer->older : &names->newest) = name->older;
	names->bytes -= strlen(name->text);
	free(name->text);
	free(name);
}

void names_clear(struct names *names)
{
	while (names->oldest)
		forget(names, names->oldest);
}

void names_free(struct names *names)
{
	if (!names)
		return;
	names_clear(names);
	map_done(&names->map);
	free(names);
}

static uint64_t hash_of(enum name_kind kind, uint64_t number)
{
	return hash_join(hash_mix(kind), number);
}

static struct name *find(const struct names *names, enum name_kind kind, uint64_t number)
{
	struct map_link *link = map_first(&names->map, hash_of(kind, number));

	for (; link; link = map_next(link)) {
		struct name *name = container_of(link, struct name, link);

		if (name->kind == kind && name->number == number)
			return name;
	}
	return NULL;
}

static bool add(struct names *names, enum name_kind kind, uint64_t number, const char *text)
{
	struct name *name = malloc(sizeof(*name));
	char *copy = strdup(text);

	if (!name || !copy) {
		free(name);
		free(copy);
		return true; /* still news: the next time, perhaps, it can be kept */
	}
	*name = (struct name){.older = names->newest, .number = number, .kind = kind, .text = copy};
	*(names->newest ? &names->newest->newer : &names->oldest) = name;
	names->newest = name;
	names->bytes += strlen(copy);
	map_add(&names->map, &name->link, hash_of(kind, number));
	for (; names->map.count > NAMES_KEPT || names->bytes > NAMES_BYTES; names->forgotten++)
		forget(names, names->oldest);
	return true;
}

bool names_set(struct names *names, enum name_kind kind, uint64_t number, const char *text)
{
	struct name *name = find(names, kind, number);

	if (!text) {
		if (name)
			forget(names, name);
		return name;
	}
	if (name && strcmp(name->text, text) == 0)
		return false;
	if (name)
		forget(names, name);
	return add(names, kind, number, text);
}

const char *names_get(const struct names *names, enum name_kind kind, uint64_t number)
{
	const struct name *name = find(names, kind, number);

	return name ? name->text : NULL;
}

size_t names_count(const struct names *names)
{
	return names->map.count;
}

bool names_are_many(const struct names *names)
{
	return names->map.count > NAMES_KEPT / 2 || names->bytes > NAMES_BYTES / 2;
}

uint64_t names_forgotten(const struct names *names)
{
	return names->forgotten;
}

/* The words that begin a field's value. */
static const char *const kind_words[NAME_KINDS] = {
	[NAME_INTERFACE] = "interface",
	[NAME_CGROUP] = "cgroup",
	[NAME_RESET_REASON] = "reset-reason",
};

#define NOTHING_KNOWN "none"

void names_tell(struct buffer *out, enum name_kind kind, uint64_t number, const char *name)
{
	struct buffer value = {0};

	buffer_add_string(&value, kind_words[kind]);
	buffer_add_char(&value, ' ');
	buffer_add_unsigned(&value, number);
	if (name) {
		buffer_add_char(&value, ' ');
		buffer_add_string(&value, name);
	}
	if (value.failed)
		out->failed = true;
	else
		journal_add(out, NAMES_FIELD, value.data, value.length);
	buffer_done(&value);
}

void names_tell_all(struct buffer *out, const struct names *names)
{
	for (const struct name *name = names->oldest; name; name = name->newer)
		names_tell(out, name->kind, name->number, name->text);
}

void names_tell_none(struct buffer *out)
{
	journal_add_string(out, NAMES_FIELD, NOTHING_KNOWN);
}

/* The first word of a value; what is left begins behind its space, or is NULL. */
static size_t word_length(const char *value, size_t length, const char **left)
{
	const char *space = memchr(value, ' ', length);

	*left = space ? space + 1 : NULL;
	return space ? (size_t)(space - value) : length;
}

static bool is_word(const char *value, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(value, word, length) == 0;
}

bool names_take(struct names *names, const struct journal_field *field)
{
	const char *end = field->value + field->value_length;
	const char *number_text, *text;
	size_t length = word_length(field->value, field->value_length, &number_text);
	struct journal_field digits = {.value = number_text};
	enum name_kind kind = 0;
	uint64_t number;
	char *name = NULL;

	if (!number_text && is_word(field->value, length, NOTHING_KNOWN)) {
		names_clear(names);
		return true;
	}
	while (kind < NAME_KINDS && !is_word(field->value, length, kind_words[kind]))
		kind++;
	if (kind == NAME_KINDS || !number_text)
		return false;
	digits.value_length = word_length(number_text, (size_t)(end - number_text), &text);
	if (!journal_unsigned(&digits, &number))
		return false;
	if (text)
		name = strndup(text, (size_t)(end - text));
	names_set(names, kind, number, name);
	free(name);
	return true;
}

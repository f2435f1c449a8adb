// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/journal.h"

#include "base/utf8.h"

#define LENGTH_SIZE 8 /* of a binary value: little endian */

#define EACH(byte) (0x0101010101010101 * (uint64_t)(byte))

static bool is_plain(char character)
{
	return character >= ' ' && character <= '~';
}

/* How many bytes from the first are printable ASCII. */
static size_t plain_length(const char *text, size_t length)
{
	uint64_t eight;
	size_t at = 0;

	for (; length - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, text + at, sizeof(eight));
		/* A byte from 0x7f on, or below the blank, sets its highest bit in one of them. */
		if ((eight | (eight + EACH(1)) | (eight - EACH(' '))) & EACH(0x80))
			break;
	}
	while (at < length && is_plain(text[at]))
		at++;
	return at;
}

/* journald keeps tabs in text, no other control character (utf8_is_printable_newline()). */
static bool is_text(const char *value, size_t length)
{
	size_t at = 0, size;
	uint32_t character;

	while ((at += plain_length(value + at, length - at)) < length) {
		size = utf8_decode(value + at, length - at, &character);
		if (!size || (utf8_is_hidden(character) && character != '\t'))
			return false;
		at += size;
	}
	return true;
}

void journal_add_value(struct buffer *out, const void *value, size_t length)
{
	if (is_text(value, length)) {
		buffer_add_char(out, '=');
	} else {
		buffer_add_char(out, '\n');
		for (unsigned int i = 0; i < LENGTH_SIZE; i++)
			buffer_add_char(out, (char)((uint64_t)length >> (8 * i)));
	}
	buffer_add(out, value, length);
	buffer_add_char(out, '\n');
}

void journal_add_string(struct buffer *out, const char *name, const char *value)
{
	journal_add(out, name, value, strlen(value));
}

void journal_add_signed(struct buffer *out, const char *name, int64_t number)
{
	buffer_add_string(out, name);
	buffer_add_char(out, '=');
	buffer_add_signed(out, number);
	buffer_add_char(out, '\n');
}

static void step(struct journal *journal, size_t count)
{
	journal->at += count;
	journal->length -= count;
}

/* The value and the newline behind it, at least, are what is left. */
static enum journal_answer next_binary(struct journal *journal, struct journal_field *field)
{
	uint64_t length = 0;

	if (journal->length < LENGTH_SIZE + 1)
		return JOURNAL_BROKEN;
	for (unsigned int i = 0; i < LENGTH_SIZE; i++)
		length |= (uint64_t)(unsigned char)journal->at[i] << (8 * i);
	step(journal, LENGTH_SIZE);
	if (length >= journal->length || journal->at[length] != '\n')
		return JOURNAL_BROKEN;
	field->value = journal->at;
	field->value_length = (size_t)length;
	step(journal, (size_t)length + 1);
	return JOURNAL_FIELD;
}

enum journal_answer journal_next(struct journal *journal, struct journal_field *field)
{
	const char *end, *equals;

	/* An empty line ends an entry; a block holds one and need not end it. */
	if (!journal->length || journal->at[0] == '\n')
		return JOURNAL_END;
	end = memchr(journal->at, '\n', journal->length);
	if (!end)
		return JOURNAL_BROKEN;
	field->name = journal->at;
	equals = memchr(journal->at, '=', (size_t)(end - journal->at));
	field->name_length = (size_t)((equals ? equals : end) - journal->at);
	step(journal, (size_t)(end - journal->at) + 1);
	if (!field->name_length)
		return JOURNAL_BROKEN;
	if (!equals)
		return next_binary(journal, field);
	field->value = equals + 1;
	field->value_length = (size_t)(end - field->value);
	return JOURNAL_FIELD;
}

static bool parse_digits(const char *text, size_t length, uint64_t *number)
{
	uint64_t value = 0;

	if (!length)
		return false;
	/* Of so few it is less than 2^64. */
	for (; length && length < 20 && *text >= '0' && *text <= '9'; text++, length--)
		value = value * 10 + (uint64_t)(*text - '0');
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    __builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return false;
	}
	*number = value;
	return true;
}

bool journal_unsigned(const struct journal_field *field, uint64_t *number)
{
	return parse_digits(field->value, field->value_length, number);
}

bool journal_signed(const struct journal_field *field, int64_t *number)
{
	bool negative = field->value_length && field->value[0] == '-';
	uint64_t size;

	if (!parse_digits(field->value + negative, field->value_length - negative, &size) ||
	    size > (uint64_t)INT64_MAX)
		return false;
	*number = negative ? -(int64_t)size : (int64_t)size;
	return true;
}

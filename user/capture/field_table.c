// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/field_table.h"

#include <arpa/inet.h>

static uint64_t load(const char *at, unsigned int size)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (size) {
	case sizeof(u8):
		memcpy(&u8, at, sizeof(u8));
		return u8;
	case sizeof(u16):
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case sizeof(u32):
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
}

/* False: it does not fit. */
static bool store(char *at, unsigned int size, uint64_t number)
{
	uint8_t u8 = (uint8_t)number;
	uint16_t u16 = (uint16_t)number;
	uint32_t u32 = (uint32_t)number;

	switch (size) {
	case sizeof(u8):
		memcpy(at, &u8, sizeof(u8));
		return u8 == number;
	case sizeof(u16):
		memcpy(at, &u16, sizeof(u16));
		return u16 == number;
	case sizeof(u32):
		memcpy(at, &u32, sizeof(u32));
		return u32 == number;
	default:
		memcpy(at, &number, sizeof(number));
		return true;
	}
}

/* NULL without memory; room for `more` bytes behind it. */
static char *begin_field(struct buffer *out, const struct field *field, size_t more)
{
	char *to = buffer_reserve(out, sizeof(field->name) + more);

	if (!to)
		return NULL;
	memcpy(to, field->name, sizeof(field->name));
	return to + field->name_length + 1;
}

static void add_number(struct buffer *out, const struct field *field, uint64_t number)
{
	char *to = number ? begin_field(out, field, BUFFER_DIGITS + 1) : NULL;

	if (!to)
		return;
	to = buffer_put_unsigned(to, number);
	*to++ = '\n';
	out->length = (size_t)(to - out->data);
}

static void add_address(struct buffer *out, const struct field *field, const char *at)
{
	static const uint8_t none[16];
	uint8_t address[16];

	memcpy(address, at, sizeof(address));
	if (memcmp(address, none, sizeof(none)) == 0)
		return;
	buffer_add(out, field->name, field->name_length + 1u);
	buffer_add_address(out, address);
	buffer_add_char(out, '\n');
}

static void add_text(struct buffer *out, const struct field *field, const char *text, size_t length)
{
	buffer_add(out, field->name, field->name_length);
	journal_add_value(out, text, length);
}

static void add_field(struct buffer *out, const struct field *field, const char *at)
{
	const char *text;

	switch ((enum field_type)field->type) {
	case FIELD_NUMBER:
	case FIELD_BOOL:
		add_number(out, field, load(at, field->size));
		break;
	case FIELD_ADDRESS:
		add_address(out, field, at);
		break;
	case FIELD_NAME:
		if (*at)
			add_text(out, field, at, strnlen(at, field->size));
		break;
	case FIELD_TEXT:
		memcpy(&text, at, sizeof(text));
		if (text)
			add_text(out, field, text, strlen(text));
		break;
	}
}

void field_table_add(struct buffer *out, const struct field *table, const void *object)
{
	for (; table->name_length; table++)
		add_field(out, table, (const char *)object + table->offset);
}

static bool is_in_row(const struct field *field)
{
	return field->type == FIELD_NUMBER || field->type == FIELD_BOOL ||
	       field->type == FIELD_ADDRESS;
}

static void add_row_number(struct buffer *out, uint64_t number)
{
	char *to = buffer_reserve(out, BUFFER_DIGITS + 1);

	if (!to)
		return;
	to = buffer_put_unsigned(to, number);
	*to++ = ' ';
	out->length = (size_t)(to - out->data);
}

void field_table_add_row(struct buffer *out, const struct field *table, const void *object)
{
	for (; table->name_length; table++) {
		const char *at = (const char *)object + table->offset;

		if (table->type == FIELD_ADDRESS) {
			buffer_add_address(out, (const uint8_t *)at);
			buffer_add_char(out, ' ');
		} else if (is_in_row(table)) {
			add_row_number(out, load(at, table->size));
		}
	}
}

void field_table_add_rest(struct buffer *out, const struct field *table, const void *object)
{
	for (; table->name_length; table++)
		if (!is_in_row(table))
			add_field(out, table, (const char *)object + table->offset);
}

/* Many names are as long as another and begin alike: their last letters tell them apart. */
static bool is_named(const struct field *field, const struct journal_field *given)
{
	size_t length = given->name_length;

	return field->name_length == length && field->name[length - 1] == given->name[length - 1] &&
	       !memcmp(field->name, given->name, length);
}

const struct field *field_table_find(const struct field *table, const struct journal_field *given)
{
	for (; table->name_length; table++)
		if (is_named(table, given))
			return table;
	return NULL;
}

static bool take_address(char *at, const struct journal_field *given)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16] = {[10] = 0xff, [11] = 0xff};

	if (given->value_length >= sizeof(text))
		return false;
	memcpy(text, given->value, given->value_length);
	text[given->value_length] = '\0';
	if (inet_pton(AF_INET, text, address + 12) != 1 && inet_pton(AF_INET6, text, address) != 1)
		return false;
	memcpy(at, address, sizeof(address));
	return true;
}

static bool take_name(char *at, unsigned int size, const struct journal_field *given)
{
	if (given->value_length > size || memchr(given->value, '\0', given->value_length))
		return false;
	memset(at, 0, size);
	memcpy(at, given->value, given->value_length);
	return true;
}

static void take_text(char *at, struct field_texts *texts, const struct journal_field *given)
{
	/* cppcheck-suppress ctunullpointer ; who has a FIELD_TEXT in its table gives texts */
	char *text = texts->bytes + texts->length;

	memcpy(text, given->value, given->value_length);
	text[given->value_length] = '\0';
	texts->length += given->value_length + 1;
	memcpy(at, &text, sizeof(text));
}

bool field_table_take(const struct field *field, void *object, const struct journal_field *given,
		      struct field_texts *texts)
{
	char *at = (char *)object + field->offset;
	uint64_t number;

	switch ((enum field_type)field->type) {
	case FIELD_NUMBER:
		return journal_unsigned(given, &number) && store(at, field->size, number);
	case FIELD_BOOL:
		return journal_unsigned(given, &number) && number <= 1 &&
		       store(at, field->size, number);
	case FIELD_ADDRESS:
		return take_address(at, given);
	case FIELD_NAME:
		return take_name(at, field->size, given);
	case FIELD_TEXT:
		take_text(at, texts, given);
		return true;
	}
	return false;
}

/* The next of a row's values; what is left of the row is behind it. */
static struct journal_field take_value(struct journal_field *row)
{
	struct journal_field value = *row;
	const char *space = memchr(row->value, ' ', row->value_length);
	size_t taken = row->value_length;

	if (space) {
		value.value_length = (size_t)(space - row->value);
		taken = value.value_length + 1;
	}
	row->value += taken;
	row->value_length -= taken;
	return value;
}

bool field_table_take_row(const struct field *table, void *object, struct journal_field *row)
{
	for (; table->name_length && row->value_length; table++) {
		struct journal_field value;

		if (!is_in_row(table))
			continue;
		value = take_value(row);
		if (!field_table_take(table, object, &value, NULL))
			return false;
	}
	return true;
}

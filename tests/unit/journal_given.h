/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fields for tests, and records with a value in every byte that has a meaning. To be included after
 * cmocka.h.
 */
#ifndef TCPCLOSE_TESTS_JOURNAL_GIVEN_H
#define TCPCLOSE_TESTS_JOURNAL_GIVEN_H

#include "capture/journal.h"
#include "capture/record_fields.h"

static inline struct journal_field given_field(const char *name, const char *value)
{
	return (struct journal_field){name, strlen(name), value, strlen(value)};
}

#define WIPE(record, member) memset(&(record)->member, 0, sizeof((record)->member))

/* What has no meaning, or none in a recording. */
static inline void given_wipe(union any_record *record)
{
	record->header.source = 0;
	switch (record->header.kind) {
	case RECORD_STATE:
		WIPE(&record->state, pad);
		WIPE(&record->state, owner.pad);
		break;
	case RECORD_RESET:
		WIPE(&record->reset, pad);
		break;
	case RECORD_RETRANSMIT:
		WIPE(&record->retransmit, pad);
		break;
	case RECORD_NAMESPACE:
		WIPE(&record->namespace, pad);
		break;
	case RECORD_OWNER:
		WIPE(&record->owner, owner.pad);
		break;
	case RECORD_LOSS:
		WIPE(&record->loss, pad);
		break;
	}
}

/* Each byte that has a meaning is `first` or one of those after it, never 0. */
static inline union any_record given_record(uint16_t kind, uint8_t first)
{
	union any_record record;
	size_t size = record_fields_size(kind);

	memset(&record, 0, sizeof(record));
	for (size_t i = 0; i < size; i++)
		((uint8_t *)&record)[i] = (uint8_t)((first + i) % 255 + 1);
	record.header.kind = kind;
	record.header.length = (uint16_t)size;
	given_wipe(&record);
	return record;
}

/* The record that the fields make. */
static inline union any_record given_back(const struct buffer *fields)
{
	struct journal journal = {fields->data, fields->length};
	struct journal_field field;
	union any_record record;

	assert_int_equal(journal_next(&journal, &field), JOURNAL_FIELD);
	assert_true(journal_is(&field, RECORD_FIELDS_KIND));
	assert_true(record_fields_begin(&record, &field));
	while (journal_next(&journal, &field) == JOURNAL_FIELD)
		assert_int_equal(record_fields_take(&record, &field), FIELD_TAKEN);
	assert_int_equal(journal.length, 0);
	return record;
}

#endif

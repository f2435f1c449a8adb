// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/page_words.h"

#include <stdlib.h>

#include "base/utf8.h"

struct word {
	struct map_link link;
	uint64_t number;
	size_t length;
	char text[];
};

int page_words_init(struct page_words *words)
{
	*words = (struct page_words){0};
	return map_init(&words->map);
}

static void forget_all(struct page_words *words)
{
	struct map_link *link;
	size_t bucket = 0;

	while ((link = map_any(&words->map, &bucket))) {
		map_remove(&words->map, link);
		free(container_of(link, struct word, link));
	}
	words->bytes = 0;
}

void page_words_done(struct page_words *words)
{
	if (!words)
		return;
	forget_all(words);
	map_done(&words->map);
}

static uint64_t hash_of(const char *text, size_t length)
{
	uint64_t hash = length;

	for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
		size_t size = length - at < sizeof(uint64_t) ? length - at : sizeof(uint64_t);
		uint64_t part = 0;

		memcpy(&part, text + at, size);
		hash = hash_join(hash, part);
	}
	return hash;
}

uint64_t page_words_add(struct page_words *words, struct buffer *out, const char *text,
			size_t length)
{
	uint64_t hash = hash_of(text, length);
	struct map_link *link;
	struct word *word;

	for (link = map_first(&words->map, hash); link; link = map_next(link)) {
		word = container_of(link, struct word, link);
		if (word->length == length && !memcmp(word->text, text, length))
			return word->number;
	}
	buffer_add_char(out, 'w');
	page_add_string(out, text, length);
	buffer_add_char(out, '\n');
	words->count++;
	if (words->bytes + sizeof(*word) + length > PAGE_WORDS_BYTES)
		forget_all(words);
	word = malloc(sizeof(*word) + length);
	if (!word) /* it is only written once more */
		return words->count;
	word->number = words->count;
	word->length = length;
	memcpy(word->text, text, length);
	words->bytes += sizeof(*word) + length;
	map_add(&words->map, &word->link, hash);
	return word->number;
}

static void add_code_unit(struct buffer *out, uint32_t unit)
{
	buffer_add_literal(out, "\\u");
	buffer_add_hex(out, unit, 4);
}

void page_add_string(struct buffer *out, const char *text, size_t length)
{
	buffer_add_char(out, '"');
	for (size_t at = 0; at < length;) {
		uint32_t character = 0xfffd;
		size_t size = utf8_decode(text + at, length - at, &character);

		at += size ? size : 1;
		if (character >= 0x10000) { /* a pair of UTF-16 surrogates: RFC 8259, 7 */
			add_code_unit(out, 0xd800 | (character - 0x10000) >> 10);
			add_code_unit(out, 0xdc00 | (character & 0x3ff));
		} else if (character < 0x20 || character > 0x7e || character == '"' ||
			   character == '\\' || character == '<') {
			add_code_unit(out, character);
		} else {
			buffer_add_char(out, (char)character);
		}
	}
	buffer_add_char(out, '"');
}

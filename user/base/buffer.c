// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/buffer.h"

#include <stdlib.h>

#include "base/utf8.h"

#define CAPACITY_FIRST 4096
#define NS_PER_SECOND 1000000000
#define SECONDS_PER_DAY 86400

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";
static const char hex_digits[] = "0123456789abcdef";

void buffer_init(struct buffer *buffer)
{
	*buffer = (struct buffer){0};
}

void buffer_done(struct buffer *buffer)
{
	if (!buffer)
		return;
	free(buffer->data);
	*buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
}

void buffer_consume(struct buffer *buffer, size_t count)
{
	if (count > buffer->length)
		count = buffer->length;
	buffer->length -= count;
	if (count && buffer->length)
		memmove(buffer->data, buffer->data + count, buffer->length);
}

char *buffer_grow(struct buffer *buffer, size_t count)
{
	size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_FIRST;
	char *data;

	if (buffer->failed)
		return NULL;
	if (count > SIZE_MAX / 2 - buffer->length)
		goto failed;
	while (capacity - buffer->length < count)
		capacity *= 2;
	data = realloc(buffer->data, capacity);
	if (!data)
		goto failed;
	buffer->data = data;
	buffer->capacity = capacity;
	return data + buffer->length;
failed:
	buffer->failed = true;
	return NULL;
}

void buffer_add_string(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

void buffer_add_repeat(struct buffer *buffer, char character, size_t count)
{
	char *to = buffer_reserve(buffer, count);

	if (!to)
		return;
	memset(to, character, count);
	buffer->length += count;
}

/* Exactly that many digits, leading zeros included. */
static void put_digits(char *to, uint64_t number, unsigned int digits)
{
	while (digits >= 2) {
		digits -= 2;
		memcpy(to + digits, digit_pairs + number % 100 * 2, 2);
		number /= 100;
	}
	if (digits)
		to[0] = (char)('0' + number % 10);
}

/* The eight digits of a number below 10^8, one in each byte, the first in the lowest: halves,
 * quarters and eighths of it are split off in all places at once. */
static inline uint64_t eight_digits(uint32_t number)
{
	uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
	uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007f; /* fours / 100 */
	uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
	uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000f; /* twos / 10 */

	return tens | (twos - tens * 10) << 8;
}

static void put_eight(char *to, uint64_t digits)
{
	digits += 0x3030303030303030;
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		digits = __builtin_bswap64(digits);
	memcpy(to, &digits, sizeof(digits));
}

static char *put_below_hundred_million(char *to, uint32_t number)
{
	unsigned int zeros;
	uint64_t digits;

	if (number < 10) {
		*to = (char)('0' + number);
		return to + 1;
	}
	if (number < 100) {
		memcpy(to, digit_pairs + (size_t)number * 2, 2);
		return to + 2;
	}
	digits = eight_digits(number);
	zeros = (unsigned int)__builtin_ctzll(digits) / 8;
	put_eight(to, digits >> (zeros * 8));
	return to + 8 - zeros;
}

char *buffer_put_unsigned(char *to, uint64_t number)
{
	const uint64_t hundred_million = 100000000;
	uint64_t high = number / hundred_million;

	if (number < hundred_million)
		return put_below_hundred_million(to, (uint32_t)number);
	if (high >= hundred_million) {
		to = put_below_hundred_million(to, (uint32_t)(high / hundred_million));
		put_eight(to, eight_digits((uint32_t)(high % hundred_million)));
		to += 8;
	} else {
		to = put_below_hundred_million(to, (uint32_t)high);
	}
	put_eight(to, eight_digits((uint32_t)(number % hundred_million)));
	return to + 8;
}

void buffer_add_signed(struct buffer *buffer, int64_t number)
{
	if (number < 0) {
		buffer_add_char(buffer, '-');
		buffer_add_unsigned(buffer, 0 - (uint64_t)number);
	} else {
		buffer_add_unsigned(buffer, (uint64_t)number);
	}
}

void buffer_add_hex(struct buffer *buffer, uint64_t number, unsigned int digits)
{
	char *to = buffer_reserve(buffer, 16);

	if (!to)
		return;
	if (digits > 16)
		digits = 16;
	while (digits < 16 && (digits == 0 || number >> (digits * 4)))
		digits++;
	for (unsigned int i = digits; i-- > 0; number >>= 4)
		to[i] = hex_digits[number & 15];
	buffer->length += digits;
}

void buffer_add_fixed(struct buffer *buffer, uint64_t number, uint64_t unit, unsigned int places)
{
	uint64_t whole = number / unit;
	uint64_t scale = 1;
	uint64_t fraction;
	char *to;

	for (unsigned int i = 0; i < places; i++)
		scale *= 10;
	fraction = (number % unit * scale + unit / 2) / unit;
	if (fraction == scale) {
		fraction = 0;
		whole++;
	}
	buffer_add_unsigned(buffer, whole);
	if (!places)
		return;
	to = buffer_reserve(buffer, places + 1);
	if (!to)
		return;
	to[0] = '.';
	put_digits(to + 1, fraction, places);
	buffer->length += places + 1;
}

/* The Gregorian date of a day counted from 1970, as YYYY-MM-DD. Years are taken to begin in March,
 * so that the leap day is the last one and the lengths of months repeat every five: 153 days. */
static void put_date(char *to, int64_t day_1970)
{
	uint64_t day = (uint64_t)(day_1970 + 135080); /* from the 1st of March 1600 */
	uint64_t year = 1600 + day / 146097 * 400;
	uint64_t part, month;

	day %= 146097;
	part = day / 36524 < 3 ? day / 36524 : 3;
	year += part * 100;
	day -= part * 36524;
	year += day / 1461 * 4;
	day %= 1461;
	part = day / 365 < 3 ? day / 365 : 3;
	year += part;
	day -= part * 365;
	month = (day * 5 + 2) / 153;
	day -= (month * 153 + 2) / 5;
	if (month >= 10)
		year++;
	put_digits(to, year, 4);
	to[4] = '-';
	put_digits(to + 5, month < 10 ? month + 3 : month - 9, 2);
	to[7] = '-';
	put_digits(to + 8, day + 1, 2);
}

/* Splits a time into its day from 1970, the second of the day and the nanosecond. */
static int64_t split_time(int64_t realtime_ns, uint64_t *second, uint64_t *ns)
{
	int64_t seconds = realtime_ns / NS_PER_SECOND;
	int64_t rest = realtime_ns % NS_PER_SECOND;
	int64_t day;

	if (rest < 0) {
		rest += NS_PER_SECOND;
		seconds--;
	}
	day = seconds / SECONDS_PER_DAY;
	seconds %= SECONDS_PER_DAY;
	if (seconds < 0) {
		seconds += SECONDS_PER_DAY;
		day--;
	}
	*second = (uint64_t)seconds;
	*ns = (uint64_t)rest;
	return day;
}

static void put_clock(char *to, uint64_t second)
{
	put_digits(to, second / 3600, 2);
	to[2] = ':';
	put_digits(to + 3, second / 60 % 60, 2);
	to[5] = ':';
	put_digits(to + 6, second % 60, 2);
}

void buffer_add_timestamp(struct buffer *buffer, int64_t realtime_ns)
{
	static const size_t size = sizeof("2026-11-20T11:05:43.123456789Z") - 1;
	char *to = buffer_reserve(buffer, size);
	uint64_t second, ns;

	if (!to)
		return;
	put_date(to, split_time(realtime_ns, &second, &ns));
	to[10] = 'T';
	put_clock(to + 11, second);
	to[19] = '.';
	put_digits(to + 20, ns, 9);
	to[29] = 'Z';
	buffer->length += size;
}

void buffer_add_clock(struct buffer *buffer, int64_t realtime_ns)
{
	static const size_t size = sizeof("11:05:43.123") - 1;
	char *to = buffer_reserve(buffer, size);
	uint64_t second, ns;

	if (!to)
		return;
	split_time(realtime_ns, &second, &ns);
	put_clock(to, second);
	to[8] = '.';
	put_digits(to + 9, ns / 1000000, 3);
	buffer->length += size;
}

static char *put_octet(char *to, unsigned int octet)
{
	if (octet >= 100)
		*to++ = (char)('0' + octet / 100);
	if (octet >= 10) {
		memcpy(to, digit_pairs + (size_t)(octet % 100) * 2, 2);
		return to + 2;
	}
	*to++ = (char)('0' + octet);
	return to;
}

static void add_ipv4(struct buffer *buffer, const uint8_t address[4])
{
	char *to = buffer_reserve(buffer, sizeof("255.255.255.255"));

	if (!to)
		return;
	for (unsigned int i = 0; i < 4; i++) {
		to = put_octet(to, address[i]);
		*to++ = '.';
	}
	buffer->length = (size_t)(to - 1 - buffer->data);
}

/* RFC 5952, 4.2: the longest run of at least two zero words, the first of equals. */
static unsigned int find_zeros(const unsigned int words[8], unsigned int *length)
{
	unsigned int best = 8;

	*length = 1;
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int run = 0;

		while (i + run < 8 && !words[i + run])
			run++;
		if (run > *length) {
			best = i;
			*length = run;
		}
		i += run;
	}
	return best;
}

static void add_ipv6(struct buffer *buffer, const uint8_t address[16])
{
	unsigned int words[8];
	unsigned int zeros, length;

	for (unsigned int i = 0; i < 8; i++)
		words[i] = (unsigned int)address[2 * i] << 8 | address[2 * i + 1];
	zeros = find_zeros(words, &length);
	for (unsigned int i = 0; i < 8;) {
		if (i == zeros) {
			buffer_add_literal(buffer, "::");
			i += length;
			continue;
		}
		if (i && i != zeros + length)
			buffer_add_char(buffer, ':');
		buffer_add_hex(buffer, words[i], 1);
		i++;
	}
}

bool address_is_ipv4(const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(address, mapped, sizeof(mapped));
}

void buffer_add_address(struct buffer *buffer, const uint8_t address[16])
{
	if (address_is_ipv4(address))
		add_ipv4(buffer, address + 12);
	else
		add_ipv6(buffer, address);
}

static size_t plain_length(const char *string, size_t length)
{
	size_t plain = 0;

	while (plain < length && string[plain] >= 0x20 && string[plain] < 0x7f &&
	       string[plain] != '"' && string[plain] != '\\')
		plain++;
	return plain;
}

void buffer_add_escaped(struct buffer *buffer, const char *string, size_t limit)
{
	size_t length = strnlen(string, limit);

	for (size_t at = 0; at < length;) {
		uint32_t character;
		size_t size = plain_length(string + at, length - at);

		if (!size) {
			size = utf8_decode(string + at, length - at, &character);
			if (!size || utf8_is_hidden(character)) {
				size += !size;
				for (size_t i = 0; i < size; i++) {
					buffer_add_literal(buffer, "\\x");
					buffer_add_hex(buffer, (unsigned char)string[at + i], 2);
				}
				at += size;
				continue;
			}
		}
		buffer_add(buffer, string + at, size);
		at += size;
	}
}

static void add_json_escape(struct buffer *buffer, uint32_t character)
{
	if (character == '"' || character == '\\') {
		buffer_add_char(buffer, '\\');
		buffer_add_char(buffer, (char)character);
		return;
	}
	buffer_add_literal(buffer, "\\u");
	if (character < 0x10000) {
		buffer_add_hex(buffer, character, 4);
		return;
	}
	character -= 0x10000; /* a pair of UTF-16 surrogates: RFC 8259, 7 */
	buffer_add_hex(buffer, 0xd800 | character >> 10, 4);
	buffer_add_literal(buffer, "\\u");
	buffer_add_hex(buffer, 0xdc00 | (character & 0x3ff), 4);
}

void buffer_add_json(struct buffer *buffer, const char *string, size_t limit)
{
	size_t length = strnlen(string, limit);

	buffer_add_char(buffer, '"');
	for (size_t at = 0; at < length;) {
		size_t size = plain_length(string + at, length - at);
		uint32_t character;

		if (size) {
			buffer_add(buffer, string + at, size);
			at += size;
			continue;
		}
		size = utf8_decode(string + at, length - at, &character);
		if (!size)
			buffer_add_literal(buffer, "\xef\xbf\xbd");
		else if (character == '"' || character == '\\' || utf8_is_hidden(character))
			add_json_escape(buffer, character);
		else
			buffer_add(buffer, string + at, size);
		at += size ? size : 1;
	}
	buffer_add_char(buffer, '"');
}

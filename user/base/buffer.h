/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A growing byte buffer and the ways to write numbers, times and outside strings into it without
 * stdio. Memory only, no system calls; knows nothing of TCP. An allocation that fails sets failed
 * and drops what follows, so that callers check once.
 */
#ifndef TCPCLOSE_BASE_BUFFER_H
#define TCPCLOSE_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	char *data;
	size_t length;
	size_t capacity;
	bool failed;
};

void buffer_init(struct buffer *buffer);
void buffer_done(struct buffer *buffer);
/* Forgets the content and the failure, keeps the memory. */
void buffer_clear(struct buffer *buffer);
/* Removes the first count bytes. */
void buffer_consume(struct buffer *buffer, size_t count);

/* Makes room for count more bytes: where they go, or NULL. Length stays as it is. */
char *buffer_grow(struct buffer *buffer, size_t count);

static inline char *buffer_reserve(struct buffer *buffer, size_t count)
{
	if (buffer->failed || count > buffer->capacity - buffer->length)
		return buffer_grow(buffer, count);
	return buffer->data + buffer->length;
}

static inline void buffer_add(struct buffer *buffer, const void *bytes, size_t length)
{
	char *to = buffer_reserve(buffer, length);

	if (!to || !length)
		return;
	memcpy(to, bytes, length);
	buffer->length += length;
}

static inline void buffer_add_char(struct buffer *buffer, char character)
{
	buffer_add(buffer, &character, 1);
}

/* A string constant: its length is known when compiled. */
#define buffer_add_literal(buffer, literal) buffer_add((buffer), "" literal, sizeof(literal) - 1)

/* The decimal digits of a number at `to`, where there is room for BUFFER_DIGITS; returns their end.
 */
#define BUFFER_DIGITS 20
char *buffer_put_unsigned(char *to, uint64_t number);

/* A text and the number behind it. */
static inline void buffer_add_labelled(struct buffer *buffer, const char *label, size_t length,
				       uint64_t number)
{
	char *to = buffer_reserve(buffer, length + BUFFER_DIGITS);

	if (!to)
		return;
	memcpy(to, label, length);
	buffer->length = (size_t)(buffer_put_unsigned(to + length, number) - buffer->data);
}

static inline void buffer_add_unsigned(struct buffer *buffer, uint64_t number)
{
	buffer_add_labelled(buffer, "", 0, number);
}

void buffer_add_string(struct buffer *buffer, const char *string);
void buffer_add_repeat(struct buffer *buffer, char character, size_t count);
void buffer_add_signed(struct buffer *buffer, int64_t number);
/* Lower case, at least that many digits (up to 16). */
void buffer_add_hex(struct buffer *buffer, uint64_t number, unsigned int digits);
/* nanoseconds as a fixed point number of units: 4120345 ns, unit 1000000, 3 places: 4.120.
 * Rounded half up; unit up to 10^12, places up to 6. */
void buffer_add_fixed(struct buffer *buffer, uint64_t number, uint64_t unit, unsigned int places);
/* RFC 3339, UTC, nanoseconds: 2026-11-20T11:05:43.123456789Z */
void buffer_add_timestamp(struct buffer *buffer, int64_t realtime_ns);
/* The hours of it, milliseconds cut: 11:05:43.123 */
void buffer_add_clock(struct buffer *buffer, int64_t realtime_ns);
/* Addresses in record form: 16 bytes, IPv4 mapped (RFC 4291, 2.5.5.2). */
bool address_is_ipv4(const uint8_t address[16]);
/* IPv4 is written dotted, IPv6 by RFC 5952. */
void buffer_add_address(struct buffer *buffer, const uint8_t address[16]);
/* A string from outside for a terminal: control bytes, invalid UTF-8 and bidirectional or other
 * invisible formatting characters as \xNN. At most limit bytes are read, up to the first NUL. */
void buffer_add_escaped(struct buffer *buffer, const char *string, size_t limit);
/* The same as a JSON string with its quotes (RFC 8259): always valid UTF-8, control and invisible
 * characters as \uNNNN, an invalid byte as U+FFFD. */
void buffer_add_json(struct buffer *buffer, const char *string, size_t limit);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What numbers of the kernel were called when the recording was made: interfaces, control groups,
 * reasons of resets. The writer keeps what it has told, the reader what it was told; the latest
 * word holds.
 */
#ifndef TCPCLOSE_CAPTURE_NAMES_H
#define TCPCLOSE_CAPTURE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "capture/journal.h"

enum name_kind {
	NAME_INTERFACE, /* number: namespace << 32 | index */
	NAME_CGROUP,
	NAME_RESET_REASON,
	NAME_KINDS,
};

/* More are not kept, nor more bytes of them: those told first are forgotten, and counted. */
#define NAMES_KEPT (1u << 17)
#define NAMES_BYTES (32u << 20)

struct names;

struct names *names_new(void); /* NULL without memory */
void names_free(struct names *names);
/* True if this is news: not known until now, or called otherwise. A name of NULL: it is not known
 * any more. */
bool names_set(struct names *names, enum name_kind kind, uint64_t number, const char *name);
const char *names_get(const struct names *names, enum name_kind kind,
		      uint64_t number); /* or NULL */
void names_clear(struct names *names);
size_t names_count(const struct names *names);
/* Half of what is kept is there: the writer begins anew, so that the reader never forgets. */
bool names_are_many(const struct names *names);
uint64_t names_forgotten(const struct names *names);

/* As fields of a recording: one name, all that are known, or that all are to be forgotten. */
#define NAMES_FIELD "TCPCLOSE_NAME"
void names_tell(struct buffer *out, enum name_kind kind, uint64_t number, const char *name);
void names_tell_all(struct buffer *out, const struct names *names);
void names_tell_none(struct buffer *out);
/* Takes what such a field says. False: it says nothing. */
bool names_take(struct names *names, const struct journal_field *field);

#endif

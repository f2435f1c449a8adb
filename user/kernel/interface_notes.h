/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What there is to say of interfaces and namespaces, in words for people. It prints nothing: the
 * sentences go to a callback.
 */
#ifndef TCPCLOSE_KERNEL_INTERFACE_NOTES_H
#define TCPCLOSE_KERNEL_INTERFACE_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct interface;

enum interface_note_level {
	INTERFACE_DETAIL,
	INTERFACE_WARNING,
};

/* One sentence without a full stop. What repeats is a warning once, then a detail. */
typedef void (*interface_note)(void *context, enum interface_note_level level, const char *text);

#define INTERFACE_NOTE_ERRORS 256

struct interface_notes {
	interface_note note; /* or NULL */
	void *context;
	uint32_t home;                      /* the namespace that is not mentioned */
	bool named;                         /* interfaces were asked for by name */
	bool warned[INTERFACE_NOTE_ERRORS]; /* by errno */
};

/* `what` could not be done with a namespace. */
void interface_notes_namespace(struct interface_notes *notes, const char *what, uint32_t netns,
			       int error);
/* It could not be attached; or it was, error is 0, and its reason says what was not to be had. */
void interface_notes_interface(struct interface_notes *notes, const struct interface *interface,
			       int error);
/* It was attached again, because someone had removed our filters. */
void interface_notes_removed(struct interface_notes *notes, const struct interface *interface);
/* Filters of killed tracers were removed. */
void interface_notes_stale(struct interface_notes *notes, unsigned int count);

/* One line: how it is attached, or why not. */
void interface_notes_explain(const struct interface_notes *notes, const struct interface *interface,
			     struct buffer *out);

#endif

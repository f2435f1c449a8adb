/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A suspect of CLOSE_WAIT as fields of a recording, and back: what --threshold told of is told
 * again by a replay. It must not know files, nor how a suspect is shown.
 */
#ifndef TCPCLOSE_SUSPECT_NOTE_H
#define TCPCLOSE_SUSPECT_NOTE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "core/close_wait.h"

/* The value of FIELD_NOTE. */
#define SUSPECT_NOTE "close_wait"

void suspect_note_add(struct buffer *fields, const struct close_wait_report *report);

struct suspect_note;

/* NULL: it is no note of a suspect, is damaged, or there is no memory. */
struct suspect_note *suspect_note_read(const char *fields, size_t length);
void suspect_note_free(struct suspect_note *note);
/* Valid as long as the note. */
const struct close_wait_report *suspect_note_report(const struct suspect_note *note);

#endif

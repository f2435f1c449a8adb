/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How each format writes sockets in CLOSE_WAIT: a file of its own beside the format's, and the
 * names that they share. Knows nothing of teardowns.
 */
#ifndef TCPCLOSE_OUTPUT_LEAKS_H
#define TCPCLOSE_OUTPUT_LEAKS_H

#include "core/close_wait.h"
#include "output/output.h"

void json_close_wait(struct output *output, const struct close_wait_report *report);
void json_close_wait_view(struct output *output, const struct close_wait_view *view);
void text_close_wait(struct output *output, const struct close_wait_report *report);
void screen_close_wait_view(struct output *output, const struct close_wait_view *view);
void table_close_wait(struct output *output, const struct close_wait_report *report);
void table_close_wait_view(struct output *output, const struct close_wait_view *view);

const char *trend_name(enum trend_direction trend); /* as in JSON: growing */
const char *created_text(unsigned int how);         /* accepted, connected, created */
/* before, then 4 min 03 s or at least 4 min 03 s */
void leaks_add_age(struct buffer *out, const char *before, uint64_t age, bool at_least);
/* server[812] fd 9 */
void leaks_add_holder(struct buffer *out, const struct close_wait_holder *holder);

#endif

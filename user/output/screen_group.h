/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One group of `leaks` on a screen: the program, the code, one of its sockets, what to do. Knows
 * nothing of the other groups.
 */
#ifndef TCPCLOSE_OUTPUT_SCREEN_GROUP_H
#define TCPCLOSE_OUTPUT_SCREEN_GROUP_H

#include "core/close_wait.h"
#include "output/screen.h"

/* With an empty line after it. */
void screen_group_put(struct screen *screen, const struct close_wait_view *view,
		      const struct close_wait_group *group);
/* In one to three lines, none of them empty. */
void screen_group_put_brief(struct screen *screen, const struct close_wait_group *group);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * CLOSE_WAIT watched: the kernel's programs, its lists of sockets, /proc and the symbolizer joined
 * into views of the core. For `leaks`, and for live timelines with --threshold. It must not know
 * what becomes of a view.
 */
#ifndef TCPCLOSE_LEAK_WATCH_H
#define TCPCLOSE_LEAK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/close_wait.h"
#include "kernel/features.h"
#include "options.h"
#include "owner/cgroups.h"
#include "session.h"

struct leak_watch;

/* It and leak_watch_attach() say themselves why they cannot. The cgroups are the caller's. */
enum exit_status leak_watch_open(struct leak_watch **watch, const struct options *options,
				 const struct features *features, struct cgroups *cgroups);
void leak_watch_close(struct leak_watch *watch);

/* Called now and then during a look, which may take a second. */
void leak_watch_set_progress(struct leak_watch *watch, void (*progress)(void *context),
			     void *context);

/* From now on it is known where sockets come from; what looks only once is not told of that. */
enum exit_status leak_watch_attach(struct leak_watch *watch);

/* Looks at all sockets in CLOSE_WAIT; at who holds them only if it is time for that, or at last.
 * 0 or a negative errno. */
int leak_watch_look(struct leak_watch *watch, bool final);

/* After a look; NULL without memory. Suspects of which something is still being found out are left
 * for the next view; a final one has them all, and waits for the symbolizer, some seconds at most.
 */
const struct close_wait_view *leak_watch_view(struct leak_watch *watch, bool final);

/* The fresh suspects of the last view have been told of. */
void leak_watch_told(struct leak_watch *watch);

/* When to look again so that no suspect is told of late, but not so often that it costs much. */
uint64_t leak_watch_deadline(const struct leak_watch *watch);

/* The same where every change of the suspects is to be shown: when the next look is worth its cost.
 */
uint64_t leak_watch_rest(const struct leak_watch *watch);

/* To be polled for reading, below 0: nothing is; and what to do then. */
int leak_watch_descriptor(const struct leak_watch *watch);
void leak_watch_dispatch(struct leak_watch *watch);

/* Creations and stacks that found no room, and sockets beyond what is kept. */
uint64_t leak_watch_lost(const struct leak_watch *watch);

#endif

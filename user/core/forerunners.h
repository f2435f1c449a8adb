/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is told before the socket that it concerns is known: a reset, before the first change of its
 * state; the close of a listener, before that of the connections in its queue. A few are
 * remembered.
 */
#ifndef TCPCLOSE_CORE_FORERUNNERS_H
#define TCPCLOSE_CORE_FORERUNNERS_H

#include "core/connection.h"

#define FORERUNNER_LISTENERS 16
#define FORERUNNER_RESETS 1024

struct closed_listener {
	uint64_t time;
	uint16_t port;
	uint64_t place; /* place_of() its namespace */
	struct task task;
	enum close_how how;
};

struct forerunners {
	struct closed_listener listeners[FORERUNNER_LISTENERS];
	unsigned int listener_next;
	struct reset_record resets[FORERUNNER_RESETS]; /* by socket; a newer one takes the place */
	/* Which of those there are, a bit for each: of most sockets there is none. */
	uint64_t has_reset[FORERUNNER_RESETS / 64];
};

void forerunners_add_listener(struct forerunners *forerunners, const struct state_record *record);
void forerunners_add_reset(struct forerunners *forerunners, const struct reset_record *record);

/* The socket at `end` is now known: the reset that had been told of it, if any. */
void forerunners_apply_reset(struct forerunners *forerunners, struct connection *connection,
			     unsigned int end);
/* A child that was never accepted ends with its listener, in the listener's close(). */
void forerunners_apply_listener(const struct forerunners *forerunners,
				struct connection *connection, unsigned int end,
				const struct state_record *record);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where the kernel tells nothing of the end of a mini-socket, somebody has to look: answers the
 * core's questions from the kernel's table, and now and then compares how many there are with how
 * many the core knows of. It must not know what the answers mean.
 */
#ifndef TCPCLOSE_QUESTIONS_H
#define TCPCLOSE_QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/correlator.h"
#include "kernel/ring.h"

struct questions;

#define QUESTIONS_AT_MOST (1 << 20) /* that wait for an answer */

/* `compare`: the core knows of every mini-socket (no filter) and is not told when one is removed.
 * NULL without memory. */
struct questions *questions_new(uint32_t home_netns, bool compare);
void questions_free(struct questions *questions);

/* The core's question, see struct correlator_listener. */
void questions_add(struct questions *questions, const struct flow *flow, uint32_t netns);

/* How many found no room, or no memory. */
uint64_t questions_dropped(const struct questions *questions);

/* Looks for some of them. True: there are answers, to be given when everything that happened before
 * them has been fed. */
bool questions_look(struct questions *questions, uint64_t now);
void questions_answer(struct questions *questions, ring_take take, void *context);

/* When records have been fed: whether the numbers agree; if not, questions follow. */
void questions_compare(struct questions *questions, struct correlator *correlator, uint64_t now);

/* When there is something to do; UINT64_MAX: nothing. */
uint64_t questions_deadline(const struct questions *questions);

#endif

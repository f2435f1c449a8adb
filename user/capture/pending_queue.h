/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a recorder still has to write, in order of time; of the same time in the order in which it
 * came. Nearly all comes in order, so a list does, and a heap takes what comes late. It must not
 * know what it holds.
 */
#ifndef TCPCLOSE_CAPTURE_PENDING_QUEUE_H
#define TCPCLOSE_CAPTURE_PENDING_QUEUE_H

#include "capture/pending.h"

struct pending_queue {
	struct pending *oldest;
	struct pending *newest;
	struct heap late;
	uint64_t orders;
};

void pending_queue_init(struct pending_queue *queue);
/* What is in it stays the caller's. */
void pending_queue_done(struct pending_queue *queue);

/* 0, or -ENOMEM and it is not in it. */
int pending_queue_add(struct pending_queue *queue, struct pending *pending, uint64_t time);
/* The one that is due first, or NULL. */
struct pending *pending_queue_first(const struct pending_queue *queue);
/* The same, which is not in it any more. */
struct pending *pending_queue_take(struct pending_queue *queue);

/* Each that is in it, in any order. */
void pending_queue_each(const struct pending_queue *queue,
			void (*see)(void *context, const struct pending *pending), void *context);

#endif

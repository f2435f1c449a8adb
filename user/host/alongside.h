/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Work that is done while the caller does something else, as most machines have two processors:
 * where there is no thread to be had it is done at once. Knows nothing of what is done.
 */
#ifndef TCPCLOSE_HOST_ALONGSIDE_H
#define TCPCLOSE_HOST_ALONGSIDE_H

#include <pthread.h>
#include <stdbool.h>

/* All 0: nothing was begun. */
struct alongside {
	pthread_t thread;
	bool runs;
};

void alongside_begin(struct alongside *alongside, void *(*work)(void *context), void *context);
/* Once it is done; also where it was waited for before. */
void alongside_end(struct alongside *alongside);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Writing to where the reader may be slow, or have stopped to read: it is waited for, so that the
 * ring fills and not our memory, but no longer for ever once the program was asked to end. Knows
 * nothing of what is written.
 */
#ifndef TCPCLOSE_HOST_WRITING_H
#define TCPCLOSE_HOST_WRITING_H

#include <stddef.h>

/* A pipe is opened once more in its place, so that writing to it tells what it has no room for; who
 * shares it with us notices nothing. To be done while we may: it can be somebody else's. */
void writing_never_blocks(int descriptor);

/* All of it: 0 or a negative errno, with how much was written before. -ETIMEDOUT: nobody reads, and
 * the program was asked to end ten seconds ago, or twice (stop_signals.h). */
int writing_all(int descriptor, const char *data, size_t length, size_t *written);

/* Of a line for people, which is dropped if it has not found a reader within a second. */
void writing_line(int descriptor, const char *line, size_t length);

/* In words; -ETIMEDOUT is none of the system's here. */
const char *writing_error(int error);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * When a recording goes on in another file and what that is called, as tcpdump's -C, -G and -W have
 * it. It must not know how files are written.
 */
#ifndef TCPCLOSE_CAPTURE_ROTATION_H
#define TCPCLOSE_CAPTURE_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct rotation {
	const char *path;  /* with an interval it is given to strftime() */
	uint64_t size;     /* a larger file is not added to, 0: any is */
	uint64_t interval; /* ns, 0: endless */
	uint32_t files;    /* with a size: of one interval, in turn; else intervals in all */
	/* Where it is; all 0 but begun at first. */
	uint64_t begun; /* the interval: realtime, ns */
	uint32_t intervals_over;
	uint32_t number; /* of the file in its interval */
};

/* True: what is of that time goes to the next file. */
bool rotation_step(struct rotation *rotation, uint64_t written, uint64_t time);

/* 0 or a negative errno. */
int rotation_name(const struct rotation *rotation, struct buffer *name);

/* When the last of the intervals ends, UINT64_MAX: never. */
uint64_t rotation_end(const struct rotation *rotation);

#endif

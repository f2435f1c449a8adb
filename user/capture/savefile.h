/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The file that a recording goes to: whole blocks or nothing. It must not know what is in them but
 * their length.
 */
#ifndef TCPCLOSE_CAPTURE_SAVEFILE_H
#define TCPCLOSE_CAPTURE_SAVEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct savefile {
	int descriptor; /* -1: none is open */
	uint64_t size;  /* written to it so far */
};

#define SAVEFILE_STDOUT "-"

/* A file that exists is emptied. 0 or a negative errno with a clause: why not. */
int savefile_open(struct savefile *file, const char *path, struct buffer *reason);

/* All of it, or whole blocks up to where it failed: a regular file is cut there. 0 or a negative
 * errno. */
int savefile_write(struct savefile *file, const char *blocks, size_t length);

/* 0 or a negative errno. Does nothing if none is open. */
int savefile_close(struct savefile *file);

#endif

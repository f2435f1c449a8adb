/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Why something of the kernel failed, as one clause. Knows nothing of what it was.
 */
#ifndef TCPCLOSE_KERNEL_REASON_H
#define TCPCLOSE_KERNEL_REASON_H

#include "base/buffer.h"

/* "what: No such file or directory", of an errno of either sign; after "; " if there is something
 * already. */
void reason_add(struct buffer *why, const char *what, int error);

#endif

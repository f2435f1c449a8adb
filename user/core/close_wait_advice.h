/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What follows from the evidence of a group of suspects: where to look, and the command that would
 * end them. Words only.
 */
#ifndef TCPCLOSE_CORE_CLOSE_WAIT_ADVICE_H
#define TCPCLOSE_CORE_CLOSE_WAIT_ADVICE_H

#include "base/buffer.h"
#include "core/close_wait.h"

/* One sentence without a full stop. */
void close_wait_advise(struct buffer *out, const struct close_wait_group *group);

/* A command for a shell; nothing where none would end just them. Kernels need
 * CONFIG_INET_DIAG_DESTROY for it. */
void close_wait_add_kill(struct buffer *out, const struct close_wait_group *group,
			 uint32_t home_netns);

#endif

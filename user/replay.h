/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Files in place of the kernel: timelines from a recording or anybody's capture, or a page of them.
 * It must not know formats.
 */
#ifndef TCPCLOSE_REPLAY_H
#define TCPCLOSE_REPLAY_H

#include "options.h"
#include "session.h"

enum exit_status replay_run(const struct options *options);

#endif

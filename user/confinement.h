/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What this process gives up once it has what it needs: capabilities, and system calls. Knows which
 * part of the options needs which of them later.
 */
#ifndef TCPCLOSE_CONFINEMENT_H
#define TCPCLOSE_CONFINEMENT_H

#include "kernel/features.h"
#include "options.h"

/* All is attached and open, but for later files of a recording and the ready file. */
void confine_tracing(const struct options *options, const struct features *features);

/* The files to read and to write are open: nothing else is needed. */
void confine_replay(void);

#endif

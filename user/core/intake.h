/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a record means: finds or begins the story that it is of, and adds it there. Records come in
 * order of time and are sound. It must not know when something is due.
 */
#ifndef TCPCLOSE_CORE_INTAKE_H
#define TCPCLOSE_CORE_INTAKE_H

#include "core/correlator_state.h"

void intake_take(struct correlator *correlator, const struct record *record);

#endif

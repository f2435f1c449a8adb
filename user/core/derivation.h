/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What of a connection depends on its whole story: which of the four each segment is, which were
 * sent again, what each acknowledgement means, the inferred states of an end without a socket, the
 * id. It must not know how the story came together.
 */
#ifndef TCPCLOSE_CORE_DERIVATION_H
#define TCPCLOSE_CORE_DERIVATION_H

#include "core/connection.h"

void derivation_fill(struct connection *connection);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Addresses and ports of a connection, whichever way round. Knows nothing of sockets. */
#ifndef TCPCLOSE_CORE_FLOW_H
#define TCPCLOSE_CORE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

struct flow flow_reverse(const struct flow *flow);
/* Both directions of a connection have one canonical flow. True if `flow` was turned round. */
bool flow_canonical(const struct flow *flow, struct flow *canonical);
bool flow_equal(const struct flow *a, const struct flow *b);
uint64_t flow_hash(const struct flow *flow);
/* 127.0.0.0/8 or ::1 at either end: the flow never leaves its namespace. */
bool flow_is_loopback(const struct flow *flow);

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Linked before its users, as facts.bpf.c. */
#include "held.bpf.h"

struct held_bucket held[HELD_BUCKETS] __attribute__((aligned(64))) = {};
__u64 held_forgotten = 0;

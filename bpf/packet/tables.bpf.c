// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tables.bpf.h"

struct packet_counts_map packet_counts SEC(".maps");
struct packets_map packets SEC(".maps");
struct fragments_map fragments SEC(".maps");
struct fin_bucket fin_acks[FIN_BUCKETS] __attribute__((aligned(64))) = {};
__u8 fin_spilled[FIN_BUCKETS] __attribute__((aligned(64))) = {};

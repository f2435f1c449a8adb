// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Linked before its users (alphabetical order): libbpf up to 1.1 misplaces a map whose extern
 * declaration it meets first. */
#include "maps.bpf.h"

struct waiting_map waiting SEC(".maps");
struct groups_map groups SEC(".maps");
struct durations_map durations SEC(".maps");
struct held_map held SEC(".maps");

const volatile struct settings settings = {};

__u8 sides_that_wait[POPULATION_SIDES] = {};
__u64 missed = 0;
__u64 crowded_out = 0;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

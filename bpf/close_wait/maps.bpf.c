// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Linked before its users (alphabetical order): libbpf up to 1.1 misplaces a map whose extern
 * declaration it meets first. */
#include "maps.bpf.h"

struct origins_map origins SEC(".maps");
struct places_map places SEC(".maps");
struct stacks_map stacks SEC(".maps");
struct taking_map taking SEC(".maps");

const volatile struct settings settings = {};

__u64 origins_lost = 0;
__u64 stacks_lost = 0;
__u64 stacks_taken = 0;
__u64 connects_seen = 0;
__u64 connects_taken = 0;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

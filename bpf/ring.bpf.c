// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "ring.bpf.h"

struct ring_map ring SEC(".maps");
struct stages_map stages SEC(".maps");
struct lost_map lost SEC(".maps");
struct wanted_flows_map wanted_flows SEC(".maps");
const volatile struct settings settings = {};

char LICENSE[] SEC("license") = "Dual BSD/GPL";

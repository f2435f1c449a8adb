// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Linked before its users (alphabetical order): libbpf up to 1.1 misplaces a map whose extern
 * declaration it meets first. */
#include "facts.bpf.h"

struct facts_map facts SEC(".maps");

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Linked before its users, as facts.bpf.c. */
#include "mini_sockets.bpf.h"

struct mini_sockets_map mini_sockets SEC(".maps");

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Counters that programs keep in a BPF array, read from memory: a system call for each would hold
 * back other programs on that CPU (bpf_disable_instrumentation()). Knows no meaning.
 */
#ifndef TCPCLOSE_KERNEL_COUNTERS_H
#define TCPCLOSE_KERNEL_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

typedef const volatile uint64_t counters;

/* Of an array map with BPF_F_MMAPABLE and 8 bytes a value; NULL with errno. */
counters *counters_open(int map, size_t count);
/* Takes NULL. */
void counters_close(counters *these, size_t count);

struct bpf_program;

/* How often the kernel did not run a program that was called for; not known before 5.12, and 0 for
 * one that was not loaded. */
uint64_t counters_skipped(const struct bpf_program *program);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The programs that a run can go without, because there is another way or what they tell can be
 * missed: one table, program by program, of what has it loaded and of the kernel's feature that it
 * needs. All others are always loaded. Knows nothing of what programs do.
 */
#ifndef TCPCLOSE_KERNEL_OPTIONAL_PROGRAMS_H
#define TCPCLOSE_KERNEL_OPTIONAL_PROGRAMS_H

#include "kernel/features.h"
#include "kernel/plan.h"

struct bpf_object;

/* Before the object is loaded: of those that it has, the ones that the plan wants. */
void optional_programs_choose(const struct bpf_object *object, const struct plan *plan);

/* What is missing when the kernel refuses that program; FEATURES: nothing goes without it. */
enum feature optional_programs_feature(const char *program);

#endif

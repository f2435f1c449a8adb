/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The capabilities of this process: which it has, and giving them up. A set of them is a bit set by
 * the numbers of linux/capability.h. Knows nothing of what they are for.
 */
#ifndef TCPCLOSE_HOST_PRIVILEGES_H
#define TCPCLOSE_HOST_PRIVILEGES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRIVILEGE(name) (UINT64_C(1) << CAP_##name)

uint64_t privileges_held(void); /* effective */

/* With those that greater ones stand for: CAP_SYS_ADMIN was once what CAP_BPF, CAP_PERFMON and
 * CAP_CHECKPOINT_RESTORE are, and who may write all files may read them. */
uint64_t privileges_implied(uint64_t held);

/* The set without what is not held; where only a greater one is, that. */
uint64_t privileges_available(uint64_t held, uint64_t set);

/* "CAP_BPF, CAP_PERFMON" */
void privileges_names(uint64_t set, char *text, size_t size);

/* Gives up for ever what is not in the set: from the effective, permitted, inheritable, ambient and
 * bounding sets; and no program that is executed later gives any (no_new_privs). 0 or a negative
 * errno. */
int privileges_keep(uint64_t set);

/* Whether files can only be made in the folder of a path with CAP_DAC_OVERRIDE, which this process
 * has. */
bool privileges_override_folder(const char *path);

#endif

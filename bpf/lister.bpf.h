/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who lists descriptors. The kernel holds a file for it while it tells of it
 * (task_file_seq_get_next(), as for who reads /proc/PID/fd): what is closed meanwhile is closed by
 * it, as the last to let go.
 */
#ifndef TCPCLOSE_LISTER_BPF_H
#define TCPCLOSE_LISTER_BPF_H

#include "kernel.bpf.h"

extern __u32 lister; /* a pid, 0: nobody yet */

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What this process may still ask of the kernel, by seccomp. What nobody thought of fails with
 * ENOSYS, which C libraries know how to do without; what a tracer never does ends the process.
 * Knows what each part of the program does, and nothing of why.
 */
#ifndef TCPCLOSE_HOST_SYSCALL_FILTER_H
#define TCPCLOSE_HOST_SYSCALL_FILTER_H

enum syscall_filter {
	/* Read and write what is open, allocate, wait. */
	SYSCALL_FILTER_REPLAY,
	/* ... open files and look into /proc, ask for nothing but files. For a process that is
	 * shut in by then. */
	SYSCALL_FILTER_SYMBOLS,
	/* ... ask netlink, enter network namespaces, link loaded BPF programs and use their maps,
	 * start a process for symbols. No program is loaded, no map made, no memory made
	 * executable. */
	SYSCALL_FILTER_TRACE,
	SYSCALL_FILTERS,
};

/* For ever, and on top of one that is there. 0; or a negative errno, and there is none: -ENOSYS
 * where the kernel has no seccomp, or in a build with sanitizers or with -DNO_SYSCALL_FILTER.
 *
 * With TCPCLOSE_STRICT_FILTER in the environment also what nobody thought of ends the process: that
 * is how tests find it. */
int syscall_filter_apply(enum syscall_filter filter);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Starts a build of tests/workload/stack.c, waits until it is in accept(), and takes its stack as
 * BPF would: registers, a copy of the memory, and the chain of frame pointers.
 */
#ifndef TESTS_WORKLOAD_STACK_H
#define TESTS_WORKLOAD_STACK_H

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbols/symbolizer.h"

#define CHAIN_LIMIT 64

struct workload_stack {
	pid_t pid;
	struct raw_stack raw;
	uint64_t chain[CHAIN_LIMIT];
	char copy[2048];
};

static uint64_t workload_word(pid_t pid, uint64_t address)
{
	uint64_t word = 0;
	struct iovec to = {&word, sizeof(word)}, from = {(void *)address, sizeof(word)};

	return process_vm_readv(pid, &to, 1, &from, 1, 0) == sizeof(word) ? word : 0;
}

/* As bpf_get_stack() walks: a frame pointer must lie above the last one. */
static void workload_chain(struct workload_stack *stack, uint32_t limit)
{
	uint64_t fp = stack->raw.fp, above = stack->raw.sp;

	stack->raw.chain = stack->chain;
	stack->raw.chain_limit = limit;
	stack->chain[stack->raw.chain_count++] = stack->raw.ip;
	while (stack->raw.chain_count < limit && fp >= above && fp % 8 == 0) {
		uint64_t address = workload_word(stack->pid, fp + 8);

		if (!address)
			break;
		stack->chain[stack->raw.chain_count++] = address;
		above = fp + 1;
		fp = workload_word(stack->pid, fp);
	}
}

static bool workload_registers(struct workload_stack *stack, pid_t thread)
{
	struct user_regs_struct registers;
	struct iovec all = {&registers, sizeof(registers)};

	if (ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all))
		return false;
#if defined(__x86_64__)
	stack->raw.ip = registers.rip;
	stack->raw.sp = registers.rsp;
	stack->raw.fp = registers.rbp;
#elif defined(__aarch64__)
	stack->raw.ip = registers.pc;
	stack->raw.sp = registers.sp;
	stack->raw.fp = registers.regs[29];
	stack->raw.lr = registers.regs[30];
#endif
	return true;
}

/* Lets a thread go on to where it enters accept(). */
static bool workload_in_accept(pid_t thread)
{
	struct __ptrace_syscall_info info;
	int status;

	if (ptrace(PTRACE_SEIZE, thread, 0, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, thread, 0, 0))
		return false;
	for (;;) {
		if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
			return false;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    (info.entry.nr == SYS_accept || info.entry.nr == SYS_accept4))
			return true;
		if (ptrace(PTRACE_SYSCALL, thread, 0, 0))
			return false;
	}
}

/* Runs a program in a root of its own (NULL: ours) with one argument, and waits for "ready". */
static pid_t workload_start(const char *root, const char *path, const char *way)
{
	int ready[2];
	char word[5];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], STDOUT_FILENO);
		if (!root || (chroot(root) == 0 && chdir("/") == 0))
			execl(path, path, way, NULL);
		_exit(127);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], word, sizeof(word)) != sizeof(word)) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static void workload_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The stack of a thread of a workload that goes on waiting. */
static bool workload_take(struct workload_stack *stack, pid_t pid, pid_t thread, uint32_t limit)
{
	static uint64_t keys;
	struct iovec to = {stack->copy, sizeof(stack->copy)}, from = {NULL, sizeof(stack->copy)};
	bool taken = false;
	ssize_t copied;

	memset(stack, 0, sizeof(*stack));
	stack->pid = pid;
	stack->raw.pid = (uint32_t)pid;
	stack->raw.key = ++keys;
	if (workload_in_accept(thread) && workload_registers(stack, thread)) {
		from.iov_base = (void *)stack->raw.sp;
		copied = process_vm_readv(pid, &to, 1, &from, 1, 0);
		stack->raw.copy = stack->copy;
		stack->raw.copied = copied > 0 ? (uint32_t)copied : 0;
		workload_chain(stack, limit);
		taken = true;
	}
	ptrace(PTRACE_DETACH, thread, 0, 0);
	return taken;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The current task's user stack. The kernel follows frame pointers, which the C library's wrappers
 * of system calls do not keep: who called accept() is missing then, and all that a program compiled
 * without them has. So registers and the innermost part of the stack are kept, too, for user space
 * to unwind as a debugger does; of each way through the code once.
 */
#ifndef TCPCLOSE_CLOSE_WAIT_STACK_BPF_H
#define TCPCLOSE_CLOSE_WAIT_STACK_BPF_H

#include "maps.bpf.h"

/* Words next to the stack pointer, among which is where the wrapper of the system call returns to.
 */
#define NEAREST_WORDS 16

static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	/* A step of FNV-1a with all 64 bits at once, turned so that high bits reach low ones. */
	hash = (hash ^ value) * 0x100000001b3ull;
	return hash ^ hash >> 29;
}

static __always_inline bool is_within(__u64 address, __u64 start, __u64 end)
{
	return address >= start && address < end;
}

/* Addresses in the program's own code on the nearest words: they tell two callers apart that the
 * chain cannot. */
static __always_inline __u64 mix_nearest(__u64 hash, const struct close_wait_stack *stack,
					 const struct user_memory *memory)
{
	const __u64 *words = (const __u64 *)stack->copy;

	for (int i = 0; i < NEAREST_WORDS; i++)
		if (is_within(words[i], memory->start_code, memory->end_code))
			hash = mix(hash, words[i]);
	return hash;
}

/* A stack is no larger than this. */
#define STACK_REACH (64u << 20)

/* Where a frame pointer points to, on x86-64 and arm64 alike. */
struct user_frame {
	__u64 fp; /* of the caller */
	__u64 return_address;
};

/* A caller's frame is further up on the same stack. What is not is no frame pointer: to follow it
 * would be a page fault, which costs more than all the rest. */
static __always_inline bool may_be_frame(__u64 fp, __u64 below)
{
	return is_within(fp, below, below + STACK_REACH) && !(fp & 7);
}

/* Without frame pointers the register may point to anything on the stack: numbers, and pointers to
 * data, which are other ones each time. */
static __always_inline bool may_be_code(__u64 address, __u64 sp, const struct user_memory *memory)
{
	return is_within(address, 1u << 16, 1ull << 56) &&
	       !is_within(address, sp - STACK_REACH, sp + STACK_REACH) &&
	       !is_within(address, memory->start_heap, memory->end_heap);
}

static __always_inline void follow_frames(struct close_wait_stack *stack,
					  const struct user_memory *memory)
{
	__u64 fp = stack->fp, below = stack->sp;
	struct user_frame frame;

	stack->chain[0] = stack->ip;
	stack->frames = 1;
	for (__u32 i = 1; i < CLOSE_WAIT_FRAMES; i++) {
		if (!may_be_frame(fp, below) ||
		    bpf_probe_read_user(&frame, sizeof(frame), (const void *)fp) ||
		    !may_be_code(frame.return_address, stack->sp, memory))
			return;
		stack->chain[i] = frame.return_address;
		stack->frames = i + 1;
		below = fp + sizeof(frame);
		fp = frame.fp;
	}
}

static __always_inline void take_chain(void *context, struct close_wait_stack *stack,
				       const struct user_memory *memory)
{
	long size;

	if (stack->ip) {
		follow_frames(stack, memory);
		return;
	}
	size = bpf_get_stack(context, stack->chain, sizeof(stack->chain), BPF_F_USER_STACK);
	stack->frames = size > 0 ? (__u64)size / sizeof(stack->chain[0]) : 0;
}

static __always_inline __u64 stack_hash(const struct close_wait_stack *stack,
					const struct user_memory *memory)
{
	__u64 hash = 0xcbf29ce484222325ull;

	for (__u32 i = 0; i < CLOSE_WAIT_FRAMES; i++) {
		if (i >= stack->frames)
			break;
		hash = mix(hash, stack->chain[i]);
	}
	if (stack->copied)
		hash = mix_nearest(hash, stack, memory);
	return hash ? hash : 1;
}

/* As much of the stack as can be read: its end may be near. */
static __always_inline void copy_more(struct close_wait_stack *stack)
{
	if (!stack->copied)
		return;
	for (__u32 size = CLOSE_WAIT_COPY; size > NEAREST_WORDS * sizeof(__u64); size /= 2) {
		if (bpf_probe_read_user(stack->copy, size, (const void *)stack->sp) == 0) {
			stack->copied = size;
			return;
		}
	}
}

static __always_inline void copy_nearest(struct close_wait_stack *stack)
{
	const __u32 size = NEAREST_WORDS * sizeof(__u64);

	stack->copied = 0;
	if (stack->sp && bpf_probe_read_user(stack->copy, size, (const void *)stack->sp) == 0)
		stack->copied = size;
}

/* Keeps the stack of a task that is in a system call; its key, 0 if there is none. */
static __always_inline __u64 stack_take(void *context, __u32 taker)
{
	struct close_wait_stack *stack = bpf_map_lookup_elem(&taking, &taker);
	struct user_registers user = {};
	struct user_memory memory;
	__u64 key;

	if (!stack)
		return 0;
	if (settings.user_registers)
		kernel_user_registers(&user);
	stack->ip = user.ip;
	stack->sp = user.sp;
	stack->fp = user.fp;
	stack->lr = user.lr;
	kernel_user_memory(&memory);
	take_chain(context, stack, &memory);
	copy_nearest(stack);
	if (!stack->frames && !stack->copied)
		return 0;
	key = stack_hash(stack, &memory);
	if (bpf_map_lookup_elem(&stacks, &key))
		return key;
	copy_more(stack);
	stack->pid = bpf_get_current_pid_tgid() >> 32;
	stack->pad = 0;
	if (bpf_map_update_elem(&stacks, &key, stack, BPF_ANY)) {
		__sync_fetch_and_add(&stacks_lost, 1);
		return 0;
	}
	__sync_fetch_and_add(&stacks_taken, 1);
	return key;
}

static __always_inline void call_take(struct close_wait_call *call, void *context, __u32 taker)
{
	call->time = bpf_ktime_get_boot_ns();
	call->stack = stack_take(context, taker);
	kernel_task(&call->task);
}

#endif

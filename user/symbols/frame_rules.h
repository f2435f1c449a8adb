/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One step out of a function by its call frame information: the registers of its caller, from
 * those in it and a copy of the stack. Knows nothing of processes.
 */
#ifndef TCPCLOSE_SYMBOLS_FRAME_RULES_H
#define TCPCLOSE_SYMBOLS_FRAME_RULES_H

#include "symbols/elf_file.h"

/* As DWARF numbers them; the last is the first that is no integer register. */
#if defined(__x86_64__)
#define FRAME_FP 6
#define FRAME_SP 7
#define FRAME_REGISTERS 17
#elif defined(__aarch64__)
#define FRAME_FP 29
#define FRAME_LR 30
#define FRAME_SP 31
#define FRAME_REGISTERS 33
#else /* our programs take no registers there: nothing is unwound */
#define FRAME_FP 0
#define FRAME_SP 1
#define FRAME_REGISTERS 2
#endif

struct frame_registers {
	uint64_t values[FRAME_REGISTERS];
	uint64_t known; /* a bit each */
	uint64_t ip;
};

struct stack_copy {
	const char *bytes;
	uint64_t start; /* where it was */
	uint32_t size;
};

static inline bool frame_register(const struct frame_registers *registers, unsigned int number,
				  uint64_t *value)
{
	if (number >= FRAME_REGISTERS || !(registers->known >> number & 1))
		return false;
	*value = registers->values[number];
	return true;
}

static inline void frame_register_set(struct frame_registers *registers, unsigned int number,
				      uint64_t value)
{
	registers->values[number] = value;
	registers->known |= UINT64_C(1) << number;
}

bool stack_copy_read(const struct stack_copy *copy, uint64_t address, uint64_t *value);

enum frame_step {
	FRAME_CALLER,    /* registers are now the caller's */
	FRAME_OUTERMOST, /* it has none */
	FRAME_NO_RULES,  /* nothing is known of this function */
	FRAME_LOST,      /* a value that is needed is not in the copy */
};

/* `address` is that of the instruction to look up, as the file counts. `signal`: the caller was
 * interrupted there, it called nothing. */
enum frame_step frame_rules_step(const struct elf_file *elf, uint64_t address,
				 const struct stack_copy *copy, struct frame_registers *registers,
				 bool *signal);

#endif

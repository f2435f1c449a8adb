/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A call stack as people read it, the innermost frame first, and where in it a program's own code
 * begins. It knows neither how a stack is taken nor where names come from. Strings are from outside
 * and not escaped.
 */
#ifndef TCPCLOSE_BASE_STACK_H
#define TCPCLOSE_BASE_STACK_H

#include <stdbool.h>
#include <stdint.h>

struct stack_frame {
	uint64_t address;     /* in the process; of a caller: where it goes on after the call */
	uint64_t offset;      /* of it in the module, as its ELF file counts addresses */
	const char *module;   /* path of the file mapped there; NULL: not known, or none is */
	const char *function; /* NULL: not known */
	const char *file;     /* of the source; NULL: not known */
	uint32_t line;        /* of the call; 0: not known */
	bool inlined;         /* into the next one, whose address it shares */
};

/* How far a stack reaches. */
enum stack_end {
	STACK_WHOLE = 0,         /* to where the thread began */
	STACK_NO_FRAME_POINTERS, /* the callers further out are not known: the program was compiled
				    without frame pointers */
	STACK_DEEP,              /* the callers further out were not kept: there are too many */
	STACK_PROCESS_GONE,      /* addresses only: the process ended before it was looked at */
	STACK_UNREADABLE,        /* addresses only: its files could not be read */
	STACK_PENDING,           /* being looked at */
	STACK_ENDS,
};

struct stack {
	const struct stack_frame *frames;
	uint32_t count;
	enum stack_end end;
};

/* The first frame that does not merely wrap a system call; 0 if all do. */
uint32_t stack_own(const struct stack *stack);
/* NULL: there is no stack, or nothing in it. */
const struct stack_frame *stack_own_frame(const struct stack *stack);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The way out of a call stack: by the call frame information of the files where there is some, by
 * frame pointers where there is none. Addresses only; knows no names.
 */
#ifndef TCPCLOSE_SYMBOLS_UNWIND_H
#define TCPCLOSE_SYMBOLS_UNWIND_H

#include "symbols/process_code.h"
#include "symbols/symbol_message.h"

struct unwound_frame {
	uint64_t address;
	bool exact; /* it is executed there; else a call returns there */
	struct code_place place;
};

enum unwound_end {
	UNWOUND_LOST,  /* how to go on is not known */
	UNWOUND_CUT,   /* there is more, which was not kept */
	UNWOUND_WHOLE, /* nobody called the last one */
};

struct unwound {
	struct unwound_frame frames[SYMBOL_FRAMES];
	uint32_t count;
	enum unwound_end end;
};

/* Walks the stack of the process that code is of. */
void unwind(struct process_code *code, const struct raw_stack *raw, struct unwound *unwound);

#endif

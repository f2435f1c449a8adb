// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/unwind.h"

#include "symbols/frame_rules.h"

static bool unwound_add(struct unwound *unwound, const struct unwound_frame *frame)
{
	if (unwound->count == SYMBOL_FRAMES) {
		unwound->end = UNWOUND_CUT;
		return false;
	}
	unwound->frames[unwound->count++] = *frame;
	return true;
}

/* Where there are no rules, as in code made at run time, the frame pointer leads on; it is to be
 * in the copy, and its place behind that of the callee. */
static enum frame_step step_by_pointer(const struct stack_copy *copy,
				       struct frame_registers *registers)
{
	struct frame_registers caller = {};
	uint64_t sp, fp, outer_fp;

	if (!frame_register(registers, FRAME_SP, &sp) ||
	    !frame_register(registers, FRAME_FP, &fp) || fp < sp || fp % sizeof(fp) ||
	    !stack_copy_read(copy, fp, &outer_fp) ||
	    !stack_copy_read(copy, fp + sizeof(fp), &caller.ip))
		return FRAME_LOST;
	if (!caller.ip)
		return FRAME_OUTERMOST;
	frame_register_set(&caller, FRAME_SP, fp + 2 * sizeof(fp));
	frame_register_set(&caller, FRAME_FP, outer_fp);
	*registers = caller;
	return FRAME_CALLER;
}

/* Adds frames from the registers on. How it ended: FRAME_CALLER if there are too many. */
static enum frame_step walk(struct process_code *code, const struct stack_copy *copy,
			    struct frame_registers registers, struct unwound *unwound)
{
	bool exact = true;

	for (;;) {
		struct unwound_frame frame = {.address = registers.ip, .exact = exact};
		enum frame_step step = FRAME_NO_RULES;
		uint64_t sp = 0, next_sp = 0;
		bool signal = false;

		frame.place = process_code_find(code, registers.ip - !exact);
		if (!frame.place.mapping)
			return FRAME_LOST;
		if (!unwound_add(unwound, &frame))
			return FRAME_CALLER;
		frame_register(&registers, FRAME_SP, &sp);
		if (frame.place.file)
			step = frame_rules_step(frame.place.file, frame.place.address, copy,
						&registers, &signal);
		if (step == FRAME_NO_RULES)
			step = step_by_pointer(copy, &registers);
		if (step != FRAME_CALLER)
			return step;
		/* Outwards only; a function that has no frame of its own has the one it was
		 * called with. */
		frame_register(&registers, FRAME_SP, &next_sp);
		if (next_sp < sp || (next_sp == sp && unwound->count > 1))
			return FRAME_LOST;
		exact = signal;
	}
}

/* Where the chain goes on behind the last frame, found by going along both; 0: nowhere. */
static uint32_t chain_behind(const struct raw_stack *raw, const struct unwound *unwound)
{
	uint32_t behind = 0, next = 0;

	for (uint32_t i = 0; i < unwound->count; i++) {
		behind = 0;
		for (uint32_t j = next; j < raw->chain_count; j++) {
			if (raw->chain[j] != unwound->frames[i].address)
				continue;
			behind = next = j + 1;
			break;
		}
	}
	return behind;
}

/* Adds the chain from an entry on, up to the first that cannot be code. */
static void follow_chain(struct process_code *code, const struct raw_stack *raw, uint32_t from,
			 struct unwound *unwound)
{
	for (uint32_t i = from; i < raw->chain_count; i++) {
		struct unwound_frame frame = {.address = raw->chain[i], .exact = i == 0};

		frame.place = process_code_find(code, frame.address - !frame.exact);
		if (!frame.place.mapping || !unwound_add(unwound, &frame))
			return;
	}
	if (raw->chain_count > from && raw->chain_count >= raw->chain_limit)
		unwound->end = UNWOUND_CUT;
}

void unwind(struct process_code *code, const struct raw_stack *raw, struct unwound *unwound)
{
	struct stack_copy copy = {raw->copy, raw->sp, raw->copied};
	struct frame_registers registers = {.ip = raw->ip};
	uint32_t behind = 0;

	unwound->count = 0;
	unwound->end = UNWOUND_LOST;
	if (raw->ip && raw->sp && raw->copied) {
		enum frame_step step;

		frame_register_set(&registers, FRAME_SP, raw->sp);
		frame_register_set(&registers, FRAME_FP, raw->fp);
#ifdef FRAME_LR
		frame_register_set(&registers, FRAME_LR, raw->lr);
#endif
		step = walk(code, &copy, registers, unwound);
		if (step == FRAME_OUTERMOST)
			unwound->end = UNWOUND_WHOLE;
		if (step == FRAME_OUTERMOST || step == FRAME_CALLER)
			return;
		behind = chain_behind(raw, unwound);
		if (!behind && unwound->count)
			return;
	}
	follow_chain(code, raw, behind, unwound);
}

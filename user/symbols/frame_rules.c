// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/frame_rules.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define STACK_DEPTH 32

bool stack_copy_read(const struct stack_copy *copy, uint64_t address, uint64_t *value)
{
	if (address < copy->start || copy->size < sizeof(*value) ||
	    address - copy->start > copy->size - sizeof(*value))
		return false;
	memcpy(value, copy->bytes + (address - copy->start), sizeof(*value));
	return true;
}

/* What a DWARF expression is evaluated with (DWARF 5, 2.5); `failed` once and for all. */
struct machine {
	const struct frame_registers *registers;
	const struct stack_copy *copy;
	bool has_cfa;
	uint64_t cfa;
	uint64_t stack[STACK_DEPTH];
	unsigned int depth;
	bool failed;
};

static void push(struct machine *machine, uint64_t value)
{
	if (machine->depth < STACK_DEPTH)
		machine->stack[machine->depth++] = value;
	else
		machine->failed = true;
}

static uint64_t pop(struct machine *machine)
{
	if (machine->depth)
		return machine->stack[--machine->depth];
	machine->failed = true;
	return 0;
}

static void push_register(struct machine *machine, uint64_t number, uint64_t offset)
{
	uint64_t value = 0;

	machine->failed |= number >= FRAME_REGISTERS ||
			   !frame_register(machine->registers, (unsigned int)number, &value);
	push(machine, value + offset);
}

static void push_read(struct machine *machine, uint64_t address)
{
	uint64_t value = 0;

	machine->failed |= !stack_copy_read(machine->copy, address, &value);
	push(machine, value);
}

/* Two operands, of which the second is on top. False if it is no such operation. */
static bool binary(struct machine *machine, unsigned int operation)
{
	uint64_t second, first;

	if (operation < DW_OP_and || operation > DW_OP_ne || operation == DW_OP_abs ||
	    operation == DW_OP_neg || operation == DW_OP_not || operation == DW_OP_plus_uconst ||
	    operation == DW_OP_bra || operation == DW_OP_div || operation == DW_OP_mod)
		return false;
	second = pop(machine);
	first = pop(machine);
	switch (operation) {
	case DW_OP_and:
		first &= second;
		break;
	case DW_OP_or:
		first |= second;
		break;
	case DW_OP_xor:
		first ^= second;
		break;
	case DW_OP_plus:
		first += second;
		break;
	case DW_OP_minus:
		first -= second;
		break;
	case DW_OP_mul:
		first *= second;
		break;
	case DW_OP_shl:
		first = second < 64 ? first << second : 0;
		break;
	case DW_OP_shr:
		first = second < 64 ? first >> second : 0;
		break;
	case DW_OP_eq:
		first = first == second;
		break;
	case DW_OP_ne:
		first = first != second;
		break;
	case DW_OP_ge:
		first = (int64_t)first >= (int64_t)second;
		break;
	case DW_OP_gt:
		first = (int64_t)first > (int64_t)second;
		break;
	case DW_OP_le:
		first = (int64_t)first <= (int64_t)second;
		break;
	case DW_OP_lt:
		first = (int64_t)first < (int64_t)second;
		break;
	default:
		machine->failed = true;
	}
	push(machine, first);
	return true;
}

/* The operations that compilers use in frame rules; any other fails. */
static void operate(struct machine *machine, const Dwarf_Op *operation)
{
	unsigned int atom = operation->atom;

	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		push(machine, atom - DW_OP_lit0);
	else if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		push_register(machine, atom - DW_OP_breg0, operation->number);
	else if (atom == DW_OP_bregx)
		push_register(machine, operation->number, operation->number2);
	else if (atom >= DW_OP_const1u && atom <= DW_OP_consts)
		push(machine, operation->number);
	else if (atom == DW_OP_deref)
		push_read(machine, pop(machine));
	else if (atom == DW_OP_plus_uconst)
		push(machine, pop(machine) + operation->number);
	else if (atom == DW_OP_call_frame_cfa && machine->has_cfa)
		push(machine, machine->cfa);
	else if (atom == DW_OP_dup && machine->depth)
		push(machine, machine->stack[machine->depth - 1]);
	else if (atom == DW_OP_drop)
		pop(machine);
	else if (atom == DW_OP_neg)
		push(machine, -pop(machine));
	else if (atom == DW_OP_not)
		push(machine, ~pop(machine));
	else if (atom != DW_OP_nop && !binary(machine, atom))
		machine->failed = true;
}

/* The value that an expression gives, or that is where it points to. */
static bool evaluate(struct machine *machine, const Dwarf_Op *operations, size_t count,
		     bool is_value, uint64_t *value)
{
	unsigned int atom = count ? operations[0].atom : DW_OP_nop;

	if (count == 1 && !is_value && atom >= DW_OP_reg0 && atom <= DW_OP_reg31)
		return frame_register(machine->registers, atom - DW_OP_reg0, value);
	if (count == 1 && !is_value && atom == DW_OP_regx && operations[0].number < FRAME_REGISTERS)
		return frame_register(machine->registers, (unsigned int)operations[0].number,
				      value);
	machine->depth = 0;
	machine->failed = false;
	for (size_t i = 0; i < count && !machine->failed; i++) {
		if (operations[i].atom == DW_OP_stack_value && i + 1 == count)
			is_value = true;
		else
			operate(machine, &operations[i]);
	}
	*value = pop(machine);
	if (machine->failed)
		return false;
	return is_value || stack_copy_read(machine->copy, *value, value);
}

enum rule {
	RULE_VALUE,
	RULE_UNDEFINED,
	RULE_UNKNOWN, /* what it needs is not known */
};

static enum rule caller_register(struct machine *machine, Dwarf_Frame *frame, unsigned int number,
				 uint64_t *value)
{
	Dwarf_Op space[3], *operations;
	size_t count;
	bool found;

	if (dwarf_frame_register(frame, (int)number, space, &operations, &count))
		return RULE_UNKNOWN;
	if (!count && operations)
		return RULE_UNDEFINED;
	if (!count)
		found = frame_register(machine->registers, number, value);
	else
		found = evaluate(machine, operations, count, false, value);
	return found ? RULE_VALUE : RULE_UNKNOWN;
}

static enum frame_step step(Dwarf_Frame *frame, const struct stack_copy *copy,
			    struct frame_registers *registers, bool *signal)
{
	struct frame_registers caller = {};
	struct machine machine = {.registers = registers, .copy = copy};
	int return_register = dwarf_frame_info(frame, NULL, NULL, signal);
	enum rule rule;
	Dwarf_Op *operations;
	size_t count;

	if (return_register < 0)
		return FRAME_NO_RULES;
	rule = RULE_UNDEFINED;
	if (dwarf_frame_cfa(frame, &operations, &count) == 0 && count)
		machine.has_cfa = evaluate(&machine, operations, count, true, &machine.cfa);
	rule = caller_register(&machine, frame, (unsigned int)return_register, &caller.ip);
	if (rule == RULE_UNDEFINED || (rule == RULE_VALUE && !caller.ip))
		return FRAME_OUTERMOST;
	if (rule == RULE_UNKNOWN || !machine.has_cfa)
		return FRAME_LOST;
	for (unsigned int i = 0; i < FRAME_REGISTERS; i++) {
		uint64_t value;

		rule = caller_register(&machine, frame, i, &value);
		/* libdw takes rbx for one that calls destroy. */
		if (rule == RULE_UNDEFINED && i != FRAME_SP && frame_register(registers, i, &value))
			rule = RULE_VALUE;
		if (rule == RULE_VALUE)
			frame_register_set(&caller, i, value);
	}
	if (!(caller.known >> FRAME_SP & 1))
		frame_register_set(&caller, FRAME_SP, machine.cfa);
	*registers = caller;
	return FRAME_CALLER;
}

enum frame_step frame_rules_step(const struct elf_file *elf, uint64_t address,
				 const struct stack_copy *copy, struct frame_registers *registers,
				 bool *signal)
{
	for (int i = 0; i < 2; i++) {
		Dwarf_Frame *frame = NULL;
		enum frame_step stepped;

		if (!elf->frames[i] ||
		    dwarf_cfi_addrframe(elf->frames[i], address - elf->frames_bias[i], &frame))
			continue;
		stepped = step(frame, copy, registers, signal);
		free(frame);
		if (stepped != FRAME_NO_RULES)
			return stepped;
	}
	return FRAME_NO_RULES;
}

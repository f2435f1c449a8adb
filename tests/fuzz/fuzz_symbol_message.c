// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the process that reads strangers' files answers, which may be in the hands of one of them;
 * and what it is asked. */
#include "fuzz.h"
#include "symbols/symbol_message.h"

static bool is_string(const char *text, size_t limit)
{
	return !text || (text[0] && strnlen(text, limit) < limit);
}

static void check_same(const struct stack *one, const struct stack *other)
{
	FUZZ_CHECK(one->count == other->count && one->end == other->end);
	for (uint32_t i = 0; i < one->count; i++)
		FUZZ_CHECK(one->frames[i].address == other->frames[i].address &&
			   one->frames[i].line == other->frames[i].line);
}

static void take_answer(const void *bytes, size_t length, uint64_t id)
{
	struct stack stack, again;
	struct buffer packed;

	if (symbol_answer_parse(bytes, length, id, &stack))
		return;
	FUZZ_CHECK(stack.count <= SYMBOL_FRAMES && stack.end < STACK_ENDS);
	for (uint32_t i = 0; i < stack.count; i++) {
		const struct stack_frame *frame = &stack.frames[i];

		FUZZ_CHECK(is_string(frame->function, SYMBOL_FUNCTION));
		FUZZ_CHECK(is_string(frame->module, SYMBOL_PATH));
		FUZZ_CHECK(is_string(frame->file, SYMBOL_PATH));
		FUZZ_CHECK(!frame->inlined || i + 1 < stack.count);
	}
	buffer_init(&packed);
	symbol_answer_pack(&packed, id, &stack);
	FUZZ_CHECK(!packed.failed && packed.length <= SYMBOL_MESSAGE);
	FUZZ_CHECK(symbol_answer_parse(packed.data, packed.length, id, &again) == 0);
	check_same(&stack, &again);
	buffer_done(&packed);
	free((void *)stack.frames);
	free((void *)again.frames);
}

static void take_question(const void *bytes, size_t length)
{
	struct raw_stack raw;
	struct buffer packed;
	uint64_t id;

	if (!symbol_question_parse(bytes, length, &id, &raw))
		return;
	buffer_init(&packed);
	symbol_question_pack(&packed, id, &raw);
	FUZZ_CHECK(!packed.failed && packed.length == length);
	buffer_done(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t *memory = malloc(length ? length : 1);
	uint64_t id = 0;

	FUZZ_CHECK(memory);
	memcpy(memory, bytes, length);
	memcpy(&id, memory, length < sizeof(id) ? length : sizeof(id));
	take_answer(memory, length, id);
	take_question(memory, length);
	free(memory);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/symbol_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The chain and the copy follow. */
struct question {
	uint64_t id;
	uint64_t ip;
	uint64_t sp;
	uint64_t fp;
	uint64_t lr;
	uint32_t pid;
	uint32_t chain_count;
	uint32_t chain_limit;
	uint32_t copied;
};

/* The frames follow, and then the strings: each ends in NUL, the first is empty. */
struct answer {
	uint64_t id;
	uint32_t end;
	uint32_t count;
	uint32_t strings; /* bytes of them */
	uint32_t padding;
};

/* Strings as offsets into the strings, 0: NULL. */
struct answer_frame {
	uint64_t address;
	uint64_t offset;
	uint32_t module;
	uint32_t function;
	uint32_t file;
	uint32_t line;
	uint32_t inlined;
	uint32_t padding;
};

static uint32_t at_most(uint32_t number, uint32_t limit)
{
	return number < limit ? number : limit;
}

void symbol_question_pack(struct buffer *buffer, uint64_t id, const struct raw_stack *raw)
{
	struct question question = {
		.id = id,
		.ip = raw->ip,
		.sp = raw->sp,
		.fp = raw->fp,
		.lr = raw->lr,
		.pid = raw->pid,
		.chain_count = at_most(raw->chain_count, SYMBOL_FRAMES),
		.chain_limit = at_most(raw->chain_limit, SYMBOL_FRAMES),
		.copied = at_most(raw->copied, SYMBOL_COPY),
	};

	buffer_add(buffer, &question, sizeof(question));
	if (question.chain_count)
		buffer_add(buffer, raw->chain, question.chain_count * sizeof(*raw->chain));
	if (question.copied)
		buffer_add(buffer, raw->copy, question.copied);
}

bool symbol_question_parse(const void *bytes, size_t size, uint64_t *id, struct raw_stack *raw)
{
	const struct question *question = bytes;
	size_t chain;

	if (size < sizeof(*question) || question->chain_count > SYMBOL_FRAMES ||
	    question->copied > SYMBOL_COPY)
		return false;
	chain = question->chain_count * sizeof(*raw->chain);
	if (size != sizeof(*question) + chain + question->copied)
		return false;
	*id = question->id;
	*raw = (struct raw_stack){
		.pid = question->pid,
		.ip = question->ip,
		.sp = question->sp,
		.fp = question->fp,
		.lr = question->lr,
		.chain = (const uint64_t *)(question + 1),
		.chain_count = question->chain_count,
		.chain_limit = question->chain_limit,
		.copy = (const char *)(question + 1) + chain,
		.copied = question->copied,
	};
	return true;
}

/* Where a string is in the table, added if need be; 0 for none, and where there is no room. */
static uint32_t string_offset(struct buffer *strings, const char *string, size_t limit, size_t room)
{
	size_t length, at = 1;

	if (!string || !string[0])
		return 0;
	length = strnlen(string, limit - 1);
	while (at < strings->length) {
		size_t other = strlen(strings->data + at);

		if (other == length && memcmp(strings->data + at, string, length) == 0)
			return (uint32_t)at;
		at += other + 1;
	}
	if (length + 1 > room - strings->length)
		return 0;
	buffer_add(strings, string, length);
	buffer_add_char(strings, '\0');
	return strings->failed ? 0 : (uint32_t)at;
}

void symbol_answer_pack(struct buffer *buffer, uint64_t id, const struct stack *stack)
{
	struct answer answer = {
		.id = id, .end = stack->end, .count = at_most(stack->count, SYMBOL_FRAMES)};
	size_t room = SYMBOL_MESSAGE - sizeof(answer) - answer.count * sizeof(struct answer_frame);
	struct buffer strings;
	size_t start = buffer->length;

	buffer_init(&strings);
	buffer_add_char(&strings, '\0');
	buffer_add(buffer, &answer, sizeof(answer));
	for (uint32_t i = 0; i < answer.count; i++) {
		const struct stack_frame *from = &stack->frames[i];
		struct answer_frame frame = {
			.address = from->address,
			.offset = from->offset,
			.function = string_offset(&strings, from->function, SYMBOL_FUNCTION, room),
			.module = string_offset(&strings, from->module, SYMBOL_PATH, room),
			.file = string_offset(&strings, from->file, SYMBOL_PATH, room),
			.line = from->line,
			.inlined = from->inlined && i + 1 < answer.count,
		};

		buffer_add(buffer, &frame, sizeof(frame));
	}
	answer.strings = (uint32_t)strings.length;
	buffer_add(buffer, strings.data, strings.length);
	buffer->failed |= strings.failed;
	if (!buffer->failed)
		memcpy(buffer->data + start, &answer, sizeof(answer));
	buffer_done(&strings);
}

/* An offset of a string that is there and not too long. */
static bool string_right(const char *strings, size_t size, uint32_t offset, size_t limit)
{
	return offset < size && strnlen(strings + offset, limit) < limit;
}

static bool frames_right(const struct answer_frame *frames, size_t count, const char *strings,
			 size_t size)
{
	for (size_t i = 0; i < count; i++) {
		const struct answer_frame *frame = &frames[i];

		if (!string_right(strings, size, frame->module, SYMBOL_PATH) ||
		    !string_right(strings, size, frame->function, SYMBOL_FUNCTION) ||
		    !string_right(strings, size, frame->file, SYMBOL_PATH) ||
		    frame->line > INT32_MAX || frame->inlined > 1)
			return false;
		if (frame->inlined && (i + 1 == count || frames[i + 1].address != frame->address))
			return false;
	}
	return true;
}

/* NULL if it is empty, wherever that stands. */
static const char *string_at(const char *strings, uint32_t offset)
{
	return strings[offset] ? strings + offset : NULL;
}

int symbol_answer_parse(const void *bytes, size_t size, uint64_t id, struct stack *stack)
{
	const struct answer *answer = bytes;
	const struct answer_frame *frames = (const void *)(answer + 1);
	struct stack_frame *built;
	size_t all;
	char *strings;

	if (size < sizeof(*answer) || answer->id != id || answer->count > SYMBOL_FRAMES ||
	    answer->end >= STACK_ENDS || answer->end == STACK_PENDING)
		return -EBADMSG;
	all = answer->count * sizeof(*frames);
	if (size - sizeof(*answer) < all || answer->strings == 0 ||
	    size - sizeof(*answer) - all != answer->strings)
		return -EBADMSG;
	strings = (char *)(frames + answer->count);
	if (strings[0] || strings[answer->strings - 1] ||
	    !frames_right(frames, answer->count, strings, answer->strings))
		return -EBADMSG;

	built = malloc(answer->count * sizeof(*built) + answer->strings);
	if (!built)
		return -ENOMEM;
	strings = memcpy(built + answer->count, strings, answer->strings);
	for (uint32_t i = 0; i < answer->count; i++)
		built[i] = (struct stack_frame){
			.address = frames[i].address,
			.offset = frames[i].offset,
			.module = string_at(strings, frames[i].module),
			.function = string_at(strings, frames[i].function),
			.file = string_at(strings, frames[i].file),
			.line = frames[i].line,
			.inlined = frames[i].inlined,
		};
	*stack = (struct stack){built, answer->count, (enum stack_end)answer->end};
	return 0;
}

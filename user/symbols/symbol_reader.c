// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/symbol_reader.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "host/privileges.h"
#include "host/syscall_filter.h"
#include "symbols/demangle.h"
#include "symbols/elf_source.h"
#include "symbols/jit_names.h"
#include "symbols/unwind.h"

#define MEMORY_LIMIT (UINT64_C(512) << 20) /* for the files that are kept */
#define IDLE_SECONDS 60 /* then they are given back: they may be in the way of an unmount */

struct symbol_reader {
	int socket;
	struct safe_files files;
	struct process_code code;
	uint64_t first_memory;
	struct unwound unwound;
	struct perf_map_wish wishes[SYMBOL_FRAMES];
	size_t wish_count;
	struct stack_frame frames[SYMBOL_FRAMES];
	char *names[SYMBOL_FRAMES]; /* those of the frames that are to be freed */
	uint32_t count;
	bool cut; /* there were more */
};

/* Bytes that only this process has. */
static uint64_t memory_used(const struct safe_files *files)
{
	unsigned long size, resident = 0, shared = 0;
	int file = safe_files_of_process(files, (uint32_t)getpid(), "statm");
	char text[128];
	ssize_t length;

	if (file < 0)
		return 0;
	length = read(file, text, sizeof(text) - 1);
	close(file);
	text[length > 0 ? length : 0] = '\0';
	if (sscanf(text, "%lu %lu %lu", &size, &resident, &shared) != 3)
		return 0;
	return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void reader_clear(struct symbol_reader *reader)
{
	for (uint32_t i = 0; i < reader->count; i++)
		free(reader->names[i]);
	reader->count = 0;
	reader->cut = false;
	reader->wish_count = 0;
}

/* How long the part of a symbol is that a programmer wrote: compilers and linkers append a
 * version or what they made of a function. */
static size_t plain_length(const char *symbol)
{
	static const char *const endings[] = {".constprop.", ".isra.", ".part.",
					      ".cold",       ".llvm.", ".lto_priv."};
	size_t length = strcspn(symbol, "@");

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		const char *found = strstr(symbol, endings[i]);

		if (found && found != symbol && (size_t)(found - symbol) < length)
			length = (size_t)(found - symbol);
	}
	return length;
}

static struct stack_frame *reader_add(struct symbol_reader *reader, const struct stack_frame *frame)
{
	if (reader->count == SYMBOL_FRAMES) {
		reader->cut = true;
		return NULL;
	}
	reader->names[reader->count] = NULL;
	reader->frames[reader->count] = *frame;
	return &reader->frames[reader->count++];
}

/* The last frame is to have a name that is to be freed; NULL is fine. */
static void name_last(struct symbol_reader *reader, char *name)
{
	if (!name)
		return;
	reader->names[reader->count - 1] = name;
	reader->frames[reader->count - 1].function = name;
}

/* As a programmer would write a symbol. */
static char *readable(const char *symbol)
{
	char *plain = strndup(symbol, plain_length(symbol));
	char *demangled = plain ? demangle(plain) : NULL;

	if (!demangled)
		return plain;
	free(plain);
	return demangled;
}

static bool is_internal(const char *name)
{
	return name[0] == '_';
}

/* Adds a frame of a file: one for each function that is inlined there. */
static void add_code(struct symbol_reader *reader, const struct code_place *place,
		     struct stack_frame frame)
{
	struct elf_place places[ELF_SOURCE_PLACES] = {};
	size_t count = elf_source_find(place->file, place->address, places);
	const struct elf_symbol *symbol = elf_file_symbol(place->file, place->address);

	count += !count;
	for (size_t i = 0; i < count; i++) {
		const struct elf_place *from = &places[i];
		bool last = i + 1 == count;

		frame.function = from->function ? from->function : from->symbol;
		frame.file = from->file;
		frame.line = from->line;
		frame.inlined = !last;
		if (!reader_add(reader, &frame))
			return;
		if (from->symbol)
			name_last(reader, demangle(from->symbol));
		else if (last && symbol &&
			 (!from->function ||
			  (is_internal(from->function) && !is_internal(symbol->name))))
			name_last(reader, readable(symbol->name));
	}
}

/* Code that a perf map may name: in no file, or in one that has only memory. */
static bool is_made_at_run_time(const struct process_mapping *mapping, const char *path)
{
	return (!mapping->inode && strcmp(path, "[vdso]") != 0) ||
	       strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/dev/zero", 9) == 0;
}

static void add_frame(struct symbol_reader *reader, const struct unwound_frame *from)
{
	const struct code_place *place = &from->place;
	struct stack_frame frame = {.address = from->address};
	const char *path =
		place->mapping ? process_maps_path(&reader->code.maps, place->mapping) : "";

	if (path[0] == '/' || strcmp(path, "[vdso]") == 0)
		frame.module = path;
	if (place->mapping && place->mapping->inode)
		frame.offset = place->address + !from->exact;
	if (place->file) {
		add_code(reader, place, frame);
		return;
	}
	if (!reader_add(reader, &frame) || !place->mapping)
		return;
	if (is_made_at_run_time(place->mapping, path))
		reader->wishes[reader->wish_count++].address = from->address - !from->exact;
}

/* The names from the perf map, to the frames they were wished for, which are in the same order. */
static void name_by_perf_map(struct symbol_reader *reader)
{
	size_t wish = 0;

	jit_names_find(&reader->files, reader->code.pid, reader->code.root, reader->wishes,
		       reader->wish_count);
	for (uint32_t i = 0; i < reader->count && wish < reader->wish_count; i++) {
		uint64_t wished = reader->wishes[wish].address;

		if (reader->frames[i].address - wished > 1)
			continue;
		if (reader->wishes[wish].name[0])
			reader->frames[i].function = reader->wishes[wish].name;
		wish++;
	}
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Whether a thread begins in this function. */
static bool begins_thread(const char *function)
{
	static const char *const names[] = {"_start",  "start_thread", "clone",
					    "__clone", "clone3",       "__clone3"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(function, names[i]) == 0)
			return true;
	return starts_with(function, "__libc_start_main") ||
	       starts_with(function, "__libc_start_call_main") ||
	       starts_with(function, "runtime.goexit");
}

/* The C library calls main() in a function that has no name where its symbols are stripped. */
static bool begins_main(const struct stack_frame *last, const struct stack_frame *before)
{
	const char *name = last->module ? strrchr(last->module, '/') : NULL;

	return !last->function && name && before->function &&
	       strcmp(before->function, "main") == 0 &&
	       (starts_with(name, "/libc.so") || starts_with(name, "/libc-"));
}

static enum stack_end end_of(const struct symbol_reader *reader)
{
	const struct stack_frame *last = reader->frames + reader->count - 1;
	bool read = false;

	for (uint32_t i = 0; i < reader->unwound.count; i++)
		read |= reader->unwound.frames[i].place.file != NULL;
	if (!read && reader->code.refused)
		return STACK_UNREADABLE;
	if (reader->cut)
		return STACK_DEEP;
	if (reader->unwound.end == UNWOUND_WHOLE ||
	    (reader->count && last->function && begins_thread(last->function)) ||
	    (reader->count > 1 && begins_main(last, last - 1)))
		return STACK_WHOLE;
	return reader->unwound.end == UNWOUND_CUT ? STACK_DEEP : STACK_NO_FRAME_POINTERS;
}

/* What can be said without the process: the addresses. */
static enum stack_end add_addresses(struct symbol_reader *reader, const struct raw_stack *raw,
				    int error)
{
	for (uint32_t i = 0; i < raw->chain_count; i++)
		reader_add(reader, &(struct stack_frame){.address = raw->chain[i]});
	if (!raw->chain_count && raw->ip)
		reader_add(reader, &(struct stack_frame){.address = raw->ip});
	return error == -ESRCH ? STACK_PROCESS_GONE : STACK_UNREADABLE;
}

static enum stack_end look_at(struct symbol_reader *reader, const struct raw_stack *raw)
{
	int error = process_code_enter(&reader->code, raw->pid);

	if (error)
		return add_addresses(reader, raw, error);
	unwind(&reader->code, raw, &reader->unwound);
	for (uint32_t i = 0; i < reader->unwound.count; i++)
		add_frame(reader, &reader->unwound.frames[i]);
	name_by_perf_map(reader);
	return end_of(reader);
}

static void forget_files(struct symbol_reader *reader)
{
	process_code_sweep(&reader->code, true);
	malloc_trim(0);
}

static bool answer(struct symbol_reader *reader, const void *question, size_t size)
{
	struct buffer out;
	struct raw_stack raw;
	struct stack stack = {.frames = reader->frames};
	uint64_t id;
	ssize_t sent = -1;

	if (!symbol_question_parse(question, size, &id, &raw))
		return false;
	buffer_init(&out);
	stack.end = look_at(reader, &raw);
	stack.count = reader->count;
	symbol_answer_pack(&out, id, &stack);
	if (!out.failed)
		do
			sent = send(reader->socket, out.data, out.length, MSG_NOSIGNAL);
		while (sent < 0 && errno == EINTR);
	buffer_done(&out);
	reader_clear(reader);
	process_code_leave(&reader->code);
	process_code_sweep(&reader->code, false);
	if (memory_used(&reader->files) > reader->first_memory + MEMORY_LIMIT)
		forget_files(reader);
	return sent >= 0;
}

void symbol_reader_run(int socket)
{
	const struct timeval idle = {.tv_sec = IDLE_SECONDS};
	struct symbol_reader *reader = calloc(1, sizeof(*reader));
	void *question = malloc(SYMBOL_MESSAGE);

	if (!reader || !question || safe_files_open(&reader->files) < 0)
		goto out;
	reader->socket = socket;
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	safe_files_confine();
	privileges_keep(privileges_available(privileges_held(),
					     PRIVILEGE(SYS_PTRACE) | PRIVILEGE(DAC_READ_SEARCH) |
						     PRIVILEGE(CHECKPOINT_RESTORE)));
	syscall_filter_apply(SYSCALL_FILTER_SYMBOLS);
	process_code_init(&reader->code, &reader->files);
	reader->first_memory = memory_used(&reader->files);
	for (;;) {
		ssize_t length = recv(socket, question, SYMBOL_MESSAGE, 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN) {
			forget_files(reader);
			continue;
		}
		if (length <= 0 || !answer(reader, question, (size_t)length))
			break;
	}
	process_code_done(&reader->code);
	safe_files_close(&reader->files);
out:
	free(question);
	free(reader);
}

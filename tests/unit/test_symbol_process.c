// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The symbolizer when what it reads lies, and when its reading process dies or hangs. It is asked
 * for code of this very process. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/clock.h"
#include "symbols/symbolizer.h"

#define SECOND UINT64_C(1000000000)
#define PATIENCE (20 * SECOND)
#define SEEDS 400

/* An ELF file with what its readers go by changed, or the end cut off. */
static void spoil(unsigned char *bytes, size_t *size, unsigned int seed)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
	size_t sections = header->e_shoff, count = header->e_shnum;
	unsigned int changes = seed % 7 + 1;

	srandom(seed);
	if (seed % 16 == 0) {
		*size = (size_t)random() % *size;
		return;
	}
	for (unsigned int i = 0; i < changes; i++) {
		const Elf64_Shdr *section =
			(const Elf64_Shdr *)(bytes + sections) + (size_t)random() % count;
		size_t at = 16 + (size_t)random() % 600; /* ELF and program headers */

		if (seed % 4 == 1)
			at = sections + (size_t)random() % (count * sizeof(*section));
		else if (seed % 4 > 1 && section->sh_type != SHT_NOBITS && section->sh_size)
			at = section->sh_offset + (size_t)random() % section->sh_size;
		if (at < *size)
			bytes[at] = (unsigned char)random();
	}
}

static void *map_spoilt(const unsigned char *good, size_t size, unsigned int seed)
{
	unsigned char *bytes = memcpy(malloc(size), good, size);
	int file = memfd_create("spoilt", MFD_CLOEXEC);
	void *mapped;

	spoil(bytes, &size, seed);
	assert_int_equal(write(file, bytes, size), size);
	mapped = mmap(NULL, size + !size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	close(file);
	free(bytes);
	return mapped;
}

/* Asks for code in this process: in each of many files that lie. */
static void files_that_lie(void **state)
{
	struct symbolizer *own = symbolizer_new();
	const struct stack *stacks[SEEDS];
	uint64_t begin = clock_boot(), lies = 0;
	unsigned char good[65536];
	const char *build = getenv("BUILD");
	char path[PATH_MAX];
	ssize_t size;
	uint64_t entry;
	int file;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/workload/stack-inlined", build ? build : "build");
	file = open(path, O_RDONLY);
	size = read(file, good, sizeof(good));
	close(file);
	assert_true(size > 0 && size < (ssize_t)sizeof(good));
	entry = ((const Elf64_Ehdr *)good)->e_entry;
	for (unsigned int seed = 0; seed < SEEDS; seed++) {
		uint64_t mapped = (uint64_t)(uintptr_t)map_spoilt(good, (size_t)size, seed);
		uint64_t stack[64], chain[] = {mapped + entry + 2, mapped + entry + 0x110};

		for (int i = 0; i < 64; i++)
			stack[i] = mapped + entry + 0x110 + (uint64_t)i;
		stacks[seed] = symbolizer_ask(own, &(struct raw_stack){.key = seed,
								       .pid = (uint32_t)getpid(),
								       .ip = chain[1],
								       .sp = 0x7000,
								       .fp = 0x7010,
								       .chain = chain,
								       .chain_count = 2,
								       .chain_limit = 9,
								       .copy = stack,
								       .copied = sizeof(stack)});
	}
	symbolizer_wait(own, clock_boot() + 4 * PATIENCE);
	for (unsigned int seed = 0; seed < SEEDS; seed++) {
		assert_int_not_equal(stacks[seed]->end, STACK_PENDING);
		lies += stacks[seed]->end == STACK_UNREADABLE;
	}
	print_message("%d files in %lu ms, %lu of them unreadable\n", SEEDS,
		      (unsigned long)((clock_boot() - begin) / 1000000), (unsigned long)lies);
	symbolizer_free(own);
}

/* The reading process of a symbolizer that was asked: our youngest child of its name. */
static pid_t reader_of(struct symbolizer *asked)
{
	char path[64];
	FILE *children;
	pid_t pid, found = 0;

	assert_true(symbolizer_descriptor(asked) >= 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	children = fopen(path, "r");
	if (!children) {
		print_message("needs /proc/PID/task/TID/children: skipped\n");
		skip();
	}
	while (fscanf(children, "%d", &pid) == 1)
		found = pid;
	fclose(children);
	assert_true(found > 0);
	return found;
}

/* A question about ourselves that names no register. */
static const struct stack *ask_own(struct symbolizer *asked, uint64_t key)
{
	static uint64_t chain[1];

	chain[0] = (uint64_t)(uintptr_t)ask_own;
	return symbolizer_ask(asked, &(struct raw_stack){.key = key,
							 .pid = (uint32_t)getpid(),
							 .chain = chain,
							 .chain_count = 1,
							 .chain_limit = 9});
}

static void the_reading_process_has_little(void **state)
{
	struct symbolizer *own = symbolizer_new();
	char path[64], root[PATH_MAX] = "", byte;
	int inherited[2];
	pid_t reader;

	(void)state;
	assert_int_equal(pipe(inherited), 0);
	ask_own(own, 1);
	symbolizer_wait(own, clock_boot() + PATIENCE);
	reader = reader_of(own);
	close(inherited[1]);
	assert_int_equal(read(inherited[0], &byte, 1), 0); /* nobody else has the other end */
	close(inherited[0]);
	snprintf(path, sizeof(path), "/proc/%d/root", reader);
	if (geteuid() == 0) {
		assert_true(readlink(path, root, sizeof(root) - 1) > 0);
		assert_non_null(strstr(root, "/fdinfo"));
	}
	symbolizer_free(own);
	assert_int_equal(kill(reader, 0), -1);
}

static void a_reading_process_that_dies(void **state)
{
	struct symbolizer *own = symbolizer_new();
	const struct stack *first, *second, *third;
	struct pollfd answer;
	pid_t reader;

	(void)state;
	assert_int_equal(symbolizer_descriptor(own), -1);
	first = ask_own(own, 1);
	assert_int_equal(first->end, STACK_PENDING);
	answer = (struct pollfd){.fd = symbolizer_descriptor(own), .events = POLLIN};
	assert_int_equal(poll(&answer, 1, 20000), 1);
	assert_true(symbolizer_take(own));
	assert_int_equal(first->count, 1);
	assert_string_equal(first->frames[0].function, "ask_own");
	assert_int_equal(symbolizer_deadline(own), UINT64_MAX);

	reader = reader_of(own);
	kill(reader, SIGINT); /* Ctrl-C is for us, */
	kill(reader, SIGTERM);
	kill(reader, SIGSTOP); /* and so it cannot answer before it dies */
	second = ask_own(own, 2);
	third = ask_own(own, 3);
	assert_ptr_equal(ask_own(own, 2), second);
	assert_int_equal(kill(reader, SIGKILL), 0);
	symbolizer_wait(own, clock_boot() + PATIENCE);
	assert_int_equal(second->end, STACK_UNREADABLE);
	assert_int_equal(second->count, 1);
	assert_int_equal(second->frames[0].address, (uint64_t)(uintptr_t)ask_own);
	assert_string_equal(third->frames[0].function, "ask_own");
	assert_true(reader_of(own) != reader);

	/* Without a question that it dies of, nothing is lost. */
	kill(reader_of(own), SIGKILL);
	assert_int_equal(poll(&answer, 1, 20000), 1);
	assert_false(symbolizer_take(own));
	first = ask_own(own, 4);
	symbolizer_wait(own, clock_boot() + PATIENCE);
	assert_string_equal(first->frames[0].function, "ask_own");
	symbolizer_free(own);
}

static void a_reading_process_that_hangs(void **state)
{
	struct symbolizer *own = symbolizer_new();
	struct pollfd late = {.events = POLLIN};
	const struct stack *stack = ask_own(own, 1);
	uint64_t begin;

	(void)state;
	symbolizer_wait(own, clock_boot() + PATIENCE);
	begin = clock_boot();
	kill(reader_of(own), SIGSTOP);
	stack = ask_own(own, 2);
	assert_true(symbolizer_deadline(own) <= clock_boot() + 5 * SECOND);
	symbolizer_wait(own, clock_boot() + SECOND / 10); /* waits no longer than it may */
	assert_int_equal(stack->end, STACK_PENDING);
	late.fd = symbolizer_descriptor(own);
	assert_int_equal(poll(&late, 1, 20000), 1);
	assert_true(symbolizer_take(own));
	assert_int_equal(stack->end, STACK_UNREADABLE);
	assert_true(clock_boot() - begin >= 5 * SECOND && clock_boot() - begin < 7 * SECOND);
	stack = ask_own(own, 3);
	symbolizer_wait(own, clock_boot() + PATIENCE);
	assert_string_equal(stack->frames[0].function, "ask_own");
	symbolizer_free(own);
}

static void what_is_not_found_is_forgotten(void **state)
{
	struct symbolizer *own = symbolizer_new();
	uint32_t pid = (uint32_t)getpid();
	const struct stack *kept;

	(void)state;
	assert_null(symbolizer_find(own, pid, 1));
	symbolizer_sweep(own, 0);
	for (uint64_t key = 1; key <= 10; key++)
		ask_own(own, key);
	symbolizer_sweep(own, 0); /* they were asked, and are waited for */
	symbolizer_wait(own, clock_boot() + PATIENCE);
	symbolizer_sweep(own, 10);
	kept = symbolizer_find(own, pid, 7);
	assert_non_null(kept);
	symbolizer_sweep(own, 9);
	assert_ptr_equal(symbolizer_find(own, pid, 7), kept);
	assert_null(symbolizer_find(own, pid, 6));
	assert_null(symbolizer_find(own, pid + 1, 7));
	symbolizer_free(own);
}

/* No process is left, not even a dead one. */
static int end_all(void **state)
{
	(void)state;
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_lie),
		cmocka_unit_test(the_reading_process_has_little),
		cmocka_unit_test(a_reading_process_that_dies),
		cmocka_unit_test(a_reading_process_that_hangs),
		cmocka_unit_test(what_is_not_found_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, end_all);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* User stacks to names: real ones, of tests/workload/stack.c built in many ways and stopped in
 * accept(); files that are gone or replaced; debug files and perf maps in all places. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "host/clock.h"
#include "workload_stack.h"

#define SECOND UINT64_C(1000000000)
#define PATIENCE (20 * SECOND)
#define NOBODY 65534

/* One for most tests: the C library's debug information need be read only once. */
static struct symbolizer *symbolizer;
static char builds[PATH_MAX - 64]; /* where those of the workload are */
static char folder[] = "/tmp/symbolizer-XXXXXX";

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root: skipped\n");
	skip();
}

static const char *build_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/stack-%s", builds, name);
	return path;
}

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* A command of the shell, which must succeed. */
static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[4 * PATH_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	assert_int_equal(system(command), 0);
}

/* Copies a build to the folder, under another name. */
static const char *copy_build(const char *build, const char *name)
{
	const char *to = in_folder(name);

	run("cp %s %s", build_of(build), to);
	return to;
}

static const struct stack *answer_to(struct symbolizer *asked, const struct raw_stack *raw)
{
	const struct stack *stack = symbolizer_ask(asked, raw);

	assert_non_null(stack);
	symbolizer_wait(asked, clock_boot() + PATIENCE);
	assert_int_not_equal(stack->end, STACK_PENDING);
	assert_ptr_equal(symbolizer_find(asked, raw->pid, raw->key), stack);
	return stack;
}

static struct workload_stack taken;

static pid_t start(const char *root, const char *path, const char *way)
{
	pid_t pid = workload_start(root, path, way);

	assert_true(pid > 0);
	return pid;
}

/* The stack of a workload in accept(), which is then ended. */
static const struct stack *look_at(const char *path, const char *way, uint32_t limit)
{
	pid_t pid = start(NULL, path, way);
	bool done = workload_take(&taken, pid, pid, limit);
	const struct stack *stack = done ? answer_to(symbolizer, &taken.raw) : NULL;

	workload_end(pid);
	assert_true(done);
	return stack;
}

static bool is_named(const struct stack_frame *frame, const char *function)
{
	return frame->function && strcmp(frame->function, function) == 0;
}

/* The first frame of a function; it must be there. */
static const struct stack_frame *frame_of(const struct stack *stack, const char *function)
{
	for (uint32_t i = 0; i < stack->count; i++)
		if (is_named(&stack->frames[i], function))
			return &stack->frames[i];
	fail_msg("no frame of %s among %u, end %d", function, stack->count, stack->end);
	return NULL;
}

/* These functions call each other, from one frame to the next. */
static void expect_calls(const struct stack *stack, const char *const *functions)
{
	const struct stack_frame *frame = frame_of(stack, functions[0]);

	for (int i = 0; functions[i]; i++, frame++) {
		assert_true(frame < stack->frames + stack->count);
		assert_non_null(frame->function);
		assert_string_equal(frame->function, functions[i]);
	}
}

static const char *const ways_in[] = {"take_connection", "handle", "serve", "main", NULL};

/* The line of the workload's source with that comment. */
static uint32_t line_with(const char *comment)
{
	FILE *source = fopen("tests/workload/stack.c", "r");
	char line[256];
	uint32_t number = 0;

	assert_non_null(source);
	while (fgets(line, sizeof(line), source)) {
		number++;
		if (strstr(line, comment))
			break;
	}
	fclose(source);
	return number;
}

static void expect_line(const struct stack *stack, const char *function, const char *comment)
{
	const struct stack_frame *frame = frame_of(stack, function);
	const char *name;

	assert_non_null(frame->file);
	name = strrchr(frame->file, '/');
	assert_string_equal(name ? name + 1 : frame->file, "stack.c");
	assert_int_equal(frame->line, line_with(comment));
}

static void expect_all(const struct stack *stack)
{
	assert_int_equal(stack->end, STACK_WHOLE);
	expect_calls(stack, ways_in);
	expect_line(stack, "take_connection", "/* line of accept */");
	expect_line(stack, "handle", "/* line of take_connection */");
	expect_line(stack, "serve", "/* line of handle */");
	for (uint32_t i = 0; i < stack->count; i++)
		assert_true(stack->frames[i].address && stack->frames[i].offset);
}

static void with_frame_pointers(void **state)
{
	const struct stack *stack = look_at(build_of("framed"), "", CHAIN_LIMIT);

	(void)state;
	expect_all(stack);
	assert_string_equal(frame_of(stack, "main")->module, build_of("framed"));
	assert_string_equal(stack->frames[0].function, "accept");
	assert_int_equal(stack->frames[0].address, taken.raw.ip);
}

/* Code without them, code at fixed addresses, and all of the C library in it. */
static void in_other_builds(void **state)
{
	(void)state;
	expect_all(look_at(build_of("frameless"), "", CHAIN_LIMIT));
	expect_all(look_at(build_of("fixed"), "", CHAIN_LIMIT));
	expect_all(look_at(build_of("static"), "", CHAIN_LIMIT));
}

static void what_is_inlined_is_a_frame(void **state)
{
	const struct stack *stack = look_at(build_of("inlined"), "", CHAIN_LIMIT);
	const struct stack_frame *frame = frame_of(stack, "take_connection");

	(void)state;
	expect_all(stack);
	assert_true(frame[0].inlined && frame[1].inlined && !frame[2].inlined);
	assert_int_equal(frame[0].address, frame[2].address);
	assert_int_equal(frame[0].offset, frame[2].offset);
}

static void threads_and_libraries(void **state)
{
	const char *const calls[] = {"serve", "through_library", "main", NULL};
	const struct stack *stack = look_at(build_of("library"), "library", CHAIN_LIMIT);
	const char *module = frame_of(stack, "through_library")->module;
	DIR *threads;
	pid_t pid, thread = 0;
	char path[64];

	(void)state;
	expect_calls(stack, calls);
	assert_string_equal(strrchr(module, '/'), "/libstack.so");

	pid = start(NULL, build_of("frameless"), "thread");
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	while (thread <= pid) { /* it starts after "ready" */
		threads = opendir(path);
		for (struct dirent *entry; (entry = readdir(threads));)
			thread = atoi(entry->d_name) > thread ? atoi(entry->d_name) : thread;
		closedir(threads);
	}
	assert_true(workload_take(&taken, pid, thread, CHAIN_LIMIT));
	stack = answer_to(symbolizer, &taken.raw);
	workload_end(pid);
	frame_of(stack, "thread");
	assert_int_equal(stack->end, STACK_WHOLE);
}

/* Without registers there are only frame pointers: accept() has none, so who called it is not
 * known. */
static void the_chain_alone(void **state)
{
	const char *const calls[] = {"accept", "handle", "serve", "main", NULL};
	pid_t pid = start(NULL, build_of("framed"), "");
	const struct stack *stack;

	(void)state;
	assert_true(workload_take(&taken, pid, pid, CHAIN_LIMIT));
	taken.raw.sp = taken.raw.fp = taken.raw.ip = 0;
	taken.chain[taken.raw.chain_count++] = 0x12345; /* no code is there, */
	taken.chain[taken.raw.chain_count++] = taken.chain[1];
	stack = answer_to(symbolizer, &taken.raw);
	workload_end(pid);
	expect_calls(stack, calls);
	assert_int_equal(stack->end, STACK_WHOLE);
	assert_int_equal(stack->count, taken.raw.chain_count - 2); /* and nothing behind it */
}

static void how_far_a_stack_reaches(void **state)
{
	const struct stack *stack = look_at(build_of("framed"), "deep", 40);

	(void)state;
	assert_int_equal(stack->end, STACK_DEEP);
	expect_line(stack, "take_connection", "/* line of accept */");
	assert_true(stack->count > 40); /* accept's caller is not in the chain */

	stack = look_at(build_of("frameless"), "deep", CHAIN_LIMIT);
	assert_int_equal(stack->end, STACK_NO_FRAME_POINTERS);
	expect_line(stack, "take_connection", "/* line of accept */");
	assert_true(stack->count > 10);
}

static void without_debug_information(void **state)
{
	struct stack_frame named[16], bare;
	const struct stack *stack = look_at(build_of("symbols"), "", CHAIN_LIMIT);
	uint32_t count = stack->count;

	(void)state;
	expect_calls(stack, ways_in);
	assert_int_equal(stack->end, STACK_WHOLE);
	assert_null(frame_of(stack, "serve")->file);
	assert_int_equal(frame_of(stack, "serve")->line, 0);
	assert_true(count <= 16);
	memcpy(named, stack->frames, count * sizeof(*named));

	/* The same code without symbols: no name is better than the name of a neighbour. */
	stack = look_at(build_of("bare"), "", CHAIN_LIMIT);
	assert_int_equal(stack->count, count);
	assert_int_equal(stack->end, STACK_WHOLE);
	for (uint32_t i = 0; i < count; i++) {
		bare = stack->frames[i];
		assert_int_equal(bare.offset, named[i].offset);
		assert_non_null(bare.module);
		if (strcmp(bare.module, build_of("bare")) == 0)
			assert_null(bare.function);
	}
	assert_string_equal(stack->frames[1].module, build_of("bare"));
}

/* Path of a debug file below a root, by the build id that readelf tells. */
static void debug_path(const char *build, char path[PATH_MAX])
{
	char command[PATH_MAX + 64], id[128] = "";
	FILE *readelf;

	snprintf(command, sizeof(command), "readelf -n %s | sed -n 's/.*Build ID: //p'",
		 build_of(build));
	readelf = popen(command, "r");
	assert_non_null(fgets(id, sizeof(id), readelf));
	pclose(readelf);
	id[strcspn(id, "\n")] = '\0';
	snprintf(path, PATH_MAX, "%s/root/usr/lib/debug/.build-id/%.2s/%s.debug", folder, id,
		 id + 2);
}

static const struct stack *look_in_root(const char *path)
{
	pid_t pid = start(in_folder("root"), path, "");
	const struct stack *stack;

	assert_true(workload_take(&taken, pid, pid, CHAIN_LIMIT));
	stack = answer_to(symbolizer, &taken.raw);
	workload_end(pid);
	return stack;
}

static void debug_files_in_the_root_of_the_process(void **state)
{
	char path[PATH_MAX];

	(void)state;
	need_root();
	debug_path("split", path);
	run("mkdir -p $(dirname %s) %s/root/bin %s/root/tmp", path, folder, folder);

	/* One that belongs to another build is not taken. */
	run("cp %s %s/root/bin/one", build_of("split"), folder);
	run("cp %s %s", build_of("fixed"), path);
	assert_null(look_in_root("/bin/one")->frames[1].function);

	run("cp %s/root/bin/one %s/root/bin/two", folder, folder);
	run("cp %s.debug %s", build_of("split"), path);
	expect_all(look_in_root("/bin/two"));
	assert_non_null(strstr(frame_of(look_in_root("/bin/two"), "main")->module, "/bin/two"));
}

static void debug_files_beside_the_program(void **state)
{
	(void)state;
	run("mkdir %s/.debug && cp %s.debug %s/.debug/", folder, build_of("split"), folder);
	expect_all(look_at(copy_build("split", "linked"), "", CHAIN_LIMIT));
}

static void deleted_and_replaced_programs(void **state)
{
	const char *path = copy_build("frameless", "upgraded");
	pid_t pid = start(NULL, path, "");
	const struct stack *stack;

	(void)state;
	need_root(); /* for map_files */
	run("rm %s && cp %s %s", path, build_of("framed"), path);
	assert_true(workload_take(&taken, pid, pid, CHAIN_LIMIT));
	stack = answer_to(symbolizer, &taken.raw);
	workload_end(pid);
	expect_all(stack);
	assert_string_equal(frame_of(stack, "main")->module, path);
}

/* As somebody who may not open map_files: by the path, if the file is still the same. */
static int nobody_looks_at(const char *path, bool replace)
{
	struct symbolizer *own;
	const struct stack *stack;
	char other[PATH_MAX + 8];
	bool named = false;
	pid_t pid;

	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return -1;
	prctl(PR_SET_DUMPABLE, 1);
	pid = workload_start(NULL, path, "");
	if (pid < 0 || !workload_take(&taken, pid, pid, CHAIN_LIMIT))
		return -1;
	snprintf(other, sizeof(other), "%s-other", path);
	if (replace && rename(other, path)) /* the folder is nobody's */
		return -1;
	own = symbolizer_new();
	taken.raw.pid = 1; /* not to be looked into */
	stack = symbolizer_ask(own, &taken.raw);
	symbolizer_wait(own, clock_boot() + PATIENCE);
	if (stack->end != STACK_UNREADABLE || stack->count != taken.raw.chain_count)
		return -1;
	taken.raw.pid = (uint32_t)pid;
	stack = symbolizer_ask(own, &taken.raw);
	symbolizer_wait(own, clock_boot() + PATIENCE);
	for (uint32_t i = 0; i < stack->count; i++)
		if (stack->frames[i].module && strcmp(stack->frames[i].module, path) == 0)
			named |= stack->frames[i].function != NULL;
	symbolizer_free(own);
	workload_end(pid);
	return named;
}

static int as_nobody(const char *path, bool replace)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(nobody_looks_at(path, replace) & 0xff);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_replaced_program_is_not_taken_for_the_old_one(void **state)
{
	char path[PATH_MAX];

	(void)state;
	need_root();
	run("mkdir %s/nobody && cp %s %s/nobody/program", folder, build_of("static"), folder);
	run("cp %s/nobody/program %s/nobody/program-other", folder, folder);
	run("chmod 755 %s && chown -R %d %s/nobody", folder, NOBODY, folder);
	snprintf(path, sizeof(path), "%s/nobody/program", folder);
	assert_int_equal(as_nobody(path, false), true);
	assert_int_equal(as_nobody(path, true), false);
}

/* A workload that waits below code made at run time, and a way to ask about it again. */
struct jit {
	pid_t pid;
	char map[64];
	uint64_t code;
};

static void jit_start(struct jit *jit)
{
	const char *const calls[] = {"through_jit", "main", NULL};
	const struct stack *stack;

	jit->pid = start(NULL, build_of("frameless"), "jit");
	snprintf(jit->map, sizeof(jit->map), "/tmp/perf-%d.map", jit->pid);
	assert_true(workload_take(&taken, jit->pid, jit->pid, CHAIN_LIMIT));
	stack = answer_to(symbolizer, &taken.raw);
	expect_calls(stack, calls);
	assert_int_equal(stack->end, STACK_WHOLE);
	jit->code = frame_of(stack, "serve")[1].address;
	assert_null(frame_of(stack, "serve")[1].function);
	assert_null(frame_of(stack, "serve")[1].module);
}

static void jit_end(struct jit *jit)
{
	unlink(jit->map);
	workload_end(jit->pid);
}

static const char *jit_name(const struct jit *jit)
{
	const struct stack *stack;

	(void)jit;
	taken.raw.key += UINT64_C(1) << 32;
	stack = answer_to(symbolizer, &taken.raw);
	return frame_of(stack, "serve")[1].function;
}

static void names_from_a_perf_map(void **state)
{
	struct jit jit;
	FILE *map;

	(void)state;
	jit_start(&jit);
	map = fopen(jit.map, "w");
	fprintf(map, "%lx 100 early\n%lx 100 LazyCompile:*serve\n", (long)jit.code & ~4095,
		(long)jit.code & ~4095);
	fflush(map);
	assert_string_equal(jit_name(&jit), "LazyCompile:*serve");

	/* A long line, and a hole of 1 GB before the last one. */
	for (int i = 0; i < 10 << 20; i += 64)
		fprintf(map, "%064d", 0);
	fprintf(map, "\n%lx 100 behind a long line\n", (long)jit.code & ~4095);
	fflush(map);
	assert_string_equal(jit_name(&jit), "behind a long line");
	assert_int_equal(fseek(map, 1 << 30, SEEK_SET), 0);
	fprintf(map, "\n%lx 100 behind a hole\n", (long)jit.code & ~4095);
	fclose(map);
	assert_string_equal(jit_name(&jit), "behind a hole");
	jit_end(&jit);
}

static void perf_maps_that_are_not_believed(void **state)
{
	struct jit jit;

	(void)state;
	need_root();
	jit_start(&jit);
	run("echo %lx 100 planted >%s", (long)jit.code & ~4095, jit.map);
	assert_string_equal(jit_name(&jit), "planted"); /* as it is root's, */
	assert_int_equal(chown(jit.map, NOBODY, NOBODY), 0);
	assert_null(jit_name(&jit)); /* and now a stranger's */
	run("mv %s %s/planted && ln -s %s/planted %s", jit.map, folder, folder, jit.map);
	run("chown root %s/planted", folder);
	assert_null(jit_name(&jit));
	unlink(jit.map);
	assert_int_equal(mkfifo(jit.map, 0600), 0);
	assert_null(jit_name(&jit));
	jit_end(&jit);
}

/* In a pid namespace and a root of its own it writes perf-1.map there. */
static void a_perf_map_in_another_root(void **state)
{
	pid_t pid, inner = 0;
	char path[64];
	FILE *children;
	const struct stack *stack;

	(void)state;
	need_root();
	run("mkdir -p %s/root/bin %s/root/tmp", folder, folder);
	run("cp %s %s/root/bin/jit", build_of("static"), folder);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWPID) == 0 &&
		    workload_start(in_folder("root"), "/bin/jit", "jit") > 0)
			kill(getpid(), SIGSTOP);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	children = fopen(path, "r");
	assert_non_null(children);
	assert_int_equal(fscanf(children, "%d", &inner), 1);
	fclose(children);
	/* Not our child: tracing needs no more than that it is known. */
	assert_true(workload_take(&taken, inner, inner, CHAIN_LIMIT));
	stack = answer_to(symbolizer, &taken.raw);
	run("echo %lx 100 contained >%s/root/tmp/perf-1.map",
	    (long)frame_of(stack, "serve")[1].address & ~4095, folder);
	assert_string_equal(jit_name(NULL), "contained");
	kill(inner, SIGKILL);
	workload_end(pid);
}

static void a_process_that_is_gone(void **state)
{
	pid_t pid = start(NULL, build_of("framed"), "");
	const struct stack *stack;

	(void)state;
	assert_true(workload_take(&taken, pid, pid, CHAIN_LIMIT));
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_int_equal(answer_to(symbolizer, &taken.raw)->end, STACK_PROCESS_GONE); /* zombie */
	workload_end(pid);
	taken.raw.key += UINT64_C(1) << 32;
	stack = answer_to(symbolizer, &taken.raw);
	assert_int_equal(stack->end, STACK_PROCESS_GONE);
	assert_int_equal(stack->count, taken.raw.chain_count);
	for (uint32_t i = 0; i < stack->count; i++)
		assert_int_equal(stack->frames[i].address, taken.chain[i]);
}

/* A file whose debug information is nowhere, and a server that would be asked for it. */
static void nobody_on_the_network_is_asked(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct symbolizer *shared = symbolizer;
	char url[64];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	setenv("DEBUGINFOD_URLS", url, 1);
	symbolizer = symbolizer_new();
	look_at(copy_build("split", "alone"), "", CHAIN_LIMIT);
	assert_int_equal(accept(listener, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	symbolizer_free(symbolizer);
	symbolizer = shared;
	unsetenv("DEBUGINFOD_URLS");
	close(listener);
}

static int begin_all(void **state)
{
	const char *build = getenv("BUILD");
	char *path = realpath(build ? build : "build", NULL);

	(void)state;
	if (!path || !mkdtemp(folder))
		return -1;
	snprintf(builds, sizeof(builds), "%s/tests/workload", path);
	free(path);
	symbolizer = symbolizer_new();
	return symbolizer ? 0 : -1;
}

/* No process is left, not even a dead one. */
static int end_all(void **state)
{
	(void)state;
	symbolizer_free(symbolizer);
	run("rm -rf %s", folder);
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_frame_pointers),
		cmocka_unit_test(in_other_builds),
		cmocka_unit_test(what_is_inlined_is_a_frame),
		cmocka_unit_test(threads_and_libraries),
		cmocka_unit_test(the_chain_alone),
		cmocka_unit_test(how_far_a_stack_reaches),
		cmocka_unit_test(without_debug_information),
		cmocka_unit_test(nobody_on_the_network_is_asked),
		cmocka_unit_test(debug_files_in_the_root_of_the_process),
		cmocka_unit_test(debug_files_beside_the_program),
		cmocka_unit_test(deleted_and_replaced_programs),
		cmocka_unit_test(a_replaced_program_is_not_taken_for_the_old_one),
		cmocka_unit_test(names_from_a_perf_map),
		cmocka_unit_test(perf_maps_that_are_not_believed),
		cmocka_unit_test(a_perf_map_in_another_root),
		cmocka_unit_test(a_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}

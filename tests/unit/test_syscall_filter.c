// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What each filter lets through, refuses and ends, tried in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/syscall_filter.h"

#define NOT_FILTERED 255 /* exit status of a child where there is no seccomp */

/* What became of a call: its errno, 0, or minus the signal that ended it. */
typedef void (*call)(void);

static int outcome(call try, enum syscall_filter filter, bool twice, bool strict)
{
	pid_t child = fork();
	int status, error;

	if (child == 0) {
		unsetenv("TCPCLOSE_STRICT_FILTER");
		if (strict)
			setenv("TCPCLOSE_STRICT_FILTER", "1", 1);
		error = twice ? syscall_filter_apply(SYSCALL_FILTER_TRACE) : 0;
		if (!error)
			error = syscall_filter_apply(filter);
		if (error)
			_exit(error == -ENOSYS ? NOT_FILTERED : 254);
		errno = 0;
		try();
		_exit(errno);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	if (WEXITSTATUS(status) == NOT_FILTERED)
		skip();
	return WEXITSTATUS(status);
}

static void open_file(void)
{
	open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
}

static void allocate(void)
{
	free(malloc(1 << 22));
}

static void execute(void)
{
	execl("/bin/true", "true", NULL);
}

static void mount_something(void)
{
	mount("none", "/nowhere", "tmpfs", 0, NULL);
}

static void map_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void bpf_command(enum bpf_cmd command)
{
	union bpf_attr attributes = {};

	syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

static void load_program(void)
{
	bpf_command(BPF_PROG_LOAD);
}

static void make_map(void)
{
	bpf_command(BPF_MAP_CREATE);
}

static void look_up(void)
{
	bpf_command(BPF_MAP_LOOKUP_ELEM);
}

static void connect_out(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void ask_netlink(void)
{
	socket(AF_NETLINK, SOCK_RAW, 0);
}

static void enter_mounts(void)
{
	setns(-1, CLONE_NEWNS);
}

static void enter_network(void)
{
	setns(-1, CLONE_NEWNET);
}

static void start_process(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(0);
	if (child > 0)
		waitpid(child, &status, 0);
}

static void end_parent(void)
{
	kill(getppid(), SIGTERM);
}

static void become_somebody(void)
{
	if (setuid(0))
		return;
}

static void a_tracer_traces(void **state)
{
	static const struct {
		call try;
		int outcome;
	} cases[] = {
		{open_file, 0},
		{allocate, 0},
		{ask_netlink, 0},
		{start_process, 0},
		{enter_network, EBADF},
		{load_program, ENOSYS},
		{make_map, ENOSYS},
		{map_code, ENOSYS},
		{connect_out, ENOSYS},
		{end_parent, ENOSYS},
		{enter_mounts, ENOSYS},
		{execute, -SIGSYS},
		{mount_something, -SIGSYS},
		{become_somebody, -SIGSYS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(outcome(cases[i].try, SYSCALL_FILTER_TRACE, false, false),
				 cases[i].outcome);
	/* No map has this number, or nobody but root may ask. */
	assert_int_not_equal(outcome(look_up, SYSCALL_FILTER_TRACE, false, false), ENOSYS);
}

static void a_replay_only_reads_what_is_open(void **state)
{
	(void)state;
	assert_int_equal(outcome(allocate, SYSCALL_FILTER_REPLAY, false, false), 0);
	assert_int_equal(outcome(open_file, SYSCALL_FILTER_REPLAY, false, false), ENOSYS);
	assert_int_equal(outcome(ask_netlink, SYSCALL_FILTER_REPLAY, false, false), ENOSYS);
	assert_int_equal(outcome(start_process, SYSCALL_FILTER_REPLAY, false, false), ENOSYS);
	assert_int_equal(outcome(execute, SYSCALL_FILTER_REPLAY, false, false), -SIGSYS);
}

/* Within the filter of the process that started it. */
static void a_reader_of_symbols_reads_files(void **state)
{
	(void)state;
	assert_int_equal(outcome(open_file, SYSCALL_FILTER_SYMBOLS, true, false), 0);
	assert_int_equal(outcome(look_up, SYSCALL_FILTER_SYMBOLS, true, false), ENOSYS);
	assert_int_equal(outcome(ask_netlink, SYSCALL_FILTER_SYMBOLS, true, false), ENOSYS);
	assert_int_equal(outcome(enter_network, SYSCALL_FILTER_SYMBOLS, true, false), ENOSYS);
	assert_int_equal(outcome(start_process, SYSCALL_FILTER_SYMBOLS, true, false), ENOSYS);
	assert_int_equal(outcome(execute, SYSCALL_FILTER_SYMBOLS, true, false), -SIGSYS);
}

static void strictly_nothing_is_forgotten(void **state)
{
	(void)state;
	assert_int_equal(outcome(open_file, SYSCALL_FILTER_TRACE, false, true), 0);
	assert_int_equal(outcome(start_process, SYSCALL_FILTER_TRACE, false, true), 0);
	assert_int_equal(outcome(connect_out, SYSCALL_FILTER_TRACE, false, true), -SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tracer_traces),
		cmocka_unit_test(a_replay_only_reads_what_is_open),
		cmocka_unit_test(a_reader_of_symbols_reads_files),
		cmocka_unit_test(strictly_nothing_is_forgotten),
	};

	return cmocka_run_group_tests_name("syscall_filter", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Who holds sockets, against this very machine: our own processes, and what they do to be hard to
 * see. Needs no privilege; what needs root (a pid namespace) is skipped without it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "descriptors.h"
#include "kernel/features.h"
#include "kernel/task_files_probe.h"
#include "owner/holdings.h"
#include "owner/memberships.h"

static struct holdings *holdings;
static struct task_files_probe *probe; /* NULL: no list is used */
static bool fails;
static unsigned int lists_opened;

static int open_list(void *context)
{
	lists_opened++;
	return fails ? -EPERM : task_files_probe_list(context);
}

static int set_up(void **state)
{
	(void)state;
	holdings = holdings_new();
	return holdings ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	holdings_free(holdings);
	return 0;
}

/* The same by the kernel's list. */
static int set_up_listed(void **state)
{
	const struct descriptors_list list = {open_list, probe};

	lists_opened = 0;
	fails = false;
	if (set_up(state))
		return -1;
	holdings_set_list(holdings, &list);
	return 0;
}

static int tear_down_listed(void **state)
{
	/* Else the walk would pass for it. */
	return tear_down(state) || !lists_opened;
}

static uint64_t inode_of(int descriptor)
{
	struct stat status;

	assert_int_equal(fstat(descriptor, &status), 0);
	return status.st_ino;
}

static int open_socket(void)
{
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(descriptor >= 0);
	return descriptor;
}

static const struct holding *scan_for(uint64_t inode, size_t *count)
{
	assert_int_equal(holdings_scan(holdings, &inode, 1), 0);
	return holdings_of(holdings, inode, count);
}

/* A child that says when it is ready by end of file and goes when we end. */
struct child {
	pid_t pid;
	int ready;
	int stay;
};

static bool begin_child(struct child *child, unsigned long flags)
{
	int ready[2], stay[2];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(stay, O_CLOEXEC), 0);
	child->pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	assert_true(child->pid >= 0);
	child->ready = ready[child->pid ? 0 : 1];
	child->stay = stay[child->pid ? 1 : 0];
	close(ready[child->pid ? 1 : 0]);
	close(stay[child->pid ? 0 : 1]);
	return child->pid == 0;
}

_Noreturn static void stay(const struct child *child)
{
	char byte;

	close(child->ready);
	_exit(read(child->stay, &byte, 1) == 0 ? 0 : 1);
}

static void await_child(const struct child *child)
{
	char byte;

	assert_int_equal(read(child->ready, &byte, 1), 0);
}

static void end_child(const struct child *child)
{
	int status;

	close(child->ready);
	close(child->stay);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_int_equal(status, 0);
}

static void our_own_descriptors(void **state)
{
	int descriptor = open_socket(), other = open_socket();
	uint64_t inodes[] = {0, inode_of(other), inode_of(descriptor), 0, inode_of(other)};
	int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 200);
	const struct holding *found;
	size_t count;

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, "two hands"), 0);
	assert_int_equal(holdings_scan(holdings, inodes, 5), 0);
	found = holdings_of(holdings, inodes[2], &count);
	assert_int_equal(count, 2); /* of one process, both descriptors, in order */
	assert_int_equal(found[0].inode, inodes[2]);
	assert_int_equal(found[0].descriptor, descriptor);
	assert_int_equal(found[1].descriptor, copy);
	assert_ptr_equal(found[0].process, found[1].process);
	assert_int_equal(found[0].process->pid, getpid());
	assert_string_equal(found[0].process->comm, "two hands");
	assert_false(found[0].process->foreign);
	assert_false(found[0].process->stopped);

	/* Asked for twice it is found once; zero is nobody's. */
	found = holdings_of(holdings, inodes[1], &count);
	assert_int_equal(count, 1);
	assert_int_equal(found[0].descriptor, other);
	assert_null(holdings_of(holdings, 0, &count));
	assert_int_equal(count, 0);
	assert_true(holdings_cost(holdings) > 0);
	assert_int_equal(holdings_dropped(holdings), 0);

	/* What is not asked for is not found; what was is forgotten. */
	assert_int_equal(holdings_scan(holdings, inodes, 2), 0);
	assert_null(holdings_of(holdings, inodes[2], &count));
	assert_int_equal(holdings_scan(holdings, NULL, 0), 0);
	assert_null(holdings_of(holdings, inodes[1], &count));
	close(descriptor);
	close(other);
	close(copy);
}

static void count_call(void *context)
{
	(*(unsigned int *)context)++;
}

static void progress_is_told_in_every_scan(void **state)
{
	int descriptor = open_socket();
	unsigned int calls = 0;
	size_t count;

	(void)state;
	holdings_set_progress(holdings, count_call, &calls);
	for (int i = 0; i < 3; i++) {
		calls = 0;
		assert_non_null(scan_for(inode_of(descriptor), &count));
		assert_true(calls);
	}
	close(descriptor);
}

/* Where the list cannot be opened, /proc is walked. */
static void no_list_to_be_had(void **state)
{
	int descriptor = open_socket();
	size_t count;

	(void)state;
	fails = true;
	assert_non_null(scan_for(inode_of(descriptor), &count));
	assert_int_equal(count, 1);
	close(descriptor);
}

static void nothing_before_a_scan(void **state)
{
	size_t count = 1;

	(void)state;
	assert_null(holdings_of(holdings, 1, &count));
	assert_int_equal(count, 0);
	holdings_free(NULL);
}

static void nobody_holds_what_is_closed(void **state)
{
	int descriptor = open_socket();
	uint64_t inode = inode_of(descriptor);
	size_t count;

	(void)state;
	assert_non_null(scan_for(inode, &count));
	close(descriptor);
	assert_null(scan_for(inode, &count));
	assert_int_equal(count, 0);
}

static void a_child_inherits(void **state)
{
	int descriptor = open_socket();
	const struct holding *found;
	struct child child;
	size_t count;

	(void)state;
	if (begin_child(&child, 0))
		stay(&child);
	await_child(&child);
	found = scan_for(inode_of(descriptor), &count);
	assert_int_equal(count, 2);
	assert_int_equal(found[0].descriptor, descriptor);
	assert_int_equal(found[1].descriptor, descriptor);
	assert_true(found[0].process->pid < found[1].process->pid);
	assert_int_equal(found[0].process->pid + found[1].process->pid, getpid() + child.pid);
	if (found[0].process->cgroup) {
		assert_int_equal(found[0].process->cgroup[0], '/');
		assert_ptr_equal(found[0].process->cgroup, found[1].process->cgroup);
	}
	end_child(&child);
	close(descriptor);
}

static void pass(int through, int descriptor)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec piece = {&byte, 1};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
	assert_int_equal(sendmsg(through, &message, 0), 1);
}

static bool receive(int through)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec piece = {&byte, 1};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};

	return recvmsg(through, &message, 0) == 1 && CMSG_FIRSTHDR(&message);
}

static void a_descriptor_passed_on(void **state)
{
	const struct holding *found;
	int pair[2], descriptor;
	struct child child;
	uint64_t inode;
	size_t count;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if (begin_child(&child, 0)) {
		close(pair[0]);
		if (!receive(pair[1]))
			_exit(1);
		stay(&child);
	}
	descriptor = open_socket();
	inode = inode_of(descriptor);
	pass(pair[0], descriptor);
	close(descriptor);
	await_child(&child);
	found = scan_for(inode, &count);
	assert_int_equal(count, 1);
	assert_int_equal(found[0].process->pid, child.pid);
	end_child(&child);
	close(pair[0]);
	close(pair[1]);
}

/* The kernel keeps it in the queue; no process has it. */
static void a_descriptor_in_flight(void **state)
{
	int pair[2], descriptor = open_socket();
	uint64_t inode = inode_of(descriptor);
	size_t count;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pass(pair[0], descriptor);
	close(descriptor);
	assert_null(scan_for(inode, &count));
	assert_true(receive(pair[1]));
	assert_non_null(scan_for(inode, &count));
	assert_int_equal(count, 1);
	close(holdings_of(holdings, inode, &count)->descriptor);
	close(pair[0]);
	close(pair[1]);
}

static void a_foreign_pid_namespace(void **state)
{
	int descriptor = open_socket();
	const struct holding *found;
	struct child child;
	size_t count;

	(void)state;
	if (geteuid()) {
		close(descriptor);
		print_message("a pid namespace needs root: skipped\n");
		skip();
	}
	if (begin_child(&child, CLONE_NEWPID))
		stay(&child);
	await_child(&child);
	found = scan_for(inode_of(descriptor), &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(found[i].process->foreign,
				 found[i].process->pid == (uint32_t)child.pid);
	end_child(&child);
	close(descriptor);
}

static void a_stopped_process(void **state)
{
	int status, descriptor = open_socket();
	const struct holding *found;
	struct child child;
	size_t count;

	(void)state;
	if (begin_child(&child, 0)) {
		prctl(PR_SET_NAME, "a) R (b) S 1");
		stay(&child);
	}
	await_child(&child);
	kill(child.pid, SIGSTOP);
	assert_int_equal(waitpid(child.pid, &status, WUNTRACED), child.pid);
	assert_true(WIFSTOPPED(status));
	found = scan_for(inode_of(descriptor), &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(found[i].process->stopped,
				 found[i].process->pid == (uint32_t)child.pid);
	kill(child.pid, SIGCONT);
	end_child(&child);
	close(descriptor);
}

static void a_running_one_called_stopped(void **state)
{
	int descriptor = open_socket();
	size_t count;

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, "x) T 1 (y"), 0);
	assert_false(scan_for(inode_of(descriptor), &count)->process->stopped);
	close(descriptor);
}

static void names_are_bytes(void **state)
{
	static const char *const names[] = {
		"\033[31m\nred\n", "\n", "\n\n\n", "", "fifteen bytes\n\n", "\xff\xfe\x01 \\n"};
	int descriptor = open_socket();
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		assert_string_equal(scan_for(inode_of(descriptor), &count)->process->comm,
				    names[i]);
	}
	close(descriptor);
}

static void a_zombie_holds_nothing(void **state)
{
	int descriptor = open_socket();
	struct child child;
	siginfo_t info;
	size_t count;

	(void)state;
	if (begin_child(&child, 0))
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(scan_for(inode_of(descriptor), &count)->process->pid, getpid());
	assert_int_equal(count, 1);
	end_child(&child);
	close(descriptor);
}

static void *stay_as_thread(void *context)
{
	struct child *child = context;

	/* The first thread has ended when it can be joined no more: its state is Z then. */
	for (char line[256] = ""; !strstr(line, ") Z ");) {
		FILE *file = fopen("/proc/self/stat", "r");

		if (!file || !fgets(line, sizeof(line), file))
			_exit(1);
		fclose(file);
		sched_yield();
	}
	stay(child);
}

static void the_first_thread_may_have_ended(void **state)
{
	int descriptor = open_socket();
	const struct holding *found;
	struct child child;
	pthread_t thread;
	size_t count;

	(void)state;
	if (begin_child(&child, 0)) {
		if (pthread_create(&thread, NULL, stay_as_thread, &child))
			_exit(1);
		syscall(SYS_exit, 0);
	}
	await_child(&child);
	found = scan_for(inode_of(descriptor), &count);
	assert_int_equal(count, 2);
	assert_int_equal(found[0].process->pid + found[1].process->pid, getpid() + child.pid);
	end_child(&child);
	close(descriptor);
}

static void a_table_that_processes_share(void **state)
{
	int descriptor = open_socket();
	const struct holding *found;
	size_t count;
	pid_t child;

	(void)state;
	child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0)
		for (;;)
			pause();
	found = scan_for(inode_of(descriptor), &count);
	assert_int_equal(count, 2);
	assert_int_equal(found[0].process->pid + found[1].process->pid, getpid() + child);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(descriptor);
}

static void *wait_as_thread(void *context)
{
	(void)context;
	for (;;)
		pause();
	return NULL;
}

static void *leave_table(void *context)
{
	const struct child *child = context;
	uint64_t inode;

	if (unshare(CLONE_FILES))
		_exit(1);
	inode = inode_of(open_socket());
	if (write(child->ready, &inode, sizeof(inode)) != sizeof(inode))
		_exit(1);
	stay(child);
}

/* What threads share is told of once; what one alone has is not. */
static void a_table_of_one_thread(void **state)
{
	int descriptor = open_socket();
	struct child child;
	pthread_t thread;
	uint64_t own;
	size_t count;

	(void)state;
	if (begin_child(&child, 0)) {
		for (int i = 0; i < 4; i++)
			if (pthread_create(&thread, NULL, wait_as_thread, NULL))
				_exit(1);
		if (pthread_create(&thread, NULL, leave_table, &child))
			_exit(1);
		wait_as_thread(NULL);
	}
	assert_int_equal(read(child.ready, &own, sizeof(own)), sizeof(own));
	scan_for(inode_of(descriptor), &count);
	assert_int_equal(count, 2);
	assert_null(scan_for(own, &count));
	end_child(&child);
	close(descriptor);
}

#define MANY 800
#define SHARING 4

/* More of them than one reading of the list has room for. */
static void many_descriptors(void **state)
{
	struct child children[SHARING];
	uint64_t inodes[MANY];
	int descriptors[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++)
		inodes[i] = inode_of(descriptors[i] = open_socket());
	for (int i = 0; i < SHARING; i++) {
		if (begin_child(&children[i], 0))
			stay(&children[i]);
		await_child(&children[i]);
	}
	assert_int_equal(holdings_scan(holdings, inodes, MANY), 0);
	for (int i = 0; i < MANY; i++) {
		const struct holding *found;
		size_t count;

		found = holdings_of(holdings, inodes[i], &count);
		assert_int_equal(count, 1 + SHARING);
		for (size_t k = 0; k < count; k++)
			assert_int_equal(found[k].descriptor, descriptors[i]);
		close(descriptors[i]);
	}
	/* A later one has the pipes of those before it. */
	for (int i = SHARING - 1; i >= 0; i--)
		end_child(&children[i]);
}

/* Children that hold the sockets and go at once, all the time. */
static void fork_without_end(const struct child *child)
{
	close(child->ready);
	while (fcntl(child->stay, F_SETFL, O_NONBLOCK) == 0) {
		char byte;

		if (read(child->stay, &byte, 1) == 0)
			_exit(0);
		for (int i = 0; i < 16; i++)
			if (fork() == 0)
				_exit(0);
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
	_exit(1);
}

static void processes_that_come_and_go(void **state)
{
	int descriptors[32], before = open_descriptors();
	uint64_t inodes[32];
	struct child child;

	(void)state;
	for (int i = 0; i < 32; i++)
		inodes[i] = inode_of(descriptors[i] = open_socket());
	if (begin_child(&child, 0))
		fork_without_end(&child);
	await_child(&child);
	for (int round = 0; round < 20; round++) {
		assert_int_equal(holdings_scan(holdings, inodes, 32), 0);
		for (int i = 0; i < 32; i++) {
			size_t count, ours = 0;
			const struct holding *found = holdings_of(holdings, inodes[i], &count);

			assert_true(count >= 2); /* we and the parent of them */
			for (size_t k = 0; k < count; k++) {
				assert_int_equal(found[k].inode, inodes[i]);
				assert_int_equal(found[k].descriptor, descriptors[i]);
				assert_true(!k ||
					    found[k - 1].process->pid < found[k].process->pid);
				ours += found[k].process->pid == (uint32_t)getpid();
			}
			assert_int_equal(ours, 1);
		}
	}
	end_child(&child);
	for (int i = 0; i < 32; i++)
		close(descriptors[i]);
	assert_int_equal(open_descriptors(), before);
}

/* To find nobody for want of a descriptor would be a wrong answer. */
static void without_descriptors_it_is_an_error(void **state)
{
	int descriptor = open_socket();
	uint64_t inode = inode_of(descriptor);
	struct rlimit old, low;
	size_t count;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	for (rlim_t room = 0; room < 3; room++) { /* /proc, a process, its files */
		low.rlim_cur = (rlim_t)descriptor + 1 + room;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		assert_int_equal(holdings_scan(holdings, &inode, 1), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_null(holdings_of(holdings, inode, &count));
	}
	close(descriptor);
}

/* What is not ours to see: root's processes, for one who is not. */
static void a_scan_goes_on_where_it_is_refused(void **state)
{
	struct child child;
	int status;

	(void)state;
	if (geteuid()) {
		print_message("to be refused what is root's needs root: skipped\n");
		skip();
	}
	child.pid = fork();
	if (child.pid == 0) {
		uint64_t inode = 1;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		_exit(holdings_scan(holdings, &inode, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	assert_int_equal(status, 0);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void the_line_that_tells_the_most(void **state)
{
	static const char *const cases[][2] = {
		{"0::/system.slice/nginx.service\n", "/system.slice/nginx.service"},
		{"0::/\n", "/"},
		{"12:cpu,cpuacct:/docker/" ID "\n1:name=systemd:/docker/" ID "/a\n0::/\n",
		 "/docker/" ID "/a"},
		{"1:name=systemd:/a\n0::/b\n", "/b"},
		{"4:memory:/x\n3:pids:/docker/" ID "\n2:cpu:/docker/" ID "/b\n"
		 "1:name=systemd:/\n0::/\n",
		 "/docker/" ID},
		{"4:memory:/x\n1:name=systemd:/\n", "/"},
		{"4:memory:/x\n", NULL},
		{"0::/kubepods-pod1.slice:cri-containerd:" ID "\n",
		 "/kubepods-pod1.slice:cri-containerd:" ID},
		{"0::/\033[31m", "/\033[31m"},
		{"0:", NULL},
		{"0", NULL},
		{"::\n:\n\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *lines = strdup(cases[i][0]);
		const char *path = memberships_choose(lines);

		if (cases[i][1])
			assert_string_equal(path, cases[i][1]);
		else
			assert_null(path);
		free(lines);
	}
}

static void a_path_may_be_too_long(void **state)
{
	char *lines = malloc(3 + 4096 + 1);

	(void)state;
	memset(lines, 'x', 3 + 4096);
	memcpy(lines, "0::/", 4);
	lines[3 + 4096] = '\0';
	assert_null(memberships_choose(lines));
	memset(lines, 'x', 3 + 4095);
	memcpy(lines, "0::/", 4);
	lines[3 + 4095] = '\0';
	assert_non_null(memberships_choose(lines));
	free(lines);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define LISTED(function)                                                                           \
	{                                                                                          \
		"listed: " #function, function, set_up_listed, tear_down_listed, NULL              \
	}

static bool can_list(void)
{
	struct features features;
	struct buffer why;

	features_detect(&features, 0);
	if (!features.has[FEATURE_TASK_FILES]) {
		print_message("the kernel's list is not to be had: %s: skipped\n",
			      features.reason[FEATURE_TASK_FILES]);
		return false;
	}
	buffer_init(&why);
	if (task_files_probe_open(&probe, &why))
		print_error("%.*s\n", (int)why.length, why.data);
	buffer_done(&why);
	return true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(our_own_descriptors),
		TEST(progress_is_told_in_every_scan),
		TEST(nothing_before_a_scan),
		TEST(nobody_holds_what_is_closed),
		TEST(a_child_inherits),
		TEST(a_descriptor_passed_on),
		TEST(a_descriptor_in_flight),
		TEST(a_foreign_pid_namespace),
		TEST(a_stopped_process),
		TEST(a_running_one_called_stopped),
		TEST(names_are_bytes),
		TEST(a_zombie_holds_nothing),
		TEST(the_first_thread_may_have_ended),
		TEST(a_table_that_processes_share),
		TEST(a_table_of_one_thread),
		TEST(many_descriptors),
		TEST(processes_that_come_and_go),
		TEST(without_descriptors_it_is_an_error),
		TEST(a_scan_goes_on_where_it_is_refused),
		cmocka_unit_test(the_line_that_tells_the_most),
		cmocka_unit_test(a_path_may_be_too_long),
	};
	const struct CMUnitTest listed[] = {
		LISTED(our_own_descriptors),
		LISTED(progress_is_told_in_every_scan),
		LISTED(no_list_to_be_had),
		LISTED(nobody_holds_what_is_closed),
		LISTED(a_child_inherits),
		LISTED(a_descriptor_passed_on),
		LISTED(a_descriptor_in_flight),
		LISTED(a_foreign_pid_namespace),
		LISTED(a_stopped_process),
		LISTED(a_running_one_called_stopped),
		LISTED(names_are_bytes),
		LISTED(a_zombie_holds_nothing),
		LISTED(the_first_thread_may_have_ended),
		LISTED(a_table_that_processes_share),
		LISTED(a_table_of_one_thread),
		LISTED(many_descriptors),
		LISTED(processes_that_come_and_go),
		LISTED(without_descriptors_it_is_an_error),
	};
	int failed = cmocka_run_group_tests_name("holdings", tests, NULL, NULL);

	if (can_list())
		failed += cmocka_run_group_tests_name("holdings on a list", listed, NULL, NULL);
	task_files_probe_close(probe);
	return failed;
}

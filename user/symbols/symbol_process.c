// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/symbol_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbols/symbol_reader.h"

#define ADDRESS_LIMIT (UINT64_C(4) << 30) /* files are mapped */
/* Its memory: libdw makes room for as many registers as a file says, billions if it likes. */
#define DATA_LIMIT (UINT64_C(1) << 30)
#define FILE_LIMIT 1024
#define DEATH_WAIT 1000 /* ms */

void symbol_process_init(struct symbol_process *process)
{
	*process = (struct symbol_process){.socket = -1, .events = -1};
}

static void limit(int resource, rlim_t most)
{
	struct rlimit old, limit = {most, most};

	if (getrlimit(resource, &old) == 0 && old.rlim_max < most)
		limit = (struct rlimit){old.rlim_max, old.rlim_max};
	setrlimit(resource, &limit);
}

/* All descriptors but the socket are the parent's business: one that stays open here would keep
 * its other end from seeing the parent's end. */
static int close_others(int socket)
{
	int null = open("/dev/null", O_RDWR);

	if (socket < 3)
		socket = fcntl(socket, F_DUPFD_CLOEXEC, 3);
	if (socket < 0)
		_exit(1);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (socket > 3)
		syscall(SYS_close_range, 3, socket - 1, 0);
	syscall(SYS_close_range, socket + 1, ~0u, 0);
	return socket;
}

/* So are the buffers that it shares with BPF programs; their file is what they all have in common.
 */
static void unmap_buffers(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned long start, end;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "anon_inode:bpf-map") &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2)
			munmap((void *)start, end - start);
	if (maps)
		fclose(maps);
}

/* Signals do what they do by default, but those by which the parent is told to end, which also go
 * to its children: it may need the answers for its last words. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void be_reader(int socket, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, "tcpclose-stacks");
	reset_signals();
	unmap_buffers();
	socket = close_others(socket);
	unsetenv("DEBUGINFOD_URLS");
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NOFILE, FILE_LIMIT);
#ifndef __SANITIZE_ADDRESS__ /* which has addresses for more than that */
	limit(RLIMIT_AS, ADDRESS_LIMIT);
	limit(RLIMIT_DATA, DATA_LIMIT);
#endif
	symbol_reader_run(socket);
	_exit(0);
}

static int watch(int events, int descriptor)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

	return epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

int symbol_process_start(struct symbol_process *process)
{
	pid_t parent = getpid();
	int ends[2], error;

	symbol_process_reap(process);
	if (process->dying_count == SYMBOL_PROCESS_DYING)
		return -EAGAIN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	error = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : watch(process->events, ends[0]);
	if (!error) {
		process->pid = fork();
		if (process->pid == 0)
			be_reader(ends[1], parent);
		if (process->pid < 0) {
			error = -errno;
			process->pid = 0;
		}
	}
	close(ends[1]);
	if (error)
		close(ends[0]);
	else
		process->socket = ends[0];
	return error;
}

void symbol_process_kill(struct symbol_process *process)
{
	struct symbol_process_end *end = &process->dying[process->dying_count];

	if (process->socket >= 0)
		close(process->socket);
	process->socket = -1;
	if (!process->pid)
		return;
	kill(process->pid, SIGKILL);
	end->pid = process->pid;
	end->handle = (int)syscall(SYS_pidfd_open, process->pid, 0);
	if (end->handle >= 0)
		watch(process->events, end->handle);
	process->dying_count++;
	process->pid = 0;
	symbol_process_reap(process);
}

void symbol_process_reap(struct symbol_process *process)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < process->dying_count; i++) {
		struct symbol_process_end *end = &process->dying[i];
		pid_t dead = waitpid(end->pid, NULL, WNOHANG);

		if (dead == 0 || (dead < 0 && errno == EINTR)) {
			process->dying[left++] = *end;
			continue;
		}
		if (end->handle >= 0)
			close(end->handle);
	}
	process->dying_count = left;
}

void symbol_process_done(struct symbol_process *process)
{
	symbol_process_kill(process);
	for (unsigned int i = 0; i < process->dying_count; i++) {
		struct pollfd death = {.fd = process->dying[i].handle, .events = POLLIN};

		if (death.fd < 0)
			waitpid(process->dying[i].pid, NULL, 0);
		else
			poll(&death, 1, DEATH_WAIT);
	}
	symbol_process_reap(process);
	for (unsigned int i = 0; i < process->dying_count; i++)
		if (process->dying[i].handle >= 0)
			close(process->dying[i].handle);
	process->dying_count = 0;
}

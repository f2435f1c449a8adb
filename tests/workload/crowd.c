// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * `crowd CONNECTIONS LEAKED` holds both ends of so many connections over loopback, in as many
 * processes as the limit of open files asks for. Of LEAKED of them the client's end has sent its
 * FIN, so that the server's is in CLOSE_WAIT. Prints "ready" once all are there, and ends, all of
 * it, when its standard input does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 20000 /* of one process */
#define SPARE 50
#define WORKERS 64

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_on(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	check(!bind(listener, (struct sockaddr *)address, length) && !listen(listener, 16) &&
		      !getsockname(listener, (struct sockaddr *)address, &length),
	      "listen");
	return listener;
}

static void connect_one(int listener, const struct sockaddr_in *address, bool leaks)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd server;

	check(!connect(client, (const struct sockaddr *)address, sizeof(*address)), "connect");
	server = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLRDHUP};
	check(server.fd >= 0, "accept");
	if (!leaks)
		return;
	check(!shutdown(client, SHUT_WR), "shutdown");
	check(poll(&server, 1, -1) == 1, "poll");
}

/* A process with its share; it tells when it is ready by closing `ready`. */
static pid_t start_worker(int connections, int leaked, int ready)
{
	struct sockaddr_in address;
	int listener;
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener = listen_on(&address);
	for (int i = 0; i < connections; i++)
		connect_one(listener, &address, i < leaked);
	check(write(ready, "", 1) == 1, "write");
	close(ready);
	for (;;)
		pause();
}

/* Of a number of things, those for the i-th of so many. */
static int share(int all, int i, int parts)
{
	return all / parts + (i < all % parts);
}

int main(int count, char **words)
{
	int ready[2], connections, leaked, workers;
	struct rlimit files;
	pid_t pids[WORKERS];
	char byte;

	check(count == 3, "CONNECTIONS LEAKED");
	connections = atoi(words[1]);
	leaked = atoi(words[2]);
	check(!getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
	files.rlim_cur = files.rlim_max;
	check(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	if (files.rlim_cur > FILES)
		files.rlim_cur = FILES;
	workers = 1 + 2 * connections / (int)(files.rlim_cur - SPARE);
	check(workers <= WORKERS, "too few open files are allowed");
	check(!pipe(ready), "pipe");
	for (int i = 0; i < workers; i++)
		pids[i] = start_worker(share(connections, i, workers), share(leaked, i, workers),
				       ready[1]);
	close(ready[1]);
	for (int i = 0; i < workers; i++)
		check(read(ready[0], &byte, 1) == 1, "a process ended");
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (int i = 0; i < workers; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

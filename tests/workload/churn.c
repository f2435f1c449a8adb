// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Opens and closes loopback connections as fast as it can: two threads, each with its own
 * listeners and both ends of its connections, 64 bytes each way. `churn SECONDS [CONNECTIONS]`
 * prints how many sockets it closed and how many per second; it ends after that many connections,
 * if given. `-r RATE`: only so many connections per second. `-m MODE`: `empty` sends no data,
 * `reset` neither, and its client ends with a RST, `process` has a process of its own for each
 * client. `-a ADDRESS` is where it listens instead of on 127.0.0.1, `-l PORT` the first of its
 * ports instead of any, `-n FILE` the network namespace of the clients.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define LISTENERS 4 /* of a thread */
#define MESSAGE 64

enum mode {
	MODE_DATA,
	MODE_EMPTY,
	MODE_RESET,
	MODE_PROCESS,
	MODES,
};

struct worker {
	pthread_t thread;
	enum mode mode;
	struct in_addr address;
	uint16_t port; /* of its first listener, 0: any */
	int clients;   /* their network namespace, -1: that of the listeners */
	double start;  /* by the monotonic clock, seconds */
	double end;
	double rate;         /* connections per second, 0: as fast as it can */
	unsigned long limit; /* of closed */
	unsigned long closed;
	const char *failed; /* the call, NULL: none */
	int error;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool failed(struct worker *worker, const char *call)
{
	worker->failed = call;
	worker->error = errno;
	return false;
}

/* Many destinations, so that they do not share 28,000 local ports: where half of those are taken,
 * connect() has to search for long. */
static int listen_on(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	if (listener < 0)
		return -1;
	if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(listener, (struct sockaddr *)address, length) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)address, &length)) {
		close(listener);
		return -1;
	}
	return listener;
}

static bool exchange(int from, int to)
{
	char message[MESSAGE] = {0};

	return send(from, message, MESSAGE, MSG_NOSIGNAL) == MESSAGE &&
	       recv(to, message, MESSAGE, MSG_WAITALL) == MESSAGE;
}

/* A client that is a process: it connects and is gone, and the kernel closes for it. */
static bool serve_process(struct worker *worker, int listener, const struct sockaddr_in *address)
{
	int server = -1, status = 0;
	pid_t child = fork();

	if (child < 0)
		return failed(worker, "fork");
	if (!child) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		_exit(connect(client, (const struct sockaddr *)address, sizeof(*address)) != 0);
	}
	if (waitpid(child, &status, 0) != child || status) {
		errno = ECONNREFUSED;
		return failed(worker, "the client's connect");
	}
	server = accept(listener, NULL, NULL);
	if (server < 0)
		return failed(worker, "accept");
	close(server);
	return true;
}

/* One connection from its opening to the close of both its sockets. */
static bool open_and_close(struct worker *worker, int listener, const struct sockaddr_in *address)
{
	static const struct linger at_once = {.l_onoff = 1};
	int client, server = -1;
	bool done = false;

	if (worker->mode == MODE_PROCESS)
		return serve_process(worker, listener, address);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0)
		return failed(worker, "socket");
	if (worker->mode == MODE_RESET)
		setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (connect(client, (const struct sockaddr *)address, sizeof(*address))) {
		failed(worker, "connect");
		goto out;
	}
	server = accept(listener, NULL, NULL);
	if (server < 0)
		failed(worker, "accept");
	else if (worker->mode == MODE_DATA &&
		 (!exchange(client, server) || !exchange(server, client)))
		failed(worker, "exchange");
	else
		done = true;
out:
	close(client);
	if (server >= 0)
		close(server);
	return done;
}

/* Each connection of a rate has its time; who is late makes up for it. Not inlined: times in the
 * frame of the caller would make each of its stacks another one for `leaks`. */
static __attribute__((noinline)) void wait_for_turn(const struct worker *worker)
{
	double due = worker->start + (double)worker->closed / 2 / worker->rate;
	struct timespec time = {.tv_sec = (time_t)due,
				.tv_nsec = (long)((due - (double)(time_t)due) * 1e9)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct sockaddr_in addresses[LISTENERS];
	int listeners[LISTENERS];
	unsigned int next = 0;

	for (int i = 0; i < LISTENERS; i++) {
		addresses[i] = (struct sockaddr_in){
			.sin_family = AF_INET,
			.sin_port = htons((uint16_t)(worker->port ? worker->port + i : 0)),
			.sin_addr = worker->address};
		listeners[i] = listen_on(&addresses[i]);
		if (listeners[i] < 0) {
			failed(worker, "listen");
			return NULL;
		}
	}
	if (worker->clients >= 0 && setns(worker->clients, CLONE_NEWNET)) {
		failed(worker, "setns");
		return NULL;
	}
	while (worker->closed < worker->limit && now() < worker->end &&
	       open_and_close(worker, listeners[next], &addresses[next])) {
		next = (next + 1) % LISTENERS;
		worker->closed += 2;
		if (worker->rate > 0)
			wait_for_turn(worker);
	}
	for (int i = 0; i < LISTENERS; i++)
		close(listeners[i]);
	return NULL;
}

static enum mode mode_of(const char *name)
{
	static const char *const names[MODES] = {
		[MODE_DATA] = "data",
		[MODE_EMPTY] = "empty",
		[MODE_RESET] = "reset",
		[MODE_PROCESS] = "process",
	};
	int mode = 0;

	while (mode < MODES && strcmp(name, names[mode]) != 0)
		mode++;
	return (enum mode)mode;
}

/* What all threads are given. */
static bool parse(int argc, char **argv, struct worker *worker, double *seconds)
{
	unsigned long connections;
	int option;

	while ((option = getopt(argc, argv, "r:m:a:l:n:")) > 0) {
		if (option == 'r')
			worker->rate = atof(optarg) / THREADS;
		else if (option == 'm')
			worker->mode = mode_of(optarg);
		else if (option == 'a' && inet_pton(AF_INET, optarg, &worker->address) != 1)
			return false;
		else if (option == 'l')
			worker->port = (uint16_t)atoi(optarg);
		else if (option == 'n' && (worker->clients = open(optarg, O_RDONLY)) < 0)
			return false;
		else if (option == '?')
			return false;
	}
	*seconds = optind < argc ? atof(argv[optind]) : 0;
	connections = optind + 1 < argc ? strtoul(argv[optind + 1], NULL, 10) : 0;
	worker->limit = connections ? connections / THREADS * 2 : ULONG_MAX;
	return *seconds > 0 && worker->mode != MODES;
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS],
		each = {.address.s_addr = htonl(INADDR_LOOPBACK), .clients = -1};
	unsigned long closed = 0;
	double seconds, took;

	if (!parse(argc, argv, &each, &seconds)) {
		fprintf(stderr, "usage: churn [-r RATE] [-m MODE] [-a ADDRESS] [-l PORT] "
				"[-n FILE] SECONDS [CONNECTIONS]\n");
		return 2;
	}
	each.start = now();
	each.end = each.start + seconds;
	for (int i = 0; i < THREADS; i++) {
		workers[i] = each;
		if (each.port)
			workers[i].port = (uint16_t)(each.port + i * LISTENERS);
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			fprintf(stderr, "churn: cannot start a thread\n");
			return 1;
		}
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		closed += workers[i].closed;
	}
	took = now() - each.start;
	for (int i = 0; i < THREADS; i++) {
		if (!workers[i].failed)
			continue;
		fprintf(stderr, "churn: %s: %s\n", workers[i].failed, strerror(workers[i].error));
		return 1;
	}
	printf("%lu sockets closed, %.0f per second\n", closed, (double)closed / took);
	return 0;
}

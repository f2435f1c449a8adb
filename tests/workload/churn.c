// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Opens and closes loopback connections as fast as it can: two threads, each with its own
 * listeners and both ends of its connections, 64 bytes each way. `churn SECONDS [CONNECTIONS]`
 * prints how many sockets it closed and how many per second; it ends after that many connections,
 * if given.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define LISTENERS 4 /* of a thread */
#define MESSAGE 64

struct worker {
	pthread_t thread;
	double end;          /* by the monotonic clock, seconds */
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
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0)
		return -1;
	if (bind(listener, (struct sockaddr *)address, length) || listen(listener, 16) ||
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

/* One connection from its opening to the close of both its sockets. */
static bool open_and_close(struct worker *worker, int listener, const struct sockaddr_in *address)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server = -1;
	bool done = false;

	if (client < 0)
		return failed(worker, "socket");
	if (connect(client, (const struct sockaddr *)address, sizeof(*address))) {
		failed(worker, "connect");
		goto out;
	}
	server = accept(listener, NULL, NULL);
	if (server < 0)
		failed(worker, "accept");
	else if (!exchange(client, server) || !exchange(server, client))
		failed(worker, "exchange");
	else
		done = true;
out:
	close(client);
	if (server >= 0)
		close(server);
	return done;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct sockaddr_in addresses[LISTENERS];
	int listeners[LISTENERS];
	unsigned int next = 0;

	for (int i = 0; i < LISTENERS; i++) {
		addresses[i] = (struct sockaddr_in){.sin_family = AF_INET,
						    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		listeners[i] = listen_on(&addresses[i]);
		if (listeners[i] < 0) {
			failed(worker, "listen");
			return NULL;
		}
	}
	while (worker->closed < worker->limit && now() < worker->end &&
	       open_and_close(worker, listeners[next], &addresses[next])) {
		next = (next + 1) % LISTENERS;
		worker->closed += 2;
	}
	for (int i = 0; i < LISTENERS; i++)
		close(listeners[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS] = {0};
	double start = now(), seconds = argc >= 2 ? atof(argv[1]) : 0, took;
	unsigned long closed = 0, limit = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (seconds <= 0) {
		fprintf(stderr, "usage: churn SECONDS [CONNECTIONS]\n");
		return 2;
	}
	for (int i = 0; i < THREADS; i++) {
		workers[i].end = start + seconds;
		workers[i].limit = limit ? limit / THREADS * 2 : ULONG_MAX;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			fprintf(stderr, "churn: cannot start a thread\n");
			return 1;
		}
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		closed += workers[i].closed;
	}
	took = now() - start;
	for (int i = 0; i < THREADS; i++) {
		if (!workers[i].failed)
			continue;
		fprintf(stderr, "churn: %s: %s\n", workers[i].failed, strerror(workers[i].error));
		return 1;
	}
	printf("%lu sockets closed, %.0f per second\n", closed, (double)closed / took);
	return 0;
}

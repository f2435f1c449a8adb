// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connections whose peer has closed and that this program forgets, with a tracer watching:
 * `forgotten READY_FILE TRACER...` forgets some, starts the tracer, waits until it has created the
 * file, forgets more, and ends the tracer once it has told of all of them. Passes on what the
 * tracer prints, and of each connection a line {"forgotten":HOW,...}: older (than the tracer),
 * accepted, connected, unread or queued (not accepted). Its peer's FIN came between `closing` and
 * `at`, in nanoseconds of the real-time clock.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tracer.h"

#define EACH 2
#define ALL (EACH * 5)
/* A function that stacks are to name: it stays one, and calls in it are calls. */
#define NAMED __attribute__((noinline, noclone, noipa))

static int listener;
static struct sockaddr_in here = {.sin_family = AF_INET};

NAMED static int accept_client(void)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	check(client >= 0, "accept");
	return client;
}

NAMED static int connect_out(void)
{
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = connect(server, (const struct sockaddr *)&here, sizeof(here));

	check(server >= 0 && !error, "connect");
	return server;
}

static unsigned int port_of(int socket)
{
	struct sockaddr_in at = {};
	socklen_t length = sizeof(at);

	check(!getsockname(socket, (struct sockaddr *)&at, &length), "getsockname");
	return ntohs(at.sin_port);
}

static unsigned int peer_of(int socket)
{
	struct sockaddr_in at = {};
	socklen_t length = sizeof(at);

	check(!getpeername(socket, (struct sockaddr *)&at, &length), "getpeername");
	return ntohs(at.sin_port);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Closes an end: when. */
static long long close_peer(int socket)
{
	long long closing = now();

	close(socket);
	return closing;
}

static void tell(const char *how, int descriptor, unsigned int local, unsigned int remote,
		 long long closing)
{
	printf("{\"forgotten\":\"%s\",\"pid\":%d,\"fd\":%d,\"local\":%u,\"remote\":%u,"
	       "\"closing\":%lld,\"at\":%lld}\n",
	       how, getpid(), descriptor, local, remote, closing, now());
}

/* The peer's FIN is there. */
static void wait_closed(int socket)
{
	struct pollfd wanted = {.fd = socket, .events = POLLRDHUP};

	check(poll(&wanted, 1, -1) == 1, "poll");
}

static void read_end(int socket)
{
	char data[64];

	while (read(socket, data, sizeof(data)) > 0)
		;
}

static void forget_accepted(const char *how, bool reads)
{
	int client = connect_out(), server = accept_client();
	long long closing;

	check(write(client, "forgotten", 9) == 9, "write");
	closing = close_peer(client);
	wait_closed(server);
	if (reads)
		read_end(server);
	tell(how, server, port_of(server), peer_of(server), closing);
}

static void forget_connected(void)
{
	int client = connect_out(), server = accept_client();
	long long closing = close_peer(server);

	wait_closed(client);
	read_end(client);
	tell("connected", client, port_of(client), peer_of(client), closing);
}

static void forget_queued(void)
{
	int client = connect_out();
	struct pollfd wanted = {.fd = listener, .events = POLLIN};
	unsigned int port = port_of(client);
	long long closing;

	check(poll(&wanted, 1, -1) == 1, "poll");
	closing = close_peer(client);
	tell("queued", listener, ntohs(here.sin_port), port, closing);
}

static void forget_all(void)
{
	for (int i = 0; i < EACH; i++) {
		forget_accepted("accepted", true);
		forget_accepted("unread", false);
		forget_connected();
	}
	/* Nothing is accepted any more. */
	for (int i = 0; i < EACH; i++)
		forget_queued();
}

static void *wait_as_thread(void *context)
{
	(void)context;
	for (;;)
		pause();
	return NULL;
}

int main(int count, char **words)
{
	socklen_t length = sizeof(here);
	struct tracer tracer;
	pthread_t thread;

	if (count < 3) {
		fprintf(stderr, "usage: forgotten READY_FILE TRACER...\n");
		return 2;
	}
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(listener >= 0 && !bind(listener, (const struct sockaddr *)&here, length) &&
		      !listen(listener, 64) &&
		      !getsockname(listener, (struct sockaddr *)&here, &length),
	      "listen");
	/* It has the same descriptors, and is to be told of nowhere. */
	check(!pthread_create(&thread, NULL, wait_as_thread, NULL), "pthread_create");
	for (int i = 0; i < EACH; i++)
		forget_accepted("older", true);
	fflush(stdout);
	if (start_tracer(&tracer, words[1], words + 2)) {
		forget_all();
		pass_on(&tracer, "{\"type\":\"close_wait\",", ALL);
		kill(tracer.pid, SIGINT);
	}
	end_tracer(&tracer);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Each kind of close once over IPv4 and once over IPv6, on loopback, with a tracer watching:
 * `closes READY_FILE TRACER...` starts the tracer, waits until it has created the file, makes the
 * closes, and ends the tracer once all sockets are gone. Passes on what the tracer prints, and of
 * each close a line {"made":NAME,...}. Both ends of a connection are processes of their own, named
 * client and server, on one CPU so that they take turns. It wants a network namespace in which
 * there is nothing else.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

#define DEADLINE 60 /* seconds, for every process here */
#define MESSAGE 300

/* One end of a connection, in its process. */
struct end {
	int socket;
	int listener; /* of the server, else -1 */
	int peer;     /* a byte each way: what the other end must wait for */
	int gate;     /* a byte from main() when the end may go on */
};

typedef void end_function(const struct end *end);

enum special {
	USUAL,
	OLDER,    /* connected before the tracer starts */
	LASTS,    /* the server's end waits for the client's to be gone */
	IN_QUEUE, /* never accepted */
};

struct close_kind {
	const char *name;
	end_function *client, *server;
	enum special special;
};

static void tell(const struct end *end)
{
	check(write(end->peer, "", 1) == 1, "tell");
}

/* A byte from the other end, or the end of its process. */
static void hear(const struct end *end)
{
	char byte;

	check(read(end->peer, &byte, 1) >= 0, "hear");
}

static void pass_gate(const struct end *end)
{
	char byte;

	check(read(end->gate, &byte, 1) == 1, "gate");
}

static void wait_for(int descriptor, short events)
{
	struct pollfd wanted = {.fd = descriptor, .events = events};

	check(poll(&wanted, 1, -1) == 1, "poll");
}

static void option(int socket, int level, int name, int value)
{
	check(!setsockopt(socket, level, name, &value, sizeof(value)), "setsockopt");
}

static void read_end(const struct end *end)
{
	char data[MESSAGE];

	while (read(end->socket, data, sizeof(data)) > 0)
		;
}

/* Sends the acknowledgement of a FIN now, not with our own FIN. */
static void acknowledge(const struct end *end)
{
	option(end->socket, IPPROTO_TCP, TCP_QUICKACK, 1);
}

static void send_data(const struct end *end)
{
	char data[MESSAGE] = {0};

	check(send(end->socket, data, sizeof(data), MSG_NOSIGNAL) == MESSAGE, "send");
}

static void just_close(const struct end *end)
{
	close(end->socket);
}

static void just_exit(const struct end *end)
{
	(void)end;
	_exit(0);
}

static void read_and_close(const struct end *end)
{
	read_end(end);
	close(end->socket);
}

/* Only when the other end's close() has returned: it drops what comes after the acknowledgement
 * while it still holds the socket. */
static void acknowledge_gone(const struct end *end)
{
	hear(end);
	read_end(end);
	acknowledge(end);
}

static void acknowledge_and_close(const struct end *end)
{
	acknowledge_gone(end);
	close(end->socket);
}

static void shut_down_and_read(const struct end *end)
{
	check(!shutdown(end->socket, SHUT_WR), "shutdown");
	read_and_close(end);
}

static void go_on_sending(const struct end *end)
{
	read_end(end);
	acknowledge(end);
	send_data(end);
	close(end->socket);
}

static void reset(const struct end *end)
{
	struct linger linger = {.l_onoff = 1};

	check(!setsockopt(end->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), "linger");
	close(end->socket);
}

static void close_unread(const struct end *end)
{
	wait_for(end->socket, POLLIN);
	close(end->socket);
}

static void send_and_read(const struct end *end)
{
	send_data(end);
	read_and_close(end);
}

static void send_late(const struct end *end)
{
	acknowledge_gone(end);
	send_data(end);
	wait_for(end->socket, POLLHUP);
	close(end->socket);
}

static void orphan(const struct end *end)
{
	option(end->socket, IPPROTO_TCP, TCP_LINGER2, 1);
	close(end->socket);
}

static void outlast_orphan(const struct end *end)
{
	acknowledge_gone(end);
	pass_gate(end);
	close(end->socket);
}

static void close_listener(const struct end *end)
{
	hear(end);
	close(end->listener);
}

/* Takes nothing in until a segment was lost: of the program in front of the socket all are. */
static void lose_fin(const struct end *end)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &nothing};
	__u32 memory[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof(memory);

	check(!setsockopt(end->socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
	      "SO_ATTACH_FILTER");
	tell(end);
	while (!memory[SK_MEMINFO_DROPS]) {
		check(!getsockopt(end->socket, SOL_SOCKET, SO_MEMINFO, memory, &length),
		      "SO_MEMINFO");
		poll(NULL, 0, 1); /* nothing tells of a drop */
	}
	option(end->socket, SOL_SOCKET, SO_DETACH_FILTER, 0);
	acknowledge_and_close(end);
}

static void be_queued(const struct end *end)
{
	tell(end);
	read_and_close(end);
}

static void hear_and_close(const struct end *end)
{
	hear(end);
	close(end->socket);
}

/* Those that last come first, so that the others need no more time. */
static const struct close_kind kinds[] = {
	{"orphan-timeout", orphan, outlast_orphan, LASTS},
	{"older", just_close, acknowledge_and_close, OLDER},
	{"four-way", just_close, acknowledge_and_close, USUAL},
	{"three-way", just_close, read_and_close, USUAL},
	{"half-close", shut_down_and_read, go_on_sending, USUAL},
	{"exit", just_exit, acknowledge_and_close, USUAL},
	{"fin-lost", hear_and_close, lose_fin, USUAL},
	{"linger", reset, read_and_close, USUAL},
	{"unread-data", close_unread, send_and_read, USUAL},
	{"data-after-close", just_close, send_late, USUAL},
	{"listener-closed", be_queued, close_listener, IN_QUEUE},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct connection {
	const struct close_kind *kind;
	int family;
	union address client_at, server_at;
	int client, listener; /* sockets */
	int peers[2], gate[2];
	pid_t client_pid, server_pid;
};

/* A socket at a port of its own on loopback; `at` becomes its address. */
static int bound_socket(int family, union address *at)
{
	int made = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = family == AF_INET ? sizeof(at->ipv4) : sizeof(at->ipv6);

	memset(at, 0, sizeof(*at));
	at->any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		at->ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		at->ipv6.sin6_addr = in6addr_loopback;
	check(made >= 0 && !bind(made, &at->any, length) && !getsockname(made, &at->any, &length),
	      "socket");
	return made;
}

static unsigned int port_of(const union address *at)
{
	return ntohs(at->any.sa_family == AF_INET ? at->ipv4.sin_port : at->ipv6.sin6_port);
}

/* Waits for the gate where the connection must be older than the tracer. */
static void begin(const struct connection *connection, const struct end *end)
{
	if (connection->kind->special == OLDER)
		pass_gate(end);
}

static void run_server(const struct connection *connection)
{
	struct end end = {-1, connection->listener, connection->peers[1], connection->gate[0]};

	close(connection->client);
	close(connection->peers[0]);
	pass_gate(&end);
	if (connection->kind->special != IN_QUEUE) {
		end.socket = accept4(connection->listener, NULL, NULL, SOCK_CLOEXEC);
		check(end.socket >= 0, "accept");
		tell(&end);
	}
	begin(connection, &end);
	connection->kind->server(&end);
}

static void run_client(const struct connection *connection)
{
	struct end end = {connection->client, -1, connection->peers[0], connection->gate[0]};

	close(connection->listener);
	close(connection->peers[1]);
	pass_gate(&end);
	check(!connect(end.socket, &connection->server_at.any,
		       connection->family == AF_INET ? sizeof(connection->server_at.ipv4)
						     : sizeof(connection->server_at.ipv6)),
	      "connect");
	if (connection->kind->special != IN_QUEUE)
		hear(&end);
	begin(connection, &end);
	connection->kind->client(&end);
}

static pid_t fork_end(const struct connection *connection, const char *name,
		      void (*run)(const struct connection *))
{
	cpu_set_t one;
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (pid)
		return pid;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	alarm(DEADLINE);
	check(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	prctl(PR_SET_NAME, name);
	run(connection);
	_exit(0);
}

/* For both ends. */
static void open_gate(const struct connection *connection)
{
	check(write(connection->gate[1], "ab", 2) == 2, "gate");
}

static void start(struct connection *connection, const struct close_kind *kind, int family)
{
	connection->kind = kind;
	connection->family = family;
	connection->listener = bound_socket(family, &connection->server_at);
	connection->client = bound_socket(family, &connection->client_at);
	check(!listen(connection->listener, 1), "listen");
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, connection->peers), "socketpair");
	check(!pipe2(connection->gate, O_CLOEXEC), "pipe");
	connection->server_pid = fork_end(connection, "server", run_server);
	connection->client_pid = fork_end(connection, "client", run_client);
	close(connection->listener);
	close(connection->client);
	close(connection->peers[0]);
	close(connection->peers[1]);
	close(connection->gate[0]);
	/* Only now: the close of a copy must not be the last one. */
	open_gate(connection);
	printf("{\"made\":\"%s\",\"family\":%d,\"client\":{\"pid\":%d,\"port\":%u},"
	       "\"server\":{\"pid\":%d,\"port\":%u}}\n",
	       kind->name, family == AF_INET ? 4 : 6, connection->client_pid,
	       port_of(&connection->client_at), connection->server_pid,
	       port_of(&connection->server_at));
}

static void wait_end(const struct connection *connection, pid_t pid)
{
	int status;

	check(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status)
		printf("{\"failed\":\"%s\",\"family\":%d,\"end\":\"%s\",\"status\":%d}\n",
		       connection->kind->name, connection->family == AF_INET ? 4 : 6,
		       pid == connection->client_pid ? "client" : "server", status);
}

/* No teardown: nobody listens there. */
static void be_refused(int family)
{
	union address at, nobody;
	int client = bound_socket(family, &at), closed = bound_socket(family, &nobody);

	check(connect(client, &nobody.any,
		      family == AF_INET ? sizeof(nobody.ipv4) : sizeof(nobody.ipv6)) &&
		      errno == ECONNREFUSED,
	      "a connect to a port where nobody listens");
	close(client);
	close(closed);
}

/* Whether the kernel has a TCP socket in one of these states (bits by number). */
static bool has_socket_in(const char *path, unsigned int states)
{
	char line[256];
	unsigned int state;
	bool found = false;
	FILE *file = fopen(path, "re");

	check(file != NULL, path);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*u: %*s %*s %x", &state) == 1 && states & 1u << state;
	fclose(file);
	return found;
}

/* The kernel tells nobody when a mini-socket ends, hence the repetition. */
static void wait_gone(unsigned int states)
{
	while (has_socket_in("/proc/net/tcp", states) || has_socket_in("/proc/net/tcp6", states))
		poll(NULL, 0, 5);
}

static void make_closes(struct connection connections[KINDS][2])
{
	static const int families[] = {AF_INET, AF_INET6};

	for (size_t kind = 0; kind < KINDS; kind++) {
		for (int family = 0; family < 2; family++) {
			struct connection *connection = &connections[kind][family];

			if (kinds[kind].special == OLDER)
				open_gate(connection);
			else
				start(connection, &kinds[kind], families[family]);
			/* One connection at a time: what the tracer tells of each is then known. */
			wait_end(connection, connection->client_pid);
			if (kinds[kind].special != LASTS)
				wait_end(connection, connection->server_pid);
		}
	}
	be_refused(AF_INET);
	be_refused(AF_INET6);
	wait_gone(1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2);
	for (size_t kind = 0; kind < KINDS; kind++) {
		for (int family = 0; family < 2 && kinds[kind].special == LASTS; family++) {
			open_gate(&connections[kind][family]);
			wait_end(&connections[kind][family], connections[kind][family].server_pid);
		}
	}
	wait_gone(~(1u << TCP_TIME_WAIT));
}

int main(int argc, char **argv)
{
	struct connection connections[KINDS][2] = {0};
	struct tracer tracer = {0};

	if (argc < 3) {
		fprintf(stderr, "usage: closes READY_FILE TRACER...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t kind = 0; kind < KINDS; kind++) {
		if (kinds[kind].special != OLDER)
			continue;
		start(&connections[kind][0], &kinds[kind], AF_INET);
		start(&connections[kind][1], &kinds[kind], AF_INET6);
	}
	if (start_tracer(&tracer, argv[1], argv + 2)) {
		make_closes(connections);
		kill(tracer.pid, SIGINT);
	}
	end_tracer(&tracer);
	return 0;
}

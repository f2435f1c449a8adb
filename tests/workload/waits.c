// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Each way for a socket to wait after its close, and for the wait to end, once over IPv4 and once
 * over IPv6, on loopback, with several tracers watching side by side: one for each line of standard
 * input, which are its options. Waits until all are ready, makes the closes, and ends the tracers
 * once no socket waits any more: that takes a minute. Prints of each close a line
 * {"made":NAME,...}, and what each tracer told, every line after the tracer's number. It wants a
 * network namespace in which there is nothing else, and sets sysctls in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACERS 4
#define FOLDER "/run"
#define ORPHAN_SECONDS "20" /* a slow machine needs some for what comes before */

enum kind {
	NEVER,      /* there is no room for one: first, as nothing else may begin meanwhile */
	TIMER,      /* nothing ends it but its timer */
	CONNECT,    /* a connect() from the same port does */
	SYN,        /* a SYN from the same port does */
	ORPHAN,     /* FIN_WAIT2 without a program, and no FIN comes */
	ORPHAN_FIN, /* the same, and it comes late */
	DESTROYED,  /* an administrator does (ss -K) */
	RESET,      /* a RST of the peer does */
	RESTARTED,  /* nothing, and a stray ACK starts its timer anew */
	KINDS,
};

static const char *const names[KINDS] = {"never",      "timer",     "connect", "syn",      "orphan",
					 "orphan-fin", "destroyed", "reset",   "restarted"};

/* When the second half of a close follows, in ms: a kernel gives addresses away again after 1 s. */
static const int resumed_after[KINDS] = {[CONNECT] = 1200,   [SYN] = 1500,   [ORPHAN_FIN] = 1700,
					 [DESTROYED] = 2000, [RESET] = 2300, [RESTARTED] = 3000};

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct connection {
	socklen_t length; /* of an address */
	union address client_at, server_at;
	int listener, client, server;
	__u32 client_seq, server_seq; /* of the next byte that each sends, before it closes */
};

static void check(bool right, const char *what)
{
	if (right)
		return;
	perror(what);
	exit(1);
}

static void option(int socket, int level, int name, int value)
{
	check(!setsockopt(socket, level, name, &value, sizeof(value)), "setsockopt");
}

/* None that the kernel may give to anybody: those of clients are bound again later. */
static uint16_t server_port = 10000, client_port = 20000;

static int bound_socket(union address *at, socklen_t length)
{
	int made = socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	option(made, SOL_SOCKET, SO_REUSEADDR, 1);
	check(!bind(made, &at->any, length), "bind");
	check(!getsockname(made, &at->any, &length), "getsockname");
	return made;
}

/* From the client's port, where it has one already, to the server's. */
static void connect_both(struct connection *connection)
{
	connection->client = bound_socket(&connection->client_at, connection->length);
	check(!connect(connection->client, &connection->server_at.any, connection->length),
	      "connect");
	connection->server = accept4(connection->listener, NULL, NULL, SOCK_CLOEXEC);
	check(connection->server >= 0, "accept");
}

static void open_connection(struct connection *connection, int family)
{
	union address any = {0};

	any.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		any.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		any.ipv6.sin6_addr = in6addr_loopback;
	connection->length = family == AF_INET ? sizeof(any.ipv4) : sizeof(any.ipv6);
	connection->client_at = connection->server_at = any;
	/* The same place in both families. */
	connection->server_at.ipv4.sin_port = htons(server_port++);
	connection->client_at.ipv4.sin_port = htons(client_port++);
	connection->listener = bound_socket(&connection->server_at, connection->length);
	check(!listen(connection->listener, 1), "listen");
	connect_both(connection);
}

/* Returns once the kernel has acknowledged the FIN of `first`, which then waits for the other's. */
static void close_one(int first, int second)
{
	char byte;

	option(second, IPPROTO_TCP, TCP_QUICKACK, 1);
	close(first);
	check(recv(second, &byte, 1, 0) == 0, "the end of the other");
}

static void close_in_order(int first, int second)
{
	close_one(first, second);
	close(second);
}

/* What only a socket under repair tells. */
static __u32 next_seq(int socket)
{
	__u32 seq = 0;
	socklen_t length = sizeof(seq);

	option(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	option(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	check(!getsockopt(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, &length), "TCP_QUEUE_SEQ");
	option(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
	return seq;
}

static void write_sysctl(const char *name, const char *value)
{
	char path[PATH_MAX];
	int file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	check(file >= 0 && write(file, value, strlen(value)) > 0, path);
	close(file);
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
		poll(NULL, 0, 50);
}

static void begin(enum kind kind, struct connection *connection)
{
	switch (kind) {
	case NEVER:
		write_sysctl("tcp_max_tw_buckets", "0");
		close_in_order(connection->client, connection->server);
		wait_gone(1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2);
		write_sysctl("tcp_max_tw_buckets", "4096");
		break;
	case RESET:
	case RESTARTED:
		connection->client_seq = next_seq(connection->client);
		connection->server_seq = next_seq(connection->server);
		close_in_order(connection->client, connection->server);
		break;
	case TIMER:
	case CONNECT:
	case DESTROYED:
		close_in_order(connection->client, connection->server);
		break;
	case SYN:
		close_in_order(connection->server, connection->client);
		break;
	case ORPHAN:
	case ORPHAN_FIN:
		close_one(connection->client, connection->server);
		break;
	case KINDS:
		break;
	}
}

/* The new connection ends by RST, so that nothing waits after it. */
static void connect_again(struct connection *connection)
{
	const struct linger none = {.l_onoff = 1};

	connect_both(connection);
	check(!setsockopt(connection->client, SOL_SOCKET, SO_LINGER, &none, sizeof(none)),
	      "SO_LINGER");
	close(connection->client);
	close(connection->server);
}

/* Of the pseudo-header, which both ends of a segment on loopback make up alike, and the segment. */
static __u16 checksum(const struct connection *connection, const struct tcphdr *tcp)
{
	const union address *at = &connection->client_at;
	bool ipv4 = at->any.sa_family == AF_INET;
	const void *address = ipv4 ? (const void *)&at->ipv4.sin_addr : &at->ipv6.sin6_addr;
	__u32 sum = htons(IPPROTO_TCP) + htons(sizeof(*tcp));
	__u16 words[20];
	size_t size = ipv4 ? 4 : 16;

	memcpy(words, address, size);
	for (size_t i = 0; i < size / 2; i++)
		sum += 2u * words[i];
	memcpy(words, tcp, sizeof(*tcp));
	for (size_t i = 0; i < sizeof(*tcp) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16) ~(sum + (sum >> 16));
}

/* A segment from the server's end, whose socket is gone, after both FINs. */
static void send_stray(const struct connection *connection, bool reset)
{
	int raw = socket(connection->client_at.any.sa_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	union address to = connection->client_at;
	struct tcphdr tcp = {
		.source = connection->server_at.ipv4.sin_port, /* the same place in both */
		.dest = connection->client_at.ipv4.sin_port,
		.seq = htonl(connection->server_seq + 1),
		.ack_seq = htonl(connection->client_seq + 1),
		.doff = sizeof(tcp) / 4,
		.window = 0xffff,
		.ack = !reset,
		.rst = reset,
	};

	tcp.check = checksum(connection, &tcp);
	to.ipv4.sin_port = 0;
	check(sendto(raw, &tcp, sizeof(tcp), 0, &to.any, connection->length) == sizeof(tcp),
	      "a raw segment");
	close(raw);
}

/* As `ss -K` does it; an error of the kernel, which may not know how (it does since 6.5). */
static int destroy(const struct connection *connection)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = SOCK_DESTROY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.body = {.sdiag_family = (__u8)connection->client_at.any.sa_family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = 1u << TCP_TIME_WAIT,
			 .id = {.idiag_sport = connection->client_at.ipv4.sin_port,
				.idiag_dport = connection->server_at.ipv4.sin_port,
				.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = {0};
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (connection->client_at.any.sa_family == AF_INET) {
		memcpy(request.body.id.idiag_src, &connection->client_at.ipv4.sin_addr, 4);
		memcpy(request.body.id.idiag_dst, &connection->server_at.ipv4.sin_addr, 4);
	} else {
		memcpy(request.body.id.idiag_src, &connection->client_at.ipv6.sin6_addr, 16);
		memcpy(request.body.id.idiag_dst, &connection->server_at.ipv6.sin6_addr, 16);
	}
	check(send(netlink, &request, sizeof(request), 0) == sizeof(request), "sock_diag");
	check(recv(netlink, &answer, sizeof(answer), 0) > 0, "sock_diag");
	close(netlink);
	return answer.error.error;
}

static void resume(enum kind kind, struct connection *connection)
{
	int error;

	switch (kind) {
	case CONNECT:
	case SYN:
		connect_again(connection);
		break;
	case ORPHAN_FIN:
		close(connection->server);
		break;
	case RESET:
	case RESTARTED:
		send_stray(connection, kind == RESET);
		break;
	case DESTROYED:
		error = destroy(connection);
		if (error)
			printf("{\"refused\":\"%s\",\"errno\":\"%s\"}\n", names[kind],
			       strerrorname_np(-error));
		break;
	case NEVER:
	case TIMER:
	case ORPHAN:
	case KINDS:
		break;
	}
}

static unsigned int port_of(const union address *at)
{
	return ntohs(at->any.sa_family == AF_INET ? at->ipv4.sin_port : at->ipv6.sin6_port);
}

static void sleep_until(const struct timespec *start, int ms)
{
	struct timespec then = *start;

	then.tv_sec += ms / 1000;
	then.tv_nsec += ms % 1000 * 1000000L;
	if (then.tv_nsec >= 1000000000L) {
		then.tv_sec++;
		then.tv_nsec -= 1000000000L;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

static void make_closes(void)
{
	static const int families[2] = {AF_INET, AF_INET6};
	struct connection connections[KINDS][2] = {0};
	struct timespec start;

	for (enum kind kind = 0; kind < KINDS; kind++)
		for (int i = 0; i < 2; i++) {
			open_connection(&connections[kind][i], families[i]);
			begin(kind, &connections[kind][i]);
			printf("{\"made\":\"%s\",\"family\":%d,\"client\":%u,\"server\":%u}\n",
			       names[kind], i ? 6 : 4, port_of(&connections[kind][i].client_at),
			       port_of(&connections[kind][i].server_at));
		}
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		if (!resumed_after[kind])
			continue;
		sleep_until(&start, resumed_after[kind]);
		for (int i = 0; i < 2; i++)
			resume(kind, &connections[kind][i]);
	}
	wait_gone(1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2);
	for (int i = 0; i < 2; i++)
		close(connections[ORPHAN][i].server);
	wait_gone(1u << TCP_TIME_WAIT);
}

struct tracer {
	pid_t pid;
	char ready[64], output[64];
};

static void start_tracer(struct tracer *tracer, int number, char *options)
{
	char *words[32] = {"tcpclose-trace", "-o", "json", "--ready-file", tracer->ready};
	int count = 5, output;

	snprintf(tracer->ready, sizeof(tracer->ready), FOLDER "/waits-ready.%d", number);
	snprintf(tracer->output, sizeof(tracer->output), FOLDER "/waits-output.%d", number);
	for (char *word = strtok(options, " \n"); word && count < 31; word = strtok(NULL, " \n"))
		words[count++] = word;
	tracer->pid = fork();
	check(tracer->pid >= 0, "fork");
	if (tracer->pid)
		return;
	output = open(tracer->output, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(words[0], words);
	check(false, words[0]);
}

/* True once the file of each is there; false if one of them ended before. */
static bool wait_ready(const struct tracer *tracers, int count, int news)
{
	struct pollfd wanted[TRACERS + 1];
	char events[4096];
	struct stat file;

	for (int i = 0; i < count; i++) {
		wanted[i].fd = (int)syscall(SYS_pidfd_open, tracers[i].pid, 0);
		wanted[i].events = POLLIN;
	}
	wanted[count] = (struct pollfd){.fd = news, .events = POLLIN};
	for (int ready = 0; ready < count;) {
		check(poll(wanted, (nfds_t)count + 1, -1) > 0, "poll");
		for (int i = 0; i < count; i++)
			if (wanted[i].revents)
				return false;
		check(read(news, events, sizeof(events)) > 0, "inotify");
		while (ready < count && !stat(tracers[ready].ready, &file))
			ready++;
	}
	return true;
}

static void end_tracer(const struct tracer *tracer, int number)
{
	char *line = NULL;
	size_t size = 0;
	int status;
	FILE *output;

	kill(tracer->pid, SIGINT);
	check(waitpid(tracer->pid, &status, 0) == tracer->pid, "waitpid");
	output = fopen(tracer->output, "re");
	check(output != NULL, tracer->output);
	while (getline(&line, &size, output) > 0)
		printf("%d %s", number, line);
	printf("%d {\"status\":%d}\n", number,
	       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	free(line);
	fclose(output);
}

int main(void)
{
	struct tracer tracers[TRACERS] = {0};
	int count = 0, news = inotify_init1(IN_CLOEXEC);
	char *options = NULL;
	size_t size = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	write_sysctl("tcp_fin_timeout", ORPHAN_SECONDS);
	write_sysctl("tcp_tw_reuse", "1");
	check(news >= 0 && inotify_add_watch(news, FOLDER, IN_CREATE | IN_MOVED_TO) >= 0,
	      "inotify");
	while (count < TRACERS && getline(&options, &size, stdin) > 0) {
		start_tracer(&tracers[count], count, options);
		count++;
	}
	free(options);
	if (wait_ready(tracers, count, news))
		make_closes();
	for (int i = 0; i < count; i++)
		end_tracer(&tracers[i], i);
	return 0;
}

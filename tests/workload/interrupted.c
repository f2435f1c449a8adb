// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Closes while something happens to the machine, for one that can be spoiled: `interrupted FAULT
 * READY_FILE TRACER...` starts the tracer, and once it has created the file does what is in the
 * table of faults. Passes on what the tracer prints and tells when each step was over:
 * {"step":NAME,"boot":NS,"real":NS}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer.h"

#define DEADLINE 240 /* seconds, for all */
#define HOURS 3600
#define SECOND INT64_C(1000000000)
#define ROUNDS 12  /* of a CPU that goes and comes */
#define CLOSES 150 /* of each of two processes meanwhile */
#define NAMESPACES 40
#define REUSE_AFTER 1200 /* ms: connect() takes over a TIME_WAIT after one second */

struct pair {
	struct sockaddr_in client_at, server_at;
	int client, server;
};

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static void tell_step(const char *name)
{
	printf("{\"step\":\"%s\",\"boot\":%lld,\"real\":%lld}\n", name,
	       (long long)now(CLOCK_BOOTTIME), (long long)now(CLOCK_REALTIME));
}

static bool write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return written;
}

static int bound_socket(struct sockaddr_in *at)
{
	socklen_t length = sizeof(*at);
	int one = 1, made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(made >= 0 && !setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
		      !bind(made, (struct sockaddr *)at, length) &&
		      !getsockname(made, (struct sockaddr *)at, &length),
	      "bind");
	return made;
}

/* At the addresses that the pair has; of zeroes they become known. */
static void open_pair(struct pair *pair)
{
	int listener = bound_socket(&pair->server_at);

	pair->client = bound_socket(&pair->client_at);
	check(!listen(listener, 1) && !connect(pair->client, (struct sockaddr *)&pair->server_at,
					       sizeof(pair->server_at)),
	      "connect");
	pair->server = accept(listener, NULL, NULL);
	check(pair->server >= 0, "accept");
	close(listener);
}

static void await_end(int socket)
{
	char byte;

	check(read(socket, &byte, 1) == 0, "read");
}

static void close_pair(const struct pair *pair)
{
	check(!shutdown(pair->client, SHUT_WR), "shutdown");
	await_end(pair->server);
	close(pair->server);
	await_end(pair->client);
	close(pair->client);
}

/* Something happens in the middle of a close, something in the middle of its TIME_WAIT. */
static void close_around(void (*middle)(void), void (*later)(void))
{
	struct pair pair = {0};

	open_pair(&pair);
	printf("{\"made\":1,\"client\":%u,\"server\":%u}\n", ntohs(pair.client_at.sin_port),
	       ntohs(pair.server_at.sin_port));
	tell_step("closing");
	check(!shutdown(pair.client, SHUT_WR), "shutdown");
	await_end(pair.server);
	tell_step("half-closed");
	middle();
	tell_step("second-closing");
	close(pair.server);
	await_end(pair.client);
	close(pair.client);
	tell_step("closed");
	later();
	poll(NULL, 0, REUSE_AFTER);
	tell_step("connecting");
	open_pair(&pair);
	tell_step("reused");
	close_pair(&pair);
}

static void step_clock(int hours)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_sec += hours * HOURS;
	check(!clock_settime(CLOCK_REALTIME, &time), "clock_settime");
}

static void clock_forward(void)
{
	step_clock(3);
}

static void clock_back(void)
{
	step_clock(-8);
}

static void step_the_clock(void)
{
	close_around(clock_forward, clock_back);
	step_clock(5);
}

/* All but the last step, from which an emulated machine would not wake: all stands still, and comes
 * back five seconds later by itself (Documentation/power/basic-pm-debugging.rst). */
static void sleep_deeply(void)
{
	int64_t before = now(CLOCK_BOOTTIME) - now(CLOCK_MONOTONIC);

	if (!write_file("/sys/power/pm_test", "core") || !write_file("/sys/power/state", "mem"))
		printf("{\"unable\":\"%s\"}\n", strerror(errno));
	printf("{\"slept\":%lld}\n",
	       (long long)(now(CLOCK_BOOTTIME) - now(CLOCK_MONOTONIC) - before));
}

static void suspend(void)
{
	close_around(sleep_deeply, sleep_deeply);
}

static void close_many(void)
{
	for (int i = 0; i < CLOSES; i++) {
		struct pair pair = {0};

		open_pair(&pair);
		close_pair(&pair);
	}
}

static void wait_children(int count)
{
	for (int i = 0; i < count; i++) {
		int status;

		check(wait(&status) > 0, "wait");
		if (status)
			printf("{\"failed\":%d}\n", status);
	}
}

static pid_t fork_child(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (!pid)
		alarm(DEADLINE);
	return pid;
}

static void take_cpu(void)
{
	static const char path[] = "/sys/devices/system/cpu/cpu1/online";

	for (int i = 0; i < 2; i++)
		if (!fork_child()) {
			close_many();
			_exit(0);
		}
	for (int i = 0; i < ROUNDS; i++)
		if (!write_file(path, "0") || !write_file(path, "1")) {
			printf("{\"unable\":\"%s\"}\n", strerror(errno));
			break;
		}
	wait_children(2);
	printf("{\"made\":%d}\n", 2 * CLOSES);
}

static void close_in_namespace(int gate)
{
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct pair pair = {0};
	char byte;
	int any;

	check(!unshare(CLONE_NEWNET), "unshare");
	any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	check(any >= 0 && !ioctl(any, SIOCSIFFLAGS, &loopback), "lo");
	close(any);
	open_pair(&pair);
	close_pair(&pair);
	check(read(gate, &byte, 1) == 0, "gate");
}

/* All end at once, each with a TIME_WAIT in it. */
static void remove_namespaces(void)
{
	int gate[2];

	check(!pipe2(gate, O_CLOEXEC), "pipe");
	for (int i = 0; i < NAMESPACES; i++)
		if (!fork_child()) {
			close(gate[1]);
			close_in_namespace(gate[0]);
			_exit(0);
		}
	close(gate[0]);
	close(gate[1]);
	wait_children(NAMESPACES);
	printf("{\"made\":%d}\n", NAMESPACES);
}

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? errno : 0;
}

static void tell_unload(const char *when, const char *module)
{
	printf("{\"unload\":\"%s\",\"when\":\"%s\",\"errno\":%d}\n", module, when, unload(module));
}

static void unload_diag(void)
{
	tell_unload("tracing", "tcp_diag");
	tell_unload("tracing", "inet_diag");
}

static void unload_filters(void)
{
	tell_unload("tracing", "cls_bpf");
	tell_unload("tracing", "sch_ingress");
}

static void unload_modules(void)
{
	close_around(unload_diag, unload_filters);
}

/* What the tracer's filters held is let go of a little later, and nothing tells when. */
static void unload_after(void)
{
	static const char *const modules[] = {"cls_bpf", "sch_ingress"};

	for (int i = 0; i < 2; i++) {
		int error = unload(modules[i]);

		while (error == EAGAIN || error == EBUSY) {
			poll(NULL, 0, 5);
			error = unload(modules[i]);
		}
		printf("{\"unload\":\"%s\",\"when\":\"ended\",\"errno\":%d}\n", modules[i], error);
	}
}

static const struct {
	const char *name;
	void (*make)(void);
	void (*afterwards)(void);
} faults[] = {
	{"clock", step_the_clock, NULL},
	{"suspend", suspend, NULL},
	{"cpu", take_cpu, NULL},
	{"namespaces", remove_namespaces, NULL},
	{"modules", unload_modules, unload_after},
};

int main(int argc, char **argv)
{
	struct tracer tracer = {0};
	size_t fault = 0, count = sizeof(faults) / sizeof(faults[0]);

	while (argc > 3 && fault < count && strcmp(argv[1], faults[fault].name) != 0)
		fault++;
	if (argc < 4 || fault == count) {
		fprintf(stderr, "usage: interrupted FAULT READY_FILE TRACER...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(DEADLINE);
	check(write_file("/proc/sys/net/ipv4/tcp_tw_reuse", "1"), "tcp_tw_reuse");
	tell_step("start");
	if (start_tracer(&tracer, argv[2], argv + 3)) {
		faults[fault].make();
		kill(tracer.pid, SIGINT);
	}
	end_tracer(&tracer);
	if (faults[fault].afterwards)
		faults[fault].afterwards();
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Addresses that a mini-socket holds, and the new socket that takes them: told by the kernel's
 * part, of those that user space has named too. By timer: where functions tell, nothing is named.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/clock.h"
#include "kernel/plan.h"
#include "kernel/ring.h"
#include "kernel/socket_probe.h"

#define RING_SIZE (1 << 20)

struct bench {
	struct socket_probe *probe;
	struct ring *ring;
	uint32_t netns;
	int listener;
	struct sockaddr_in client_at, server_at;
	unsigned int taken; /* records */
	struct time_wait_record last;
};

static unsigned int told, failed;

static void result(bool good, const char *name)
{
	told++;
	failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", told, name);
}

static void take(void *context, const struct record *record, size_t length)
{
	struct bench *bench = context;

	if (record->kind != RECORD_TIME_WAIT || length < sizeof(bench->last) ||
	    record->netns != bench->netns ||
	    ((const struct time_wait_record *)record)->event != TIME_WAIT_TAKEN)
		return;
	memcpy(&bench->last, record, sizeof(bench->last));
	bench->taken++;
}

/* In a namespace of its own nobody else takes addresses; and without timestamps the kernel gives
 * those of a TIME_WAIT to no connect(). */
static bool enter_namespace(struct bench *bench)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct stat own;
	int any;

	if (unshare(CLONE_NEWNET) || stat("/proc/self/ns/net", &own))
		return false;
	any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCSIFFLAGS, &request))
		return false;
	close(any);
	any = open("/proc/sys/net/ipv4/tcp_timestamps", O_WRONLY | O_CLOEXEC);
	if (any < 0 || write(any, "0", 1) != 1)
		return false;
	close(any);
	bench->netns = (uint32_t)own.st_ino;
	return true;
}

static bool watch(struct bench *bench, struct buffer *why)
{
	const struct plan_request request = {.packets = PACKETS_NONE};
	struct settings settings = {.state_tells_begin = 1, .hold_at_begin = 1};
	struct ring_source source;
	struct features features;
	struct plan plan;

	features_detect(&features, UINT64_C(1) << FEATURE_FENTRY);
	plan = plan_make(&features, &request);
	settings.has_cookie = plan.cookie;
	settings.has_destroy = plan.destroy;
	settings.tw_timer_handler = features.tw_timer_handler;
	settings.hz = clock_hz();
	if (socket_probe_open(&bench->probe, &plan, &settings, RING_SIZE, why) ||
	    socket_probe_load(bench->probe, why))
		return false;
	source = socket_probe_ring(bench->probe);
	return !socket_probe_attach(bench->probe, &plan, why) &&
	       !ring_open(&bench->ring, &source, take, bench);
}

static int bound_socket(struct sockaddr_in *at)
{
	int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t length = sizeof(*at);

	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(made, (struct sockaddr *)at, length) ||
	    getsockname(made, (struct sockaddr *)at, &length)) {
		close(made);
		return -1;
	}
	return made;
}

static void address(const struct sockaddr_in *at, uint8_t *bytes, uint16_t *port)
{
	memset(bytes, 0, 10);
	memset(bytes + 10, 0xff, 2);
	memcpy(bytes + 12, &at->sin_addr, 4);
	*port = ntohs(at->sin_port);
}

static struct flow flow_of(const struct sockaddr_in *local, const struct sockaddr_in *remote)
{
	struct flow flow;

	address(local, flow.local, &flow.local_port);
	address(remote, flow.remote, &flow.remote_port);
	return flow;
}

/* A connection from the client's address, closed by the client first; an errno. */
static int connect_and_close(const struct bench *bench, int client)
{
	int server;
	char byte;

	if (connect(client, (struct sockaddr *)&bench->server_at, sizeof(bench->server_at))) {
		close(client);
		return errno;
	}
	server = accept4(bench->listener, NULL, NULL, SOCK_CLOEXEC);
	close(client);
	if (server < 0 || recv(server, &byte, 1, 0))
		return EIO;
	close(server);
	return 0;
}

/* As above; what was told of it is taken then. */
static int connect_and_take(const struct bench *bench, int client)
{
	int error = connect_and_close(bench, client);

	ring_drain_all(bench->ring);
	return error;
}

/* Each time from a port of its own. */
static bool taken_as_named(struct bench *bench, bool as_client)
{
	const uint64_t begin = clock_boot();
	struct flow flow;
	int client;

	bench->taken = 0;
	memset(&bench->client_at, 0, sizeof(bench->client_at));
	client = bound_socket(&bench->client_at);
	flow = as_client ? flow_of(&bench->client_at, &bench->server_at)
			 : flow_of(&bench->server_at, &bench->client_at);
	socket_probe_expect_taking(bench->probe, &flow, bench->netns);
	if (connect_and_take(bench, client))
		return false;
	return bench->taken == 1 && memcmp(&bench->last.header.flow, &flow, sizeof(flow)) == 0 &&
	       bench->last.role == (as_client ? ROLE_CLIENT : ROLE_SERVER) &&
	       bench->last.taken >= begin && bench->last.taken <= bench->last.header.time;
}

static bool not_taken_by_chance(struct bench *bench)
{
	int client;

	bench->taken = 0;
	memset(&bench->client_at, 0, sizeof(bench->client_at));
	client = bound_socket(&bench->client_at);
	return !connect_and_take(bench, client) && !bench->taken;
}

/* From the port of the connection before, which is in TIME_WAIT. */
static bool not_taken_where_refused(struct bench *bench)
{
	int client = bound_socket(&bench->client_at);

	return connect_and_take(bench, client) == EADDRNOTAVAIL && !bench->taken;
}

int main(void)
{
	struct bench bench = {.listener = -1};
	struct buffer why;

	if (geteuid()) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	printf("1..4\n");
	buffer_init(&why);
	if (!enter_namespace(&bench) || !watch(&bench, &why) ||
	    (bench.listener = bound_socket(&bench.server_at)) < 0 || listen(bench.listener, 1)) {
		printf("Bail out! %.*s\n", (int)why.length, why.data ? why.data : "");
		return 1;
	}
	result(taken_as_named(&bench, true), "a connect() takes what user space has named");
	result(taken_as_named(&bench, false), "a SYN takes what user space has named");
	result(not_taken_by_chance(&bench), "nothing is taken from nobody");
	result(not_taken_where_refused(&bench), "a connect() that gets no address takes none");
	ring_close(bench.ring);
	socket_probe_close(bench.probe);
	close(bench.listener);
	buffer_done(&why);
	return failed ? 1 : 0;
}

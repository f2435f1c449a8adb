// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Mini-sockets that this test makes, as the census finds them: at home, and as root in a namespace
 * of a child. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "descriptors.h"
#include "kernel/census.h"
#include "kernel/namespaces.h"
#include "kernel/snapshot.h"

#define FIN_WAIT2 5
#define TIME_WAIT 6
#define WAITS 5

static uint16_t port_of(int descriptor)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
	return ntohs(address.sin_port);
}

/* Over loopback; the flow is ends[0]'s, the one that connected. */
static struct flow connect_to_ourselves(int ends[2])
{
	static const uint8_t loopback[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = sizeof(address);
	struct flow flow;

	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(ends[0], (struct sockaddr *)&address, length), 0);
	ends[1] = accept(listener, NULL, NULL);
	memcpy(flow.local, loopback, sizeof(flow.local));
	memcpy(flow.remote, loopback, sizeof(flow.remote));
	flow.local_port = port_of(ends[0]);
	flow.remote_port = ntohs(address.sin_port);
	close(listener);
	return flow;
}

static struct flow make_wait(void)
{
	char nothing;
	int ends[2];
	struct flow flow = connect_to_ourselves(ends);

	shutdown(ends[0], SHUT_WR);
	assert_int_equal(recv(ends[1], &nothing, 1, 0), 0);
	close(ends[1]);
	assert_int_equal(recv(ends[0], &nothing, 1, 0), 0);
	close(ends[0]);
	return flow;
}

static int own_namespace(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void skip_without_sock_diag(void)
{
	if (snapshot_probe()) {
		print_message("sock_diag does not answer for TCP: skipped\n");
		skip();
	}
}

static struct census_answer find(int namespace, const struct flow *flow)
{
	struct census_answer answer;
	struct census *census;

	assert_int_equal(census_open(&census, namespace), 0);
	assert_int_equal(census_find(census, flow, &answer), 0);
	census_close(census);
	return answer;
}

static void one_is_found(void **state)
{
	int home = own_namespace(), before = open_descriptors(), ends[2], on = 1;
	struct flow flow, free_flow;
	struct census_answer answer;
	char nothing;

	(void)state;
	skip_without_sock_diag();
	flow = make_wait();
	answer = find(home, &flow);
	assert_int_equal(answer.holder, CENSUS_WAITING);
	assert_int_equal(answer.state, TIME_WAIT);
	assert_true(answer.left_ms > 50000 && answer.left_ms < 65000);
	assert_true(census_count(home) >= 1);
	free_flow = flow;
	free_flow.remote_port = 1;
	assert_int_equal(find(home, &free_flow).holder, CENSUS_NOBODY);

	flow = connect_to_ourselves(ends);
	assert_int_equal(find(home, &flow).holder, CENSUS_A_SOCKET);
	close(ends[0]);
	/* The FIN's acknowledgement may be delayed: read to the end and ask for it now. */
	assert_int_equal(recv(ends[1], &nothing, 1, 0), 0);
	assert_int_equal(setsockopt(ends[1], IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on)), 0);
	answer = find(home, &flow);
	assert_int_equal(answer.holder, CENSUS_WAITING);
	assert_int_equal(answer.state, FIN_WAIT2);
	close(ends[1]);
	assert_int_equal(find(home, &flow).state, TIME_WAIT);
	assert_int_equal(open_descriptors(), before);
	close(home);
}

/* In a namespace of its own: makes waits, tells their flows, ends when told to. */
static void live_elsewhere(int tell, int told)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct flow flow;
	char nothing;
	int any;

	if (unshare(CLONE_NEWNET))
		_exit(1);
	any = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(any, SIOCSIFFLAGS, &request))
		_exit(1);
	for (int i = 0; i < WAITS; i++)
		flow = make_wait();
	if (write(tell, &flow, sizeof(flow)) != sizeof(flow))
		_exit(1);
	_exit(read(told, &nothing, 1) != 0);
}

static uint32_t namespace_of(pid_t child)
{
	struct stat status;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
	assert_int_equal(stat(path, &status), 0);
	return (uint32_t)status.st_ino;
}

static void elsewhere_and_gone(void **state)
{
	int from_child[2], to_child[2], before, namespace, status;
	struct flow flow;
	uint32_t netns;
	pid_t child;

	(void)state;
	if (geteuid()) {
		print_message("needs root: skipped\n");
		skip();
	}
	skip_without_sock_diag();
	assert_int_equal(pipe2(from_child, O_CLOEXEC) | pipe2(to_child, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		close(to_child[1]);
		live_elsewhere(from_child[1], to_child[0]);
	}
	close(from_child[1]);
	close(to_child[0]);
	assert_int_equal(read(from_child[0], &flow, sizeof(flow)), sizeof(flow));
	netns = namespace_of(child);
	before = open_descriptors();

	namespace = namespaces_reach(netns);
	assert_true(namespace >= 0);
	assert_int_equal(census_count(namespace), WAITS);
	assert_int_equal(find(namespace, &flow).state, TIME_WAIT);
	close(namespace);
	assert_int_equal(open_descriptors(), before);

	close(to_child[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(namespaces_reach(netns), -ESRCH);
	close(from_child[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_found),
		cmocka_unit_test(elsewhere_and_gone),
	};

	return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}

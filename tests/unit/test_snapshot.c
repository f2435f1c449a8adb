// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the running kernel says of connections that this test makes over loopback, of its features
 * and of its names. Needs no privilege; without it fewer features are found. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "descriptors.h"
#include "kernel/features.h"
#include "kernel/kernel_names.h"
#include "kernel/snapshot.h"

#define ESTABLISHED 1
#define FIN_WAIT2 5
#define CLOSE_WAIT 8

/* A connection to ourselves: ends[0] connected, ends[1] was accepted. */
struct connection {
	int ends[2];
	uint16_t ports[2];
};

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static uint16_t port_of(int descriptor)
{
	union address address;
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(descriptor, &address.any, &length), 0);
	return ntohs(address.any.sa_family == AF_INET ? address.ipv4.sin_port
						      : address.ipv6.sin6_port);
}

static struct connection connect_to_ourselves(int family)
{
	union address address = {.any.sa_family = (sa_family_t)family};
	int listener = socket(family, SOCK_STREAM, 0);
	socklen_t length = sizeof(address);
	struct connection connection;

	if (family == AF_INET)
		address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		address.ipv6.sin6_addr = in6addr_loopback;
	assert_int_equal(bind(listener, &address.any, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &address.any, &length), 0);
	connection.ends[0] = socket(family, SOCK_STREAM, 0);
	assert_int_equal(connect(connection.ends[0], &address.any, length), 0);
	connection.ends[1] = accept(listener, NULL, NULL);
	assert_true(connection.ends[1] >= 0);
	connection.ports[0] = port_of(connection.ends[0]);
	connection.ports[1] = port_of(connection.ends[1]);
	close(listener);
	return connection;
}

struct wanted {
	uint16_t local;
	uint16_t remote;
	struct state_record record;
	int found;
};

static int keep_wanted(void *context, const struct record *header)
{
	const struct state_record *record = (const struct state_record *)header;
	struct wanted *wanted = context;

	if (record->header.flow.local_port == wanted->local &&
	    record->header.flow.remote_port == wanted->remote) {
		wanted->record = *record;
		wanted->found++;
	}
	return 0;
}

static struct state_record look_for(const struct connection *connection, int end, bool sock_diag)
{
	struct wanted wanted = {.local = connection->ports[end], .remote = connection->ports[!end]};
	struct snapshot_request request = {
		.time = 42, .contents = SNAPSHOT_SOCKETS, .sock_diag = sock_diag};
	struct snapshot_result result;

	assert_int_equal(snapshot_take(&request, keep_wanted, &wanted, &result), 0);
	assert_int_equal(wanted.found, 1);
	assert_true(result.sockets >= 1 && result.namespaces >= 1);
	assert_int_equal(wanted.record.header.length, sizeof(wanted.record));
	assert_int_equal(wanted.record.header.kind, RECORD_STATE);
	assert_int_equal(wanted.record.header.time, 42);
	assert_true(wanted.record.context & CONTEXT_SNAPSHOT);
	assert_int_equal(wanted.record.from, wanted.record.to);
	return wanted.record;
}

static uint64_t cookie_of(int descriptor)
{
	socklen_t length = sizeof(uint64_t);
	uint64_t cookie;

	assert_int_equal(getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
	return cookie;
}

static void check_half_closed(int family, bool sock_diag)
{
	struct connection connection = connect_to_ourselves(family);
	struct state_record closer, waiter;
	struct stat file, namespace;
	char text[8];
	int on = 1;

	assert_int_equal(send(connection.ends[0], "12345", 5, 0), 5);
	assert_int_equal(look_for(&connection, 0, sock_diag).to, ESTABLISHED);
	assert_int_equal(shutdown(connection.ends[0], SHUT_WR), 0);
	/* The FIN's acknowledgement may be delayed: read to the end and ask for it now. */
	assert_int_equal(recv(connection.ends[1], text, sizeof(text), 0), 5);
	assert_int_equal(recv(connection.ends[1], text, sizeof(text), 0), 0);
	assert_int_equal(setsockopt(connection.ends[1], IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on)),
			 0);
	closer = look_for(&connection, 0, sock_diag);
	waiter = look_for(&connection, 1, sock_diag);

	assert_int_equal(closer.to, FIN_WAIT2);
	assert_int_equal(waiter.to, CLOSE_WAIT);
	assert_int_equal(closer.context, CONTEXT_SNAPSHOT);
	assert_int_equal(waiter.context, CONTEXT_SNAPSHOT | CONTEXT_FIN_SEEN);
	assert_memory_equal(closer.header.flow.local, waiter.header.flow.remote, 16);
	assert_int_equal(closer.header.flow.local[15], 1);
	assert_int_equal(closer.header.flow.local[10], family == AF_INET ? 0xff : 0);
	assert_int_equal(fstat(connection.ends[1], &file), 0);
	assert_int_equal(waiter.inode, file.st_ino);
	assert_int_equal(waiter.uid, geteuid());
	assert_int_equal(stat("/proc/self/ns/net", &namespace), 0);
	assert_int_equal(waiter.header.netns, namespace.st_ino);
	if (sock_diag) {
		assert_int_equal(closer.socket, cookie_of(connection.ends[0]));
		assert_int_equal(closer.bytes_sent, 5);
		assert_int_equal(waiter.bytes_received, 6); /* the FIN counts as one */
		assert_int_equal(closer.shutdown, 2);
	} else {
		assert_int_equal(closer.socket, 0);
	}
	close(connection.ends[0]);
	closer = look_for(&connection, 0, sock_diag);
	assert_int_equal(closer.to, FIN_WAIT2);
	assert_int_equal(closer.context, CONTEXT_SNAPSHOT | CONTEXT_NO_SOCKET | CONTEXT_ORPHAN);
	close(connection.ends[1]);
}

static void skip_without_sock_diag(void)
{
	if (snapshot_probe()) {
		print_message("sock_diag does not answer for TCP: skipped\n");
		skip();
	}
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
	bool bound = bind(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(descriptor);
	if (!bound)
		print_message("no IPv6 on loopback: skipped\n");
	return bound;
}

static void half_closed_by_sock_diag(void **state)
{
	(void)state;
	skip_without_sock_diag();
	check_half_closed(AF_INET, true);
	if (has_ipv6())
		check_half_closed(AF_INET6, true);
}

static void half_closed_by_proc(void **state)
{
	(void)state;
	check_half_closed(AF_INET, false);
	if (has_ipv6())
		check_half_closed(AF_INET6, false);
}

static int stop(void *context, const struct record *record)
{
	(void)record;
	return ++*(int *)context == 2 ? -7 : 0;
}

static void a_caller_can_stop(void **state)
{
	struct connection connection = connect_to_ourselves(AF_INET);
	struct snapshot_result result;

	(void)state;
	for (int sock_diag = snapshot_probe() ? 0 : 1; sock_diag >= 0; sock_diag--) {
		struct snapshot_request request = {.contents = SNAPSHOT_SOCKETS,
						   .sock_diag = sock_diag};
		int count = 0;

		assert_int_equal(snapshot_take(&request, stop, &count, &result), -7);
		assert_int_equal(count, 2);
	}
	close(connection.ends[0]);
	close(connection.ends[1]);
}

static void features_say_why_not(void **state)
{
	uint64_t tcx = UINT64_C(1) << FEATURE_TCX;
	int before = open_descriptors();
	struct features features;

	(void)state;
	features_detect(&features, tcx);
	for (int feature = 0; feature < FEATURES; feature++)
		assert_int_equal(features.has[feature], !features.reason[feature][0]);
	assert_false(features.has[FEATURE_TCX]);
	assert_string_equal(features.reason[FEATURE_TCX], "switched off by --without");
	assert_int_equal(features.has[FEATURE_TIMER_EXPIRE], features.tw_timer_handler != 0);
	if (geteuid())
		assert_false(features.has[FEATURE_ROOT]);
	assert_int_equal(open_descriptors(), before);
}

static void names_come_from_the_kernel(void **state)
{
	struct kernel_names *names = kernel_names_new();
	const char *name = kernel_names_reset_reason(names, 0);

	(void)state;
	if (name)
		assert_string_equal(name, "NOT_SPECIFIED");
	else
		print_message("this kernel has no names of reset reasons\n");
	assert_null(kernel_names_reset_reason(names, RESET_REASON_NONE));
	assert_null(kernel_names_reset_reason(names, 255));
	kernel_names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_closed_by_sock_diag),
		cmocka_unit_test(half_closed_by_proc),
		cmocka_unit_test(a_caller_can_stop),
		cmocka_unit_test(features_say_why_not),
		cmocka_unit_test(names_come_from_the_kernel),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What the kernel answers on netlink and in /proc/net, made up. An input is a byte that says who
 * asks, and datagrams: two bytes of length each, then the datagram; of text, just the text. Nobody
 * is asked: the functions below take the place of libmnl's, of fopen() and of the namespaces.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <sanitizer/asan_interface.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "kernel/census.h"
#include "kernel/links.h"
#include "kernel/listeners.h"
#include "kernel/namespaces.h"
#include "kernel/snapshot.h"

#define NETNS 4026531840u
#define ASKED 100 /* what has not been answered by then is an endless loop */

struct mnl_socket {
	int descriptor;
};

static struct {
	const uint8_t *bytes;
	size_t left;
	unsigned int asked;
	/* Behind a datagram, in the buffer of who asked. */
	void *forbidden;
	size_t forbidden_size;
} input;

/* The linker calls the first for fopen(), the second is the C library's. */
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);

static void allow(void)
{
	ASAN_UNPOISON_MEMORY_REGION(input.forbidden, input.forbidden_size);
	input.forbidden_size = 0;
}

/* The next datagram; its length or 0. */
static size_t take_datagram(const uint8_t **datagram)
{
	size_t length;

	if (input.left < 2)
		return 0;
	length = (size_t)input.bytes[0] | (size_t)input.bytes[1] << 8;
	length = length < input.left - 2 ? length : input.left - 2;
	*datagram = input.bytes + 2;
	input.bytes += 2 + length;
	input.left -= 2 + length;
	return length;
}

/* libmnl takes a length above INT_MAX for a negative one that fits, which no kernel tells. */
static void make_framing_right(uint8_t *bytes, size_t length)
{
	while (length >= sizeof(struct nlmsghdr)) {
		uint32_t size;

		memcpy(&size, bytes, sizeof(size));
		size &= INT32_MAX;
		memcpy(bytes, &size, sizeof(size));
		if (size < sizeof(struct nlmsghdr) || MNL_ALIGN(size) > length)
			return;
		bytes += MNL_ALIGN(size);
		length -= MNL_ALIGN(size);
	}
}

struct mnl_socket *mnl_socket_fdopen(int descriptor)
{
	struct mnl_socket *opened = malloc(sizeof(*opened));

	FUZZ_CHECK(opened);
	opened->descriptor = descriptor;
	return opened;
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	return mnl_socket_fdopen(-1);
}

int mnl_socket_bind(struct mnl_socket *opened, unsigned int groups, pid_t pid)
{
	(void)opened;
	(void)groups;
	(void)pid;
	return 0;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *opened)
{
	(void)opened;
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *opened, const void *bytes, size_t length)
{
	(void)opened;
	(void)bytes;
	FUZZ_CHECK(++input.asked < ASKED);
	return (ssize_t)length;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *opened, void *bytes, size_t room)
{
	const uint8_t *datagram;
	size_t length = take_datagram(&datagram);

	(void)opened;
	allow();
	FUZZ_CHECK(length <= room || room == 4096); /* the census expects one short message */
	if (!length || length > room) {
		errno = length ? ENOSPC : EAGAIN;
		return -1;
	}
	memcpy(bytes, datagram, length);
	make_framing_right(bytes, length);
	input.forbidden = (uint8_t *)bytes + length;
	input.forbidden_size = room - length;
	ASAN_POISON_MEMORY_REGION(input.forbidden, input.forbidden_size);
	return (ssize_t)length;
}

int mnl_socket_close(struct mnl_socket *opened)
{
	allow();
	if (opened->descriptor >= 0)
		close(opened->descriptor);
	free(opened);
	return 0;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (strncmp(path, "/proc/thread-self/net/", 22) != 0)
		return __real_fopen(path, mode);
	if (input.left)
		return fmemopen((void *)input.bytes, input.left, "r");
	errno = EACCES;
	return NULL;
}

int namespaces_walk(namespaces_visit visit, void *context)
{
	return visit(context, NETNS, -1);
}

int namespaces_enter(int descriptor)
{
	(void)descriptor;
	return 0;
}

int namespaces_leave(int home)
{
	(void)home;
	return 0;
}

static int check_record(void *context, const struct record *record)
{
	size_t *left = context;

	FUZZ_CHECK(record->netns == NETNS);
	FUZZ_CHECK(record->length == (record->kind == RECORD_STATE
					      ? sizeof(struct state_record)
					      : sizeof(struct time_wait_record)));
	return (*left)-- ? 0 : -ECANCELED;
}

static int check_close_wait(void *context, const struct close_wait_found *found)
{
	size_t *left = context;

	FUZZ_CHECK(found->netns == NETNS);
	return (*left)-- ? 0 : -ECANCELED;
}

static void check_link(void *context, const struct link_event *event)
{
	(void)context;
	FUZZ_CHECK(event->kind <= LINK_FILTERS_FEWER);
	FUZZ_CHECK(strnlen(event->name, sizeof(event->name)) < sizeof(event->name));
}

static void take_snapshot(bool sock_diag, unsigned int contents)
{
	const struct snapshot_request request = {
		.time = 1, .contents = contents, .sock_diag = sock_diag};
	struct snapshot_result result;
	size_t wanted = 64;
	int error;

	if (contents)
		error = snapshot_take(&request, check_record, &wanted, &result);
	else
		error = snapshot_close_wait(&request, check_close_wait, &wanted, &result);
	FUZZ_CHECK(!error || error == -ECANCELED);
	FUZZ_CHECK(result.unread == !!result.error && result.error <= 0);
}

static void ask_census(void)
{
	const struct flow flow = {.local_port = 80, .remote_port = 1024};
	struct census_answer answer;
	struct census *census;

	FUZZ_CHECK(census_open(&census, -1) == 0);
	FUZZ_CHECK(census_find(census, &flow, &answer) <= 0);
	FUZZ_CHECK(answer.holder <= CENSUS_A_SOCKET);
	census_close(census);
}

static void find_listener(void)
{
	const struct flow flow = {.local_port = 80};
	struct listeners *listeners = listeners_new(true);

	FUZZ_CHECK(listeners);
	listeners_read(listeners, 0);
	listeners_find(listeners, NETNS, &flow);
	listeners_free(listeners);
}

/* A socket of our own: the kernel's messages come from port 0, and so do these. */
static void read_monitor(void)
{
	const uint8_t *datagram;
	int ends[2];
	size_t length;

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
	while ((length = take_datagram(&datagram))) {
		uint8_t copy[UINT16_MAX];

		memcpy(copy, datagram, length);
		make_framing_right(copy, length);
		if (send(ends[1], copy, length, 0) < 0)
			break;
	}
	FUZZ_CHECK(links_monitor_read(ends[0], check_link, NULL) <= 0);
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (!length)
		return 0;
	input.bytes = bytes + 1;
	input.left = length - 1;
	input.asked = 0;
	switch (bytes[0] % 8) {
	case 0:
		take_snapshot(true, SNAPSHOT_SOCKETS | SNAPSHOT_MINI_SOCKETS | SNAPSHOT_LISTENERS);
		break;
	case 1:
		take_snapshot(true, 0);
		break;
	case 2:
		take_snapshot(false, SNAPSHOT_SOCKETS | SNAPSHOT_MINI_SOCKETS);
		break;
	case 3:
		ask_census();
		break;
	case 4:
		FUZZ_CHECK(census_count(-1) >= -EBADMSG);
		break;
	case 5:
		FUZZ_CHECK(links_list(check_link, NULL) <= 0);
		FUZZ_CHECK(links_nsid(-1, bytes[0] & 8) >= INT32_MIN);
		break;
	case 6:
		find_listener();
		break;
	case 7:
		read_monitor();
		break;
	}
	allow();
	return 0;
}

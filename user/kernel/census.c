// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/census.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/namespaces.h"

#define TIMER_TIME_WAIT 3 /* idiag_timer: the time of a mini-socket */
#define LISTEN 10         /* include/net/tcp_states.h */

/* "TCP: inuse 5 orphan 0 tw 7 alloc 9 mem 2" */
static int parse_sockstat(FILE *file)
{
	char line[256];
	int count;

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "TCP: inuse %*d orphan %*d tw %d", &count) == 1 && count >= 0)
			return count;
	return ferror(file) ? -EIO : -EBADMSG;
}

/* What is opened in a namespace stays in it, and an open file keeps it alive. */
struct census {
	struct mnl_socket *socket;
	struct if_nameindex *interfaces;
};

int census_count(int namespace)
{
	int home = namespaces_enter(namespace), count, error;
	FILE *file;

	if (home < 0)
		return home;
	file = fopen("/proc/thread-self/net/sockstat", "re");
	count = file ? 0 : -errno;
	error = namespaces_leave(home);
	if (!file)
		return error ? error : count;
	count = parse_sockstat(file);
	fclose(file);
	return error ? error : count;
}

static bool is_ipv4(const __u8 address[16])
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

static void fill_id(struct inet_diag_req_v2 *request, const struct flow *flow, uint32_t interface)
{
	size_t skipped = is_ipv4(flow->local) ? 12 : 0;

	request->sdiag_family = skipped ? AF_INET : AF_INET6;
	memcpy(request->id.idiag_src, flow->local + skipped, sizeof(flow->local) - skipped);
	memcpy(request->id.idiag_dst, flow->remote + skipped, sizeof(flow->remote) - skipped);
	request->id.idiag_sport = htons(flow->local_port);
	request->id.idiag_dport = htons(flow->remote_port);
	request->id.idiag_if = interface;
	request->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static int ask(struct mnl_socket *socket, const struct flow *flow, uint32_t interface)
{
	char buffer[NLMSG_ALIGN(sizeof(struct nlmsghdr)) + sizeof(struct inet_diag_req_v2)];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));

	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	header->nlmsg_flags = NLM_F_REQUEST;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = ~0u;
	fill_id(request, flow, interface);
	return mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}

static int take_message(const struct nlmsghdr *header, void *context)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	struct census_answer *answer = context;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	/* A listener answers for flows that nobody has. */
	if (message->idiag_state == LISTEN)
		return MNL_CB_STOP;
	answer->holder = message->idiag_timer == TIMER_TIME_WAIT ? CENSUS_WAITING : CENSUS_A_SOCKET;
	answer->state = message->idiag_state;
	answer->cookie = (uint64_t)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0];
	if (answer->holder == CENSUS_WAITING)
		answer->left_ms = message->idiag_expires;
	return MNL_CB_STOP;
}

/* The answer or an error; no acknowledgement was asked for. */
static int look_up(struct mnl_socket *socket, const struct flow *flow, uint32_t interface,
		   struct census_answer *answer)
{
	_Alignas(struct nlmsghdr) char buffer[4096];
	int error = ask(socket, flow, interface);
	ssize_t length;

	if (error)
		return error;
	do
		length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (mnl_cb_run(buffer, (size_t)length, 0, 0, take_message, answer) >= 0 || errno == ENOENT)
		return 0;
	return -errno;
}

int census_open(struct census **result, int namespace)
{
	struct census *census = calloc(1, sizeof(*census));
	int home = census ? namespaces_enter(namespace) : -ENOMEM, error;

	if (home < 0) {
		free(census);
		return home;
	}
	census->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	error = census->socket ? 0 : -errno;
	census->interfaces = if_nameindex();
	if (namespaces_leave(home) && !error)
		error = -errno;
	if (error) {
		census_close(census);
		return error;
	}
	*result = census;
	return 0;
}

void census_close(struct census *census)
{
	if (!census)
		return;
	if (census->interfaces)
		if_freenameindex(census->interfaces);
	if (census->socket)
		mnl_socket_close(census->socket);
	free(census);
}

int census_find(const struct census *census, const struct flow *flow, struct census_answer *answer)
{
	const struct if_nameindex *interface = census->interfaces;
	int error;

	*answer = (struct census_answer){.holder = CENSUS_NOBODY};
	error = look_up(census->socket, flow, 0, answer);
	for (; !error && answer->holder == CENSUS_NOBODY && interface && interface->if_index;
	     interface++)
		error = look_up(census->socket, flow, interface->if_index, answer);
	return error;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define SEQUENCE 1
#define DUMP_ATTEMPTS 5

struct conversation {
	netlink_take take;
	void *context;
	int result;
	bool changed; /* the dump is of no single moment */
};

struct nlmsghdr *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
			       size_t size)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->bytes);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		header->nlmsg_flags |= NLM_F_ACK;
	header->nlmsg_seq = SEQUENCE;
	mnl_nlmsg_put_extra_header(header, size);
	return header;
}

/* The end of the answers: of a dump or of a question, with the kernel's error or 0 in front. */
static int take_end(const struct nlmsghdr *message, void *context)
{
	struct conversation *conversation = context;
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	conversation->changed |= message->nlmsg_flags & NLM_F_DUMP_INTR;
	conversation->result = error < 0 ? error : 0;
	return MNL_CB_STOP;
}

static int take_message(const struct nlmsghdr *message, void *context)
{
	struct conversation *conversation = context;

	conversation->changed |= message->nlmsg_flags & NLM_F_DUMP_INTR;
	if (conversation->take)
		conversation->result = conversation->take(message, conversation->context);
	return conversation->result < 0 ? MNL_CB_STOP : MNL_CB_OK;
}

static int converse(struct mnl_socket *socket, const struct nlmsghdr *request,
		    struct conversation *conversation)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = take_end,
		[NLMSG_DONE] = take_end,
	};
	/* Larger than any part of a dump (NLMSG_GOODSIZE, 32 KiB). */
	_Alignas(struct nlmsghdr) char buffer[1 << 16];
	int state = MNL_CB_OK;

	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (state == MNL_CB_OK) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		state = mnl_cb_run2(buffer, (size_t)length, SEQUENCE, mnl_socket_get_portid(socket),
				    take_message, conversation, control, NLMSG_MIN_TYPE);
	}
	return state < 0 ? -errno : conversation->result;
}

static int ask_once(const struct nlmsghdr *request, struct conversation *conversation)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int error;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		error = -errno;
	else
		error = converse(socket, request, conversation);
	mnl_socket_close(socket);
	return error;
}

int netlink_ask(const struct nlmsghdr *request, netlink_take take, void *context)
{
	struct conversation conversation;
	int error, attempt = 0;

	do {
		conversation = (struct conversation){.take = take, .context = context};
		error = ask_once(request, &conversation);
	} while (!error && conversation.changed && ++attempt < DUMP_ATTEMPTS);
	return error;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/links.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/netlink.h"

#define MONITOR_BUFFER (4 << 20)

struct reading {
	links_take take;
	void *context;
	int nsid;
};

static int take_link_attribute(const struct nlattr *attribute, void *context)
{
	struct link_event *event = context;

	if (mnl_attr_get_type(attribute) != IFLA_IFNAME)
		return MNL_CB_OK;
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_STOP;
	strncpy(event->name, mnl_attr_get_str(attribute), sizeof(event->name) - 1);
	return MNL_CB_STOP;
}

static void take_link(const struct nlmsghdr *message, const struct reading *reading)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct link_event event = {.nsid = reading->nsid};

	/* Bridges tell of their ports in the same words, but with a family of their own: a port
	 * that leaves its bridge is not gone. */
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*link) || link->ifi_family != AF_UNSPEC ||
	    link->ifi_index <= 0)
		return;
	event.kind = message->nlmsg_type == RTM_DELLINK ? LINK_GONE : LINK_IS;
	event.index = (uint32_t)link->ifi_index;
	event.type = link->ifi_type;
	event.up = link->ifi_flags & IFF_UP;
	mnl_attr_parse(message, sizeof(*link), take_link_attribute, &event);
	reading->take(reading->context, &event);
}

static void take_removal(const struct nlmsghdr *message, const struct reading *reading)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct link_event event = {.kind = LINK_FILTERS_FEWER, .nsid = reading->nsid};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tc) || tc->tcm_ifindex <= 0)
		return;
	event.index = (uint32_t)tc->tcm_ifindex;
	reading->take(reading->context, &event);
}

static int take_nsid_attribute(const struct nlattr *attribute, void *context)
{
	int *nsid = context;

	if (mnl_attr_get_type(attribute) == NETNSA_NSID &&
	    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		*nsid = (int)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int parse_nsid(const struct nlmsghdr *message)
{
	int nsid = NETNSA_NSID_NOT_ASSIGNED;

	mnl_attr_parse(message, sizeof(struct rtgenmsg), take_nsid_attribute, &nsid);
	return nsid;
}

static int take_message(const struct nlmsghdr *message, void *context)
{
	const struct reading *reading = context;
	struct link_event event = {};

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		take_link(message, reading);
		break;
	case RTM_DELQDISC:
	case RTM_DELTFILTER:
		take_removal(message, reading);
		break;
	case RTM_NEWNSID:
	case RTM_DELNSID:
		event.kind = message->nlmsg_type == RTM_NEWNSID ? LINK_NAMESPACE_IS
								: LINK_NAMESPACE_GONE;
		event.nsid = reading->nsid;
		event.other = parse_nsid(message);
		if (event.other >= 0)
			reading->take(reading->context, &event);
		break;
	}
	return MNL_CB_OK;
}

int links_list(links_take take, void *context)
{
	struct reading reading = {take, context, LINKS_OWN_NAMESPACE};
	struct netlink_request request;
	struct nlmsghdr *header =
		netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));

	return netlink_ask(header, take_message, &reading);
}

static int take_nsid(const struct nlmsghdr *message, void *context)
{
	int *nsid = context;

	if (message->nlmsg_type == RTM_NEWNSID)
		*nsid = parse_nsid(message);
	return 0;
}

/* NETNSA_NSID_NOT_ASSIGNED is -1, and so is -EPERM: hence two results. */
static int ask_nsid(int descriptor, bool assign, int *nsid)
{
	struct netlink_request request;
	struct nlmsghdr *header = netlink_begin(&request, assign ? RTM_NEWNSID : RTM_GETNSID, 0,
						sizeof(struct rtgenmsg));

	mnl_attr_put_u32(header, NETNSA_FD, (uint32_t)descriptor);
	if (assign)
		mnl_attr_put_u32(header, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	return netlink_ask(header, take_nsid, nsid);
}

int links_nsid(int descriptor, bool assign)
{
	int nsid = NETNSA_NSID_NOT_ASSIGNED;
	int error = ask_nsid(descriptor, false, &nsid);

	if (!error && nsid == NETNSA_NSID_NOT_ASSIGNED && assign) {
		error = ask_nsid(descriptor, true, &nsid);
		/* Someone else may have been quicker. */
		if (!error || error == -EEXIST)
			error = ask_nsid(descriptor, false, &nsid);
	}
	if (error)
		return error;
	return nsid == NETNSA_NSID_NOT_ASSIGNED ? -ENOENT : nsid;
}

int links_monitor_open(void)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NSID, RTNLGRP_TC};
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int monitor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int one = 1, size = MONITOR_BUFFER, error;

	if (monitor < 0)
		return -errno;
	/* A smaller buffer only means to list more often. */
	setsockopt(monitor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(monitor, (const struct sockaddr *)&address, sizeof(address)) < 0)
		goto out;
	/* Without CAP_NET_BROADCAST it only tells of our own namespace. */
	if (setsockopt(monitor, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &one, sizeof(one)) < 0 &&
	    errno != EPERM)
		goto out;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(monitor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			goto out;
	return monitor;
out:
	error = -errno;
	close(monitor);
	return error;
}

/* Of which namespace a message is, from its control data; without one it is of our own. */
static int message_nsid(struct msghdr *message)
{
	int nsid = LINKS_OWN_NAMESPACE;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control))
		if (control->cmsg_level == SOL_NETLINK &&
		    control->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(&nsid, CMSG_DATA(control), sizeof(nsid));
	return nsid;
}

int links_monitor_read(int monitor, links_take take, void *context)
{
	_Alignas(struct nlmsghdr) char buffer[1 << 16];
	_Alignas(struct cmsghdr) char control[64];
	struct reading reading = {take, context, LINKS_OWN_NAMESPACE};

	for (;;) {
		struct sockaddr_nl sender = {};
		struct iovec part = {buffer, sizeof(buffer)};
		struct msghdr message = {
			.msg_name = &sender,
			.msg_namelen = sizeof(sender),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t length = recvmsg(monitor, &message, 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
			return -ENOBUFS;
		if (sender.nl_pid) /* another program's, not the kernel's */
			continue;
		reading.nsid = message_nsid(&message);
		mnl_cb_run(buffer, (size_t)length, 0, 0, take_message, &reading);
	}
}

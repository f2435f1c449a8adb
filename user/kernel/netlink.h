/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One question to rtnetlink and its answers, asked in the network namespace in which the caller is
 * at that moment: no socket is kept, so no namespace is. Knows nothing of what is asked.
 */
#ifndef TCPCLOSE_KERNEL_NETLINK_H
#define TCPCLOSE_KERNEL_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_REQUEST_SIZE 512

struct netlink_request {
	_Alignas(struct nlmsghdr) char bytes[NETLINK_REQUEST_SIZE];
};

/* Begins a request whose body is `size` zero bytes, see mnl_nlmsg_get_payload(); attributes may be
 * added. Flags besides NLM_F_REQUEST; without NLM_F_DUMP it is acknowledged. */
struct nlmsghdr *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
			       size_t size);

/* A negative result ends the answers. A dump that changed while it was made is made again: a
 * message may come twice. */
typedef int (*netlink_take)(const struct nlmsghdr *message, void *context);

/* 0, the kernel's negative errno, or the negative result of take(), which may be NULL. */
int netlink_ask(const struct nlmsghdr *request, netlink_take take, void *context);

#endif

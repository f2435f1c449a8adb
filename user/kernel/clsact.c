// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/clsact.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/netlink.h"

/* A filter is called as its program is and by the number of what keeps it alive: to ask the
 * program itself takes CAP_SYS_ADMIN. */
#define PROGRAM_PREFIX "tcpclose_"
#define KEEPER_MARK ':'
#define NAME_SIZE (BPF_OBJ_NAME_LEN + sizeof(":4294967295"))

/* Handles of ours: a fixed beginning, whether a tracer made the qdisc, a free number. A tracer
 * that finds the mark on another's filter marks its own: the last one to go removes the qdisc. */
#define HANDLE_BASE 0x7c100000
#define HANDLE_BASE_MASK 0xfff00000
#define HANDLE_MADE_QDISC 0x00010000
#define HANDLE_NUMBERS 256

/* In front of all others: a filter before ours may end the packet's way. A priority may be taken
 * by another kind of filter; then the next one is the first that can be had. */
#define FIRST_PRIORITY 1
#define LAST_PRIORITY 16

#define FILTERS_MAX 64

static uint32_t parent_of(bool egress)
{
	return TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

static struct nlmsghdr *begin(struct netlink_request *request, uint16_t type, uint16_t flags,
			      const struct tcmsg *body)
{
	struct nlmsghdr *header = netlink_begin(request, type, flags, sizeof(*body));

	memcpy(mnl_nlmsg_get_payload(header), body, sizeof(*body));
	return header;
}

static const char *kind_of(const struct nlmsghdr *message)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(
		attribute, message,
		sizeof(struct tcmsg)) if (mnl_attr_get_type(attribute) == TCA_KIND &&
					  mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >=
						  0) return mnl_attr_get_str(attribute);
	return "";
}

/* What stands in the place of the clsact qdisc of an interface; one of all, if interface is 0. */
struct qdisc_search {
	uint32_t interface;
	bool ingress; /* the older kind, which has only one direction */
	uint32_t *found;
	size_t count;
};

static int take_qdisc(const struct nlmsghdr *message, void *context)
{
	struct qdisc_search *search = context;
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const char *kind = kind_of(message);
	uint32_t interface = (uint32_t)tc->tcm_ifindex;
	uint32_t *found;

	if (message->nlmsg_type != RTM_NEWQDISC || tc->tcm_parent != TC_H_CLSACT)
		return 0;
	if (search->interface) {
		search->ingress |= search->interface == interface && !strcmp(kind, "ingress");
		return 0;
	}
	if (strcmp(kind, "clsact") != 0)
		return 0;
	found = realloc(search->found, (search->count + 1) * sizeof(*found));
	if (!found)
		return -ENOMEM;
	search->found = found;
	search->found[search->count++] = interface;
	return 0;
}

static int qdiscs_find(struct qdisc_search *search)
{
	const struct tcmsg body = {.tcm_family = AF_UNSPEC};
	struct netlink_request request;

	return netlink_ask(begin(&request, RTM_GETQDISC, NLM_F_DUMP, &body), take_qdisc, search);
}

static int qdisc_change(uint32_t interface, uint16_t type, uint16_t flags)
{
	const struct tcmsg body = {
		.tcm_ifindex = (int)interface,
		.tcm_parent = TC_H_CLSACT,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
	};
	struct netlink_request request;
	struct nlmsghdr *header = begin(&request, type, flags, &body);

	mnl_attr_put_strz(header, TCA_KIND, "clsact");
	return netlink_ask(header, NULL, NULL);
}

/* 1: made it; 0: it was there; or a negative errno. */
static int qdisc_ensure(uint32_t interface)
{
	struct qdisc_search search = {.interface = interface};
	int error = qdisc_change(interface, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);

	if (!error)
		return 1;
	if (error != -EEXIST)
		return error;
	error = qdiscs_find(&search);
	if (error)
		return error;
	/* It would take an egress filter, and run it for ingress. */
	return search.ingress ? -EBUSY : 0;
}

/* The filters at one end of a qdisc. */
struct listing {
	size_t all;           /* ours and others' */
	uint16_t first_other; /* the least priority of others' filters; 0: there are none */
	size_t count;
	struct clsact_filter filters[FILTERS_MAX];
	uint32_t keepers[FILTERS_MAX];
	uint32_t interface;
	bool egress;
};

/* One of the filter's options; NULL: it has none of this type. */
static const struct nlattr *option_of(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attribute, *option;

	mnl_attr_for_each(attribute, message, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attribute) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(option, attribute)
		{
			if (mnl_attr_get_type(option) == type)
				return option;
		}
	}
	return NULL;
}

/* The number in the name of one of ours; 0: it is not ours. */
static uint32_t keeper_of(const struct nlmsghdr *message)
{
	const struct nlattr *attribute = option_of(message, TCA_BPF_NAME);
	const char *name, *mark;

	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return 0;
	name = mnl_attr_get_str(attribute);
	mark = strchr(name, KEEPER_MARK);
	if (!mark || strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0)
		return 0;
	return (uint32_t)strtoul(mark + 1, NULL, 10);
}

static int take_filter(const struct nlmsghdr *message, void *context)
{
	struct listing *listing = context;
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	uint16_t priority = (uint16_t)(tc->tcm_info >> 16);
	uint32_t keeper;

	if (message->nlmsg_type != RTM_NEWTFILTER)
		return 0;
	listing->all++;
	if ((tc->tcm_handle & HANDLE_BASE_MASK) != HANDLE_BASE || strcmp(kind_of(message), "bpf")) {
		if (!listing->first_other || priority < listing->first_other)
			listing->first_other = priority;
		return 0;
	}
	keeper = keeper_of(message);
	if (listing->count == FILTERS_MAX || !keeper)
		return 0;
	listing->keepers[listing->count] = keeper;
	listing->filters[listing->count++] = (struct clsact_filter){
		.interface = listing->interface,
		.handle = tc->tcm_handle,
		.priority = priority,
		.egress = listing->egress,
	};
	return 0;
}

static int filters_list(struct listing *listing, uint32_t interface, bool egress)
{
	const struct tcmsg body = {.tcm_ifindex = (int)interface, .tcm_parent = parent_of(egress)};
	struct netlink_request request;

	memset(listing, 0, sizeof(*listing));
	listing->interface = interface;
	listing->egress = egress;
	return netlink_ask(begin(&request, RTM_GETTFILTER, NLM_F_DUMP, &body), take_filter,
			   listing);
}

static bool is_behind_others(const struct clsact_filter *filter)
{
	struct listing listing;

	return !filters_list(&listing, filter->interface, filter->egress) && listing.first_other &&
	       listing.first_other < filter->priority;
}

static bool qdisc_is_marked(uint32_t interface)
{
	struct listing listing;

	for (int egress = 0; egress < 2; egress++) {
		if (filters_list(&listing, interface, egress))
			continue;
		for (size_t i = 0; i < listing.count; i++)
			if (listing.filters[i].handle & HANDLE_MADE_QDISC)
				return true;
	}
	return false;
}

static void qdisc_remove_if_empty(uint32_t interface)
{
	struct listing listing;

	for (int egress = 0; egress < 2; egress++)
		if (filters_list(&listing, interface, egress) || listing.all)
			return;
	qdisc_change(interface, RTM_DELQDISC, 0);
}

static struct nlmsghdr *begin_filter(struct netlink_request *request, uint16_t type, uint16_t flags,
				     const struct clsact_filter *filter)
{
	const struct tcmsg body = {
		.tcm_ifindex = (int)filter->interface,
		.tcm_parent = parent_of(filter->egress),
		.tcm_handle = filter->handle,
		.tcm_info = TC_H_MAKE((uint32_t)filter->priority << 16, htons(ETH_P_ALL)),
	};
	struct nlmsghdr *header = begin(request, type, flags, &body);

	mnl_attr_put_strz(header, TCA_KIND, "bpf");
	return header;
}

static int filter_create(const struct clsact_filter *filter, int program, const char *name)
{
	struct netlink_request request;
	struct nlmsghdr *header =
		begin_filter(&request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, filter);
	struct nlattr *options = mnl_attr_nest_start(header, TCA_OPTIONS);

	mnl_attr_put_u32(header, TCA_BPF_FD, (uint32_t)program);
	mnl_attr_put_strz(header, TCA_BPF_NAME, name);
	mnl_attr_put_u32(header, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(header, options);
	return netlink_ask(header, NULL, NULL);
}

/* The first free handle at the first priority that takes our kind of filter. */
static int filter_place(struct clsact_filter *filter, uint32_t mark, int program, const char *name)
{
	int error = -EINVAL;

	for (uint16_t priority = FIRST_PRIORITY; priority <= LAST_PRIORITY; priority++) {
		filter->priority = priority;
		for (uint32_t number = 1; number <= HANDLE_NUMBERS; number++) {
			filter->handle = HANDLE_BASE | mark | number;
			error = filter_create(filter, program, name);
			if (error != -EEXIST)
				break;
		}
		/* What the kernel says of another kind or another protocol. */
		if (error != -EINVAL)
			break;
	}
	return error;
}

/* 0 or a negative errno. */
static int name_filter(char name[static NAME_SIZE], int program, int keeper)
{
	struct bpf_prog_info named = {}, keeping = {};
	uint32_t length = sizeof(named);

	if (bpf_obj_get_info_by_fd(program, &named, &length))
		return -errno;
	length = sizeof(keeping);
	if (bpf_obj_get_info_by_fd(keeper, &keeping, &length))
		return -errno;
	snprintf(name, NAME_SIZE, "%s%c%u", named.name, KEEPER_MARK, keeping.id);
	return 0;
}

int clsact_attach(struct clsact_filter *filter, uint32_t interface, bool egress, int program,
		  int keeper)
{
	char name[NAME_SIZE];
	uint32_t mark;
	int made, error = name_filter(name, program, keeper);

	*filter = (struct clsact_filter){.interface = interface, .egress = egress};
	if (error)
		return error;
	made = qdisc_ensure(interface);
	if (made < 0)
		return made;
	mark = made || qdisc_is_marked(interface) ? HANDLE_MADE_QDISC : 0;
	error = filter_place(filter, mark, program, name);
	filter->behind_others = !error && is_behind_others(filter);
	if (error) {
		filter->handle = 0;
		if (made)
			qdisc_remove_if_empty(interface);
	}
	return error;
}

static int filter_delete(const struct clsact_filter *filter)
{
	struct netlink_request request;

	return netlink_ask(begin_filter(&request, RTM_DELTFILTER, 0, filter), NULL, NULL);
}

void clsact_detach(const struct clsact_filter *filter)
{
	if (!filter->handle)
		return;
	filter_delete(filter);
	if (filter->handle & HANDLE_MADE_QDISC)
		qdisc_remove_if_empty(filter->interface);
}

bool clsact_exists(const struct clsact_filter *filter)
{
	struct netlink_request request;

	return filter->handle &&
	       !netlink_ask(begin_filter(&request, RTM_GETTFILTER, 0, filter), NULL, NULL);
}

/* Whether the program that keeps it alive is gone. A number comes again after 2^31 others. Without
 * CAP_SYS_ADMIN nobody can tell. */
static bool is_stale(uint32_t keeper)
{
	int program = bpf_prog_get_fd_by_id(keeper);

	if (program >= 0)
		close(program);
	return program == -ENOENT;
}

static int remove_stale_of(uint32_t interface)
{
	bool made_qdisc = false;
	int removed = 0;

	for (int egress = 0; egress < 2; egress++) {
		struct listing listing;

		if (filters_list(&listing, interface, egress))
			continue;
		for (size_t i = 0; i < listing.count; i++) {
			if (!is_stale(listing.keepers[i]) || filter_delete(&listing.filters[i]))
				continue;
			removed++;
			made_qdisc |= listing.filters[i].handle & HANDLE_MADE_QDISC;
		}
	}
	if (made_qdisc)
		qdisc_remove_if_empty(interface);
	return removed;
}

int clsact_remove_stale(void)
{
	struct qdisc_search search = {};
	int error = qdiscs_find(&search), removed = 0;

	for (size_t i = 0; i < search.count; i++)
		removed += remove_stale_of(search.found[i]);
	free(search.found);
	return error ? error : removed;
}

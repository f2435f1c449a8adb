// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/mounts.h"
#include "kernel/clsact.h"
#include "kernel/interface_notes.h"
#include "kernel/interface_table.h"
#include "kernel/links.h"
#include "kernel/namespaces.h"

#define NSID_NONE INT_MIN /* changes in it are not heard of */

struct interfaces {
	struct interfaces_request request;
	struct interface_notes notes;
	struct interface_table table;
	uint32_t home;
	int home_nsid; /* that our own messages carry; LINKS_OWN_NAMESPACE: none */
	int monitor;
	int mounts;     /* tells of changes of the mount table, where namespaces have names */
	bool search;    /* there may be namespaces that are not known yet */
	bool opening;   /* this is the first look */
	bool lost;      /* messages were, so everything is to be listed again */
	bool home_lost; /* cannot go back to our own namespace */
	unsigned int stale_filters;
	unsigned int stale_told;
};

static bool namespace_wanted(const struct interfaces *interfaces, uint32_t netns)
{
	if (interfaces->request.netns)
		return netns == interfaces->request.netns;
	return netns == interfaces->home || !interfaces->request.name_count;
}

static bool name_wanted(const struct interfaces *interfaces, const char *name)
{
	for (unsigned int i = 0; i < interfaces->request.name_count; i++)
		if (strcmp(name, interfaces->request.names[i]) == 0)
			return true;
	return !interfaces->request.name_count;
}

/* In the namespace of the interface. */
static void attach(struct interfaces *interfaces, struct interface *interface)
{
	struct buffer why;
	int error;

	buffer_init(&why);
	error = packet_attach(&interface->attachment, interfaces->request.probe, interface->index,
			      interface->type, &why);
	interface->state = error ? INTERFACE_REFUSED : INTERFACE_ATTACHED;
	free(interface->reason);
	interface->reason = why.length ? strndup(why.data, why.length) : NULL;
	buffer_done(&why);
	/* One that has just been deleted: the message about it is on its way. */
	if (error != -ENODEV && (error || interface->reason))
		interface_notes_interface(&interfaces->notes, interface, error);
	if (interfaces->request.progress)
		interfaces->request.progress(interfaces->request.context);
}

/* Most interfaces that are down stay so, and attaching takes time: those found at the start, and
 * the tunnels that each new namespace is born with. A new Ethernet interface is about to be used.
 */
static bool is_for_later(const struct interfaces *interfaces, const struct interface *interface)
{
	return !interface->up && !interfaces->request.name_count &&
	       (interfaces->opening || interface->type != ARPHRD_ETHER);
}

/* In the namespace of the interface. Filters of clsact can be removed by anybody. */
static void attach_again(struct interfaces *interfaces, struct interface *interface)
{
	interface->state = INTERFACE_ATTACHED;
	if (packet_is_attached(interface->attachment))
		return;
	packet_detach(interface->attachment);
	interface->attachment = NULL;
	attach(interfaces, interface);
	if (interface->attachment)
		interface_notes_removed(&interfaces->notes, interface);
}

static void attach_pending(struct interfaces *interfaces, struct interface_namespace *space)
{
	for (struct interface *interface = space->interfaces; interface;
	     interface = interface->next) {
		if (interface->state == INTERFACE_DOUBTED)
			attach_again(interfaces, interface);
		if (interface->state != INTERFACE_PENDING)
			continue;
		if (!name_wanted(interfaces, interface->name))
			interface->state = INTERFACE_UNWANTED;
		else if (is_for_later(interfaces, interface))
			interface->state = INTERFACE_DOWN;
		else
			attach(interfaces, interface);
	}
}

static bool has_pending(const struct interface_namespace *space)
{
	for (const struct interface *interface = space->interfaces; interface;
	     interface = interface->next)
		if (interface->state == INTERFACE_PENDING || interface->state == INTERFACE_DOUBTED)
			return true;
	return false;
}

static void link_is(struct interfaces *interfaces, struct interface_namespace *space,
		    const struct link_event *event)
{
	struct interface *interface = interface_find(space, event->index);
	bool renamed, came_up;

	if (!interface)
		interface = interface_add(&interfaces->table, space, event->index);
	if (!interface)
		return;
	renamed = strcmp(interface->name, event->name) != 0;
	came_up = event->up && !interface->up;
	memcpy(interface->name, event->name, sizeof(interface->name));
	interface->type = event->type;
	interface->up = event->up;
	interface->seen = true;
	if ((interface->state == INTERFACE_UNWANTED && renamed) ||
	    (interface->state == INTERFACE_REFUSED && came_up) ||
	    (interface->state == INTERFACE_DOWN && interface->up))
		interface->state = INTERFACE_PENDING;
}

static void interface_let_go(struct interfaces *interfaces, struct interface_namespace *space,
			     struct interface *interface)
{
	packet_forget(interface->attachment);
	interface_remove(&interfaces->table, space, interface);
}

static void namespace_let_go(struct interfaces *interfaces, struct interface_namespace *space)
{
	uint32_t netns = space->netns;

	while (space->interfaces)
		interface_let_go(interfaces, space, space->interfaces);
	interface_table_remove_namespace(&interfaces->table, space);
	if (interfaces->request.namespace_gone)
		interfaces->request.namespace_gone(interfaces->request.context, netns);
}

static struct interface_namespace *namespace_of(const struct interfaces *interfaces, int nsid)
{
	if (nsid == interfaces->home_nsid)
		nsid = LINKS_OWN_NAMESPACE;
	return interface_table_nsid(&interfaces->table, nsid);
}

static void take_link_event(struct interfaces *interfaces, const struct link_event *event)
{
	struct interface_namespace *space = namespace_of(interfaces, event->nsid);
	struct interface *interface;

	if (!space)
		return;
	if (event->kind == LINK_IS) {
		link_is(interfaces, space, event);
		return;
	}
	interface = interface_find(space, event->index);
	if (!interface)
		return;
	if (event->kind == LINK_GONE)
		interface_let_go(interfaces, space, interface);
	else if (interface->state == INTERFACE_ATTACHED && packet_outlives(interface->attachment))
		interface->state = INTERFACE_DOUBTED;
}

/* Namespaces elsewhere number their neighbours, too: that concerns nobody here. */
static void take_namespace_event(struct interfaces *interfaces, const struct link_event *event)
{
	bool ours = event->nsid == LINKS_OWN_NAMESPACE || event->nsid == interfaces->home_nsid;
	struct interface_namespace *space = namespace_of(interfaces, event->other);

	if (event->kind == LINK_NAMESPACE_IS) {
		/* Of a place that is not known, it may be our own, which has just got a number. */
		interfaces->search |= ours ? !space : !namespace_of(interfaces, event->nsid);
		return;
	}
	if (ours && space && !space->home)
		namespace_let_go(interfaces, space);
}

static void take_event(void *context, const struct link_event *event)
{
	struct interfaces *interfaces = context;

	if (event->kind == LINK_IS || event->kind == LINK_GONE || event->kind == LINK_FILTERS_FEWER)
		take_link_event(interfaces, event);
	else
		take_namespace_event(interfaces, event);
}

struct listing {
	struct interfaces *interfaces;
	struct interface_namespace *space;
};

static void take_listed(void *context, const struct link_event *event)
{
	const struct listing *listing = context;

	link_is(listing->interfaces, listing->space, event);
}

/* Lets go of what is not there any more: deleted, or replaced by another of the same index. */
static void sweep(struct interfaces *interfaces, struct interface_namespace *space)
{
	struct interface *interface, *next;

	for (interface = space->interfaces; interface; interface = next) {
		next = interface->next;
		if (!interface->seen) {
			interface_let_go(interfaces, space, interface);
		} else if (interface->attachment && !packet_is_attached(interface->attachment)) {
			packet_detach(interface->attachment);
			interface->attachment = NULL;
			interface->state = INTERFACE_PENDING;
		}
	}
}

/* In the namespace: brings what is known of it and what is attached up to date. */
static void namespace_refresh(struct interfaces *interfaces, struct interface_namespace *space)
{
	struct listing listing = {interfaces, space};
	int error = 0;

	if (space->stale) {
		int removed = clsact_remove_stale();

		if (removed > 0)
			interfaces->stale_filters += (unsigned int)removed;
		for (struct interface *interface = space->interfaces; interface;
		     interface = interface->next)
			interface->seen = false;
		error = links_list(take_listed, &listing);
		if (error)
			interface_notes_namespace(&interfaces->notes, "cannot list the interfaces",
						  space->netns, error);
		else
			sweep(interfaces, space);
		space->stale = false;
	}
	attach_pending(interfaces, space);
}

static struct interface_namespace *namespace_meet(struct interfaces *interfaces, uint32_t netns,
						  int descriptor)
{
	struct interface_namespace *space = interface_table_namespace(&interfaces->table, netns);
	int nsid = LINKS_OWN_NAMESPACE;

	if (space)
		return space;
	if (netns != interfaces->home)
		nsid = links_nsid(descriptor, true);
	if (nsid < 0 && netns != interfaces->home) {
		interface_notes_namespace(&interfaces->notes, "cannot follow changes", netns, nsid);
		nsid = NSID_NONE;
	}
	space = interface_table_add_namespace(&interfaces->table, netns, nsid);
	if (space)
		space->home = netns == interfaces->home;
	return space;
}

/* Our own needs no number; but if someone gave it one, its messages carry it. */
static void home_refresh(struct interfaces *interfaces, int descriptor)
{
	int nsid = links_nsid(descriptor, false);

	interfaces->home_nsid = nsid < 0 ? LINKS_OWN_NAMESPACE : nsid;
}

static int visit(void *context, uint32_t netns, int descriptor)
{
	struct interfaces *interfaces = context;
	struct interface_namespace *space;
	int home;

	if (netns == interfaces->home)
		home_refresh(interfaces, descriptor);
	if (!namespace_wanted(interfaces, netns))
		return 0;
	space = namespace_meet(interfaces, netns, descriptor);
	if (!space)
		return -ENOMEM;
	if (!space->stale && !has_pending(space))
		return 0;
	home = namespaces_enter(descriptor);
	if (home < 0) {
		interface_notes_namespace(&interfaces->notes, "cannot enter", netns, home);
		space->stale = false;
		return 0;
	}
	namespace_refresh(interfaces, space);
	interfaces->home_lost = namespaces_leave(home) != 0;
	return interfaces->home_lost ? -EIO : 0;
}

/* After a walk, what is still pending is in a namespace that nobody shows a way into. */
static void give_up_pending(struct interface_namespace *space)
{
	for (struct interface *interface = space->interfaces; interface;
	     interface = interface->next)
		if (interface->state == INTERFACE_PENDING)
			interface->state = INTERFACE_REFUSED;
		else if (interface->state == INTERFACE_DOUBTED)
			interface->state = INTERFACE_ATTACHED;
}

/* Namespaces that were not found again after messages had been lost: gone, or out of reach. */
static void sweep_unreached(struct interfaces *interfaces)
{
	struct interface_namespace *space, *next_space;
	struct interface *interface, *next;

	for (space = interfaces->table.namespaces; space; space = next_space) {
		next_space = space->next;
		if (!space->stale || space->home)
			continue;
		space->stale = false;
		for (interface = space->interfaces; interface; interface = next) {
			next = interface->next;
			if (interface->attachment && !packet_outlives(interface->attachment) &&
			    !packet_is_attached(interface->attachment))
				interface_let_go(interfaces, space, interface);
		}
		if (!space->interfaces)
			namespace_let_go(interfaces, space);
	}
}

/* Acts on what the events left to do. */
static int settle(struct interfaces *interfaces)
{
	struct interface_namespace *space;
	bool walk = interfaces->search || interfaces->lost;
	int error = 0;

	for (space = interfaces->table.namespaces; space; space = space->next) {
		space->stale |= interfaces->lost;
		if (space->home && !space->stale)
			attach_pending(interfaces, space);
		else
			walk |= space->stale || has_pending(space);
	}
	if (walk) {
		error = namespaces_walk(visit, interfaces);
		for (space = interfaces->table.namespaces; space; space = space->next)
			give_up_pending(space);
	}
	if (interfaces->lost)
		sweep_unreached(interfaces);
	interfaces->search = false;
	interfaces->lost = false;
	if (interfaces->stale_filters != interfaces->stale_told)
		interface_notes_stale(&interfaces->notes,
				      interfaces->stale_filters - interfaces->stale_told);
	interfaces->stale_told = interfaces->stale_filters;
	return error;
}

static int open_descriptors(struct interfaces *interfaces)
{
	struct stat own;

	interfaces->monitor = links_monitor_open();
	if (interfaces->monitor < 0)
		return interfaces->monitor;
	interfaces->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (interfaces->mounts < 0 || stat("/proc/thread-self/ns/net", &own) < 0)
		return -errno;
	interfaces->home = (uint32_t)own.st_ino;
	interfaces->home_nsid = LINKS_OWN_NAMESPACE;
	interfaces->notes = (struct interface_notes){
		.note = interfaces->request.note,
		.context = interfaces->request.context,
		.home = interfaces->home,
		.named = interfaces->request.name_count,
	};
	return 0;
}

/* An attachment may hold two descriptors. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int interfaces_open(struct interfaces **result, const struct interfaces_request *request)
{
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));
	int error;

	if (!interfaces)
		return -ENOMEM;
	interfaces->request = *request;
	interfaces->monitor = -1;
	interfaces->mounts = -1;
	interfaces->search = true;
	interfaces->opening = true;
	error = interface_table_init(&interfaces->table);
	raise_descriptor_limit();
	*result = interfaces;
	if (!error)
		error = open_descriptors(interfaces);
	if (!error)
		error = settle(interfaces);
	interfaces->opening = false;
	if (error) {
		interfaces_close(interfaces);
		*result = NULL;
	}
	return error;
}

static void detach_all(struct interface_namespace *space, bool outliving)
{
	for (struct interface *interface = space->interfaces; interface;
	     interface = interface->next) {
		if (!interface->attachment || packet_outlives(interface->attachment) != outliving)
			continue;
		packet_detach(interface->attachment);
		interface->attachment = NULL;
	}
}

static bool has_outliving(const struct interface_namespace *space)
{
	for (const struct interface *interface = space->interfaces; interface;
	     interface = interface->next)
		if (interface->attachment && packet_outlives(interface->attachment))
			return true;
	return false;
}

static int visit_to_detach(void *context, uint32_t netns, int descriptor)
{
	struct interfaces *interfaces = context;
	struct interface_namespace *space = interface_table_namespace(&interfaces->table, netns);
	int home;

	if (!space || !has_outliving(space))
		return 0;
	home = namespaces_enter(descriptor);
	if (home < 0)
		return 0;
	detach_all(space, true);
	return namespaces_leave(home);
}

void interfaces_close(struct interfaces *interfaces)
{
	struct interface_namespace *space;
	bool walk = false;

	if (!interfaces)
		return;
	for (space = interfaces->table.namespaces; space; space = space->next) {
		detach_all(space, false);
		walk |= has_outliving(space);
	}
	if (walk && !interfaces->home_lost)
		namespaces_walk(visit_to_detach, interfaces);
	/* What could not be reached is left to its namespace's end, or to the next tracer. */
	while (interfaces->table.namespaces) {
		space = interfaces->table.namespaces;
		while (space->interfaces)
			interface_let_go(interfaces, space, space->interfaces);
		interface_table_remove_namespace(&interfaces->table, space);
	}
	interface_table_done(&interfaces->table);
	if (interfaces->monitor >= 0)
		close(interfaces->monitor);
	if (interfaces->mounts >= 0)
		close(interfaces->mounts);
	free(interfaces);
}

void interfaces_descriptors(const struct interfaces *interfaces,
			    struct pollfd descriptors[INTERFACES_DESCRIPTORS])
{
	descriptors[0] = (struct pollfd){.fd = interfaces->monitor, .events = POLLIN};
	/* proc(5): always readable; a change of the mounts is an exception, told once. */
	descriptors[1] = (struct pollfd){.fd = interfaces->mounts, .events = POLLPRI};
}

static void take_mount(void *context, const struct mount *mount)
{
	struct interfaces *interfaces = context;
	unsigned int netns;

	if (strcmp(mount->type, "nsfs") == 0 && sscanf(mount->root, "net:[%u]", &netns) == 1 &&
	    namespace_wanted(interfaces, netns) &&
	    !interface_table_namespace(&interfaces->table, netns))
		interfaces->search = true;
}

int interfaces_dispatch(struct interfaces *interfaces,
			const struct pollfd descriptors[INTERFACES_DESCRIPTORS])
{
	int error = 0;

	if (descriptors[0].revents)
		error = links_monitor_read(interfaces->monitor, take_event, interfaces);
	if (error && error != -ENOBUFS)
		return error;
	interfaces->lost |= error == -ENOBUFS;
	if (descriptors[1].revents)
		mounts_each(take_mount, interfaces);
	if (!descriptors[0].revents && !interfaces->search)
		return 0;
	return settle(interfaces);
}

int interfaces_add_namespace(struct interfaces *interfaces, uint32_t pid, uint32_t netns)
{
	int descriptor;

	if (!namespace_wanted(interfaces, netns) ||
	    interface_table_namespace(&interfaces->table, netns))
		return 0;
	descriptor = namespaces_open(pid, netns);
	if (descriptor >= 0) {
		visit(interfaces, netns, descriptor);
		close(descriptor);
	} else {
		interfaces->search = true;
	}
	return settle(interfaces);
}

const char *interface_name(const struct interfaces *interfaces, uint32_t netns, uint32_t index)
{
	const struct interface *interface = interface_table_find(&interfaces->table, netns, index);

	return interface ? interface->name : NULL;
}

struct interfaces_counts interfaces_counts(const struct interfaces *interfaces)
{
	struct interfaces_counts counts = {.stale_filters = interfaces->stale_filters};

	for (const struct interface_namespace *space = interfaces->table.namespaces; space;
	     space = space->next) {
		counts.namespaces++;
		for (const struct interface *interface = space->interfaces; interface;
		     interface = interface->next) {
			counts.attached += interface->attachment != NULL;
			counts.waiting += interface->state == INTERFACE_DOWN;
			counts.refused += interface->state == INTERFACE_REFUSED;
		}
	}
	return counts;
}

void interfaces_explain(const struct interfaces *interfaces, struct buffer *out)
{
	for (const struct interface_namespace *space = interfaces->table.namespaces; space;
	     space = space->next)
		for (const struct interface *interface = space->interfaces; interface;
		     interface = interface->next)
			interface_notes_explain(&interfaces->notes, interface, out);
}

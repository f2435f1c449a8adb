// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/port_range.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/namespaces.h"

/* The file is that of the namespace in which it is opened. */
static int read_here(struct port_range *range)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int found;

	if (!file)
		return -errno;
	found = fscanf(file, "%u %u", &range->first, &range->last);
	fclose(file);
	return found == 2 ? 0 : -EBADMSG;
}

static int read_in(struct port_range *range, int namespace)
{
	int home = namespaces_enter(namespace), error, back;

	if (home < 0)
		return home;
	error = read_here(range);
	back = namespaces_leave(home);
	return back ? back : error;
}

int port_range_read(struct port_range *range, uint32_t netns)
{
	int namespace;

	if (range->netns == netns)
		return range->error;
	namespace = namespaces_reach(netns);
	range->netns = netns;
	range->error = namespace < 0 ? namespace : read_in(range, namespace);
	if (namespace >= 0)
		close(namespace);
	return range->error;
}

bool port_range_has(const struct port_range *range, uint16_t port)
{
	return port >= range->first && port <= range->last;
}

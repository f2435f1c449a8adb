// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "request.h"

#include <errno.h>
#include <sys/stat.h>

#include "host/clock.h"
#include "host/log.h"
#include "host/proc.h"
#include "owner/netns.h"

static uint32_t own_netns(void)
{
	struct stat stat_of;

	return stat("/proc/self/ns/net", &stat_of) ? 0 : (uint32_t)stat_of.st_ino;
}

static bool own_is_meant(const char *name)
{
	uint32_t netns;
	char reason[128];

	return name && !netns_find(name, &netns, reason, sizeof(reason)) && netns == own_netns();
}

bool request_looks_once(const struct options *options)
{
	return options->once && !options->duration;
}

/* As many descriptors are looked at in /proc in the time that it takes to load a program. */
#define FEW_FILES 30000

struct plan_request request_plan(const struct options *options)
{
	bool counting = options->command == COMMAND_TIMEWAIT;
	bool only_origins = options->command == COMMAND_LEAKS;

	return (struct plan_request){
		.packets = counting || only_origins ? PACKETS_NONE : options->packets,
		.packets_asked = options->packets_asked,
		.counting = counting,
		.origins = only_origins || options->threshold,
		.only_origins = only_origins,
		.own_namespace = own_is_meant(options->netns),
		.few_files = request_looks_once(options) && proc_open_files() < FEW_FILES,
	};
}

/* Names of the command line become numbers of the kernel. */
static int resolve_filter(const struct options *options, struct cgroups *cgroups,
			  struct settings *settings)
{
	struct cgroup_place place = {0};
	uint32_t netns = 0;
	char reason[128];

	if (options->netns && netns_find(options->netns, &netns, reason, sizeof(reason))) {
		log_error("cannot use --netns %s: %s; give a pid or a name from ip netns",
			  options->netns, reason);
		return -EINVAL;
	}
	if (options->cgroup &&
	    cgroups_find(cgroups, options->cgroup, &place, reason, sizeof(reason))) {
		log_error("cannot use --cgroup %s: %s; give a path below the cgroup2 mount",
			  options->cgroup, reason);
		return -EINVAL;
	}
	settings->filter = options_filter(options, netns, place.id);
	return 0;
}

int request_settings(const struct options *options, const struct features *features,
		     const struct plan *plan, struct cgroups *cgroups, struct settings *settings)
{
	const struct filter *filter = &settings->filter;
	int error = resolve_filter(options, cgroups, settings);

	if (error)
		return error;
	settings->tw_timer_handler = features->tw_timer_handler;
	settings->home_netns = own_netns();
	settings->has_cookie = plan->cookie;
	settings->reset_has_reason = plan->reset_reason;
	settings->has_destroy = plan->destroy;
	settings->hz = clock_hz();
	settings->state_tells_begin = !plan->tw_begin;
	settings->hold_at_begin = !plan->tw_kill;
	settings->find_by_place = !plan->cookie || !plan->snapshot;
	settings->user_registers = plan->user_registers;
	settings->filter_flows = filter->local_ports[0] || filter->remote_ports[0] ||
				 filter->network_count || filter->family;
	settings->follow_flows = filter->pid || filter->comm[0] || filter->cgroup || filter->netns;
	return 0;
}

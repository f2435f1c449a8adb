// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The population probe by hand: attaches, takes the snapshot, says "ready", and then does what each
 * line of its input asks: "read" prints the numbers as one JSON object, "reconcile" how many were
 * found missing, "add MS" makes one up that has so much of its time left. `population [NETNS
 * [COMM]]`: only this namespace, this program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/clock.h"
#include "kernel/features.h"
#include "kernel/plan.h"
#include "kernel/population_probe.h"
#include "kernel/snapshot.h"

static int add(void *context, const struct record *record)
{
	return population_probe_add(context, (const struct time_wait_record *)record);
}

static int take_snapshot(struct population_probe *probe, const struct plan *plan, uint32_t netns)
{
	const struct snapshot_request request = {
		.time = clock_boot(),
		.contents = SNAPSHOT_MINI_SOCKETS,
		.netns = netns,
		.sock_diag = plan->snapshot,
	};
	struct snapshot_result result;

	return snapshot_take(&request, add, probe, &result);
}

static void print_group(const struct population_entry *entry, const char *separator)
{
	const struct population_group_key *key = &entry->key;

	printf("%s{\"local\":\"", separator);
	for (int i = 0; i < 16; i++)
		printf("%02x", key->local[i]);
	printf("\",\"remote\":\"");
	for (int i = 0; i < 16; i++)
		printf("%02x", key->remote[i]);
	printf("\",\"netns\":%u,\"port\":%u,\"role\":%u,\"comm\":\"%.16s\",\"entered\":%llu,"
	       "\"ended\":[",
	       key->netns, key->port, key->role, key->comm, entry->counts.entered);
	for (int i = 0; i < TIME_WAIT_ENDS; i++)
		printf("%s%llu", i ? "," : "", entry->counts.ended[i]);
	printf("]}");
}

static void print_counters(const char *name, const __u64 *counters, size_t count)
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%llu", i ? "," : "", counters[i]);
	printf("]");
}

static int print_reading(struct population_probe *probe)
{
	static struct population_reading reading;
	uint64_t start = clock_boot();
	int error = population_probe_read(probe, &reading);

	if (error)
		return error;
	printf("{\"took_us\":%lu,\"crowded_out\":%lu,\"missed\":%lu", (clock_boot() - start) / 1000,
	       reading.crowded_out, reading.missed);
	print_counters("linear", reading.durations.linear, POPULATION_STEPS);
	print_counters("power", reading.durations.power, POPULATION_POWERS);
	printf(",\"groups\":[");
	for (size_t i = 0; i < reading.group_count; i++)
		print_group(&reading.groups[i], i ? "," : "");
	printf("]}\n");
	return 0;
}

static int print_reconciled(struct population_probe *probe)
{
	uint64_t gone, start = clock_boot();
	int error = population_probe_reconcile(probe, true, &gone);

	if (!error)
		printf("{\"took_us\":%lu,\"gone\":%lu}\n", (clock_boot() - start) / 1000, gone);
	return error;
}

static int add_made_up(struct population_probe *probe, uint32_t netns, const char *left)
{
	const struct time_wait_record record = {
		.header.time = clock_boot(),
		.header.netns = netns,
		.header.flow = {.local_port = 1, .remote_port = 2},
		.timeout_ms = (uint32_t)strtoul(left, NULL, 10),
		.event = TIME_WAIT_FOUND,
		.substate = 6,
	};

	return population_probe_add(probe, &record);
}

static int serve(struct population_probe *probe, uint32_t netns)
{
	char line[64];
	int error = 0;

	printf("ready\n");
	fflush(stdout);
	while (!error && fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "read\n") == 0)
			error = print_reading(probe);
		else if (strcmp(line, "reconcile\n") == 0)
			error = print_reconciled(probe);
		else if (strncmp(line, "add ", 4) == 0)
			error = add_made_up(probe, netns, line + 4);
		fflush(stdout);
	}
	return error;
}

int main(int argc, char **argv)
{
	const struct plan_request request = {.packets = PACKETS_NONE};
	struct population_probe *probe = NULL;
	struct settings settings = {};
	struct features features;
	struct buffer why;
	struct stat own;
	struct plan plan;
	int error;

	features_detect(&features, 0);
	plan = plan_make(&features, &request);
	settings.tw_timer_handler = features.tw_timer_handler;
	if (stat("/proc/self/ns/net", &own) == 0)
		settings.home_netns = (uint32_t)own.st_ino;
	if (argc > 1)
		settings.filter.netns = (uint32_t)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		strncpy(settings.filter.comm, argv[2], sizeof(settings.filter.comm) - 1);
	buffer_init(&why);
	error = population_probe_open(&probe, &plan, &settings, &why);
	if (!error)
		error = population_probe_attach(probe, &plan, &why);
	if (!error && !settings.filter.comm[0])
		error = take_snapshot(probe, &plan, settings.filter.netns);
	if (!error)
		error = serve(probe, settings.filter.netns);
	if (error)
		fprintf(stderr, "population: %.*s (%s)\n", (int)why.length, why.data,
			strerror(-error));
	buffer_done(&why);
	population_probe_close(probe);
	return error ? 1 : 0;
}

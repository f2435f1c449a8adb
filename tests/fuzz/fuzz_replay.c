// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Recordings that somebody else made up, replayed: the core and the outputs take what no kernel
 * would tell. */
#include "fuzz_entries.h"
#include "reports.h"

struct run {
	struct reports reports;
	struct names *names;
};

static void on_start(void *context, const struct recording_start *start)
{
	struct run *run = context;

	reports_set_offset(&run->reports, start->wall_offset);
}

static void on_take(void *context, const struct record *record, size_t length)
{
	struct run *run = context;

	reports_feed(&run->reports, record, length);
}

static const char *interface_name(void *context, uint32_t netns, uint32_t interface)
{
	return names_get(context, NAME_INTERFACE, (uint64_t)netns << 32 | interface);
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	return names_get(context, NAME_CGROUP, cgroup);
}

static const char *reset_reason(void *context, uint32_t reason)
{
	return names_get(context, NAME_RESET_REASON, reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct run run = {.names = names_new()};
	const struct reports_settings settings = {
		.two = fuzz_are_two(bytes, length),
		.choice = (unsigned int)length,
		.lookup = {.context = run.names,
			   .interface_name = interface_name,
			   .cgroup_path = cgroup_path,
			   .reset_reason = reset_reason},
	};
	struct recording *recordings[2];

	for (uint16_t i = 0; i < 2; i++) {
		const struct recording_listener listener = {
			.start = on_start, .take = on_take, .context = &run, .source = i};

		recordings[i] = recording_new(&listener, run.names);
		FUZZ_CHECK(recordings[i] && run.names);
	}
	reports_open(&run.reports, &settings);
	fuzz_entries(recordings, bytes, length);
	reports_close(&run.reports);
	recording_free(recordings[0]);
	recording_free(recordings[1]);
	names_free(run.names);
	return 0;
}

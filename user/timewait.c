// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "timewait.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confinement.h"
#include "core/time_wait_summary.h"
#include "filter.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/ready_file.h"
#include "host/sink.h"
#include "host/stop_signals.h"
#include "kernel/live_ports.h"
#include "kernel/plan.h"
#include "kernel/population_probe.h"
#include "kernel/port_settings.h"
#include "kernel/snapshot.h"
#include "output/output.h"
#include "owner/cgroups.h"
#include "refusal.h"
#include "request.h"

#define MS 1000000ull
/* Between readings while a forecast turns. */
#define TURNING_INTERVAL (100 * MS)
/* Without tcp_tw_reuse_delay a connect() asks for a clock of whole seconds to have moved on. */
#define REUSE_DELAY_MS 1000

struct timewait {
	const struct options *options;
	struct plan plan;
	struct settings settings;
	struct cgroups *cgroups;
	struct population_probe *probe;
	struct port_settings_cache *port_settings;
	struct live_ports *live_ports;
	struct time_wait_summary *summary;
	const struct time_wait_view *view; /* the last one */
	struct output output;
	struct sink sink;
	uint64_t started;
	bool stop;
	struct log_once missed_warning;
};

static bool find_limits(void *context, uint32_t netns, struct port_limits *limits)
{
	const struct timewait *timewait = context;
	const struct port_settings *settings =
		port_settings_find(timewait->port_settings, netns, clock_boot());
	uint32_t delay_ms;

	if (!settings || settings->last_port < settings->first_port)
		return false;
	delay_ms = settings->tw_reuse_delay_ms ? settings->tw_reuse_delay_ms : REUSE_DELAY_MS;
	*limits = (struct port_limits){
		.first = settings->first_port,
		.last = settings->last_port,
		.usable =
			ports_usable(settings->first_port, settings->last_port, settings->reserved),
		.widest = ports_usable(1024, 65535, settings->reserved),
		.tw_reuse = settings->tw_reuse,
		.reuse_delay = delay_ms * MS,
		.timestamps = settings->timestamps != 0,
		.fin_timeout = settings->fin_timeout,
		.max_tw_count = settings->max_tw_buckets,
	};
	limits->reserved = limits->last - limits->first + 1 - limits->usable;
	return true;
}

/* Counting them is work: only where TIME_WAIT holds a quarter of the ports. */
static uint64_t count_in_use(void *context, const struct port_demand *demand)
{
	const struct timewait *timewait = context;
	struct flow flow = {.remote_port = demand->remote_port};
	struct port_limits limits;

	if (!find_limits(context, demand->netns, &limits) ||
	    demand->in_time_wait * 4 < limits.usable)
		return 0;
	memcpy(flow.local, demand->local, sizeof(flow.local));
	memcpy(flow.remote, demand->remote, sizeof(flow.remote));
	return live_ports_count(timewait->live_ports, demand->netns, &flow, clock_boot());
}

/* Nothing of the snapshot says who closed first, so what asks for an owner shows none of it. An
 * orphan may become one that waits. */
static bool is_wanted(const struct filter *filter, const struct time_wait_record *record)
{
	if (record->event != TIME_WAIT_FOUND)
		return false;
	if (filter->pid || filter->comm[0] || filter->cgroup)
		return false;
	if (filter->netns && filter->netns != record->header.netns)
		return false;
	return filter_socket_flow(filter, &record->header.flow);
}

static int add_found(void *context, const struct record *header)
{
	const struct time_wait_record *record = (const struct time_wait_record *)header;
	const struct timewait *timewait = context;

	if (header->kind != RECORD_TIME_WAIT || !is_wanted(&timewait->settings.filter, record))
		return 0;
	/* One for which there is no room is counted as missed by the probe. */
	population_probe_add(timewait->probe, record);
	return 0;
}

static int note_listener(void *context, const struct record *header)
{
	const struct timewait *timewait = context;

	return population_probe_note_listener(timewait->probe, header->netns,
					      header->flow.local_port);
}

static void take_snapshot(struct timewait *timewait)
{
	const struct snapshot_request listeners = {
		.contents = SNAPSHOT_LISTENERS,
		.netns = timewait->settings.filter.netns,
		.sock_diag = timewait->plan.snapshot,
	};
	struct snapshot_request mini_sockets = {
		.contents = SNAPSHOT_MINI_SOCKETS,
		.netns = timewait->settings.filter.netns,
		.sock_diag = timewait->plan.snapshot,
	};
	struct snapshot_result result = {0};
	int error = snapshot_take(&listeners, note_listener, timewait, &result);

	mini_sockets.time = clock_boot();
	if (!error)
		error = snapshot_take(&mini_sockets, add_found, timewait, &result);
	if (error)
		log_warning("cannot list who is in TIME_WAIT already: %s; those are missing until "
			    "they are gone",
			    strerror(-error));
	else if (result.unread)
		log_warning("cannot list who is in TIME_WAIT already in %u network namespaces: "
			    "%s; those are missing until they are gone",
			    result.unread, strerror(-result.error));
}

static enum exit_status attach(struct timewait *timewait, const struct features *features)
{
	struct buffer why;
	int error;

	buffer_init(&why);
	log_libbpf_forget();
	error = population_probe_open(&timewait->probe, &timewait->plan, &timewait->settings, &why);
	if (!error)
		error = population_probe_attach(timewait->probe, &timewait->plan, &why);
	refusal_tell(features, error, "count TIME_WAIT", "counting", &why);
	return error ? EXIT_NOT_ATTACHED : EXIT_DONE;
}

/* 0 or a negative errno. */
static int read_counters(struct timewait *timewait, bool last)
{
	struct population_reading counters;
	struct time_wait_reading reading;
	uint64_t gone;
	int error = population_probe_reconcile(timewait->probe, last, &gone);

	if (!error)
		error = population_probe_read(timewait->probe, &counters);
	if (error)
		return error;
	reading = (struct time_wait_reading){
		.time = clock_boot(),
		.groups = counters.groups,
		.group_count = counters.group_count,
		.durations = &counters.durations,
		.crowded_out = counters.crowded_out,
		.missed = counters.missed,
	};
	if (counters.missed)
		log_warning_once(&timewait->missed_warning,
				 "some TIME_WAITs could not be counted: too many at once, or the "
				 "kernel skipped programs of ours; use a filter");
	return time_wait_summary_feed(timewait->summary, &reading);
}

static void write_out(struct timewait *timewait)
{
	sink_write(&timewait->sink, &timewait->output.out);
	if (sink_failed(&timewait->sink))
		timewait->stop = true;
}

static int show(struct timewait *timewait, bool final)
{
	const struct port_lookup lookup = {
		.context = timewait, .limits = find_limits, .in_use = count_in_use};
	struct output_options *options = &timewait->output.options;

	timewait->view = time_wait_summary_view(timewait->summary, &lookup, final);
	if (!timewait->view)
		return -ENOMEM;
	/* It may have been resized. */
	if (sink_is_terminal())
		sink_screen(&options->rows, &options->columns);
	options->wall_offset = clock_wall_offset();
	timewait->output.format->time_wait_summary(&timewait->output, timewait->view);
	write_out(timewait);
	return 0;
}

/* Reads, and shows if it is time and the forecast is not about to turn; sets when the next reading
 * is due. 0 or a negative errno. */
static int take_reading(struct timewait *timewait, uint64_t *next_view, uint64_t *next)
{
	uint64_t interval = timewait->options->interval, now = clock_boot();
	int error = read_counters(timewait, false);
	bool soon;

	if (error)
		return error;
	soon = time_wait_summary_unsure(timewait->summary);
	if (now >= *next_view && !soon) {
		error = show(timewait, false);
		/* After a pause (a stopped process) the intervals begin anew. */
		*next_view = *next_view + interval > now ? *next_view + interval : now + interval;
	}
	soon |= timewait->view && timewait->view->turning;
	*next = *next_view;
	if (soon && (now + TURNING_INTERVAL < *next || now >= *next))
		*next = now + TURNING_INTERVAL;
	return error;
}

static int loop(struct timewait *timewait)
{
	uint64_t next = timewait->started + timewait->options->interval, next_view = next;
	struct pollfd signals = {.fd = stop_signals_descriptor(), .events = POLLIN};
	uint64_t end = UINT64_MAX;
	int error = 0;

	if (timewait->options->duration)
		end = timewait->started + timewait->options->duration;
	while (!timewait->stop && !error && !stop_signals_asked()) {
		if (poll(&signals, 1, clock_timeout(next < end ? next : end)) < 0 && errno != EINTR)
			return -errno;
		if (stop_signals_asked() || clock_boot() >= end)
			timewait->stop = true;
		else if (clock_boot() >= next)
			error = take_reading(timewait, &next_view, &next);
	}
	return error;
}

static void finish(struct timewait *timewait)
{
	const struct tally *total = &timewait->view->total;
	struct core_stats stats = {
		.unfinished = total->now,
		.records = total->entered + total->left,
		.time_waits = total->left,
	};

	stats.lost[RECORD_TIME_WAIT] = timewait->view->missed;
	timewait->output.format->end(&timewait->output, &stats, clock_boot() - timewait->started);
	write_out(timewait);
	log_info("0 teardowns, %llu unfinished, %llu records, %llu lost",
		 (unsigned long long)stats.unfinished, (unsigned long long)stats.records,
		 (unsigned long long)stats.lost[RECORD_TIME_WAIT]);
}

static enum exit_status watch(struct timewait *timewait)
{
	int error;

	take_snapshot(timewait);
	timewait->started = clock_boot();
	error = read_counters(timewait, false);
	if (!error && ready_file_create(timewait->options->ready_file))
		return EXIT_FAILED;
	if (!error)
		error = loop(timewait);
	if (!error)
		error = read_counters(timewait, true);
	if (!error)
		error = show(timewait, true);
	if (error)
		log_error("cannot read the counters: %s", strerror(-error));
	else
		finish(timewait);
	return sink_done(&timewait->sink) && !error ? EXIT_DONE : EXIT_FAILED;
}

static enum exit_status open_all(struct timewait *timewait, const struct features *features)
{
	const struct plan_request request = request_plan(timewait->options);

	timewait->plan = plan_make(features, &request);
	if (timewait->plan.refusal[0]) {
		log_error("%s", timewait->plan.refusal);
		return EXIT_NOT_ATTACHED;
	}
	if (timewait->plan.notice[0])
		log_warning("%s", timewait->plan.notice);
	timewait->cgroups = cgroups_new();
	timewait->port_settings = port_settings_cache_new();
	timewait->live_ports = live_ports_new(timewait->plan.snapshot);
	timewait->summary = time_wait_summary_new();
	if (!timewait->cgroups || !timewait->port_settings || !timewait->live_ports ||
	    !timewait->summary || stop_signals_open()) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (request_settings(timewait->options, features, &timewait->plan, timewait->cgroups,
			     &timewait->settings))
		return EXIT_USAGE;
	return EXIT_DONE;
}

enum exit_status timewait_run(const struct options *options, const struct features *features)
{
	struct timewait timewait = {
		.options = options,
		.output.format = options->format,
		.output.options.color = sink_is_terminal() && !getenv("NO_COLOR"),
	};
	enum exit_status status;

	if (options->ready_file)
		ready_file_remove(options->ready_file);
	buffer_init(&timewait.output.out);
	status = open_all(&timewait, features);
	if (status == EXIT_DONE)
		status = attach(&timewait, features);
	if (status == EXIT_DONE) {
		confine_tracing(options, features);
		status = watch(&timewait);
	}
	buffer_done(&timewait.output.out);
	population_probe_close(timewait.probe);
	time_wait_summary_free(timewait.summary);
	port_settings_cache_free(timewait.port_settings);
	live_ports_free(timewait.live_ports);
	cgroups_free(timewait.cgroups);
	stop_signals_close();
	return status;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "leaks.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confinement.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/ready_file.h"
#include "host/sink.h"
#include "host/stop_signals.h"
#include "leak_watch.h"
#include "output/output.h"
#include "owner/cgroups.h"
#include "request.h"

struct leaks {
	const struct options *options;
	struct cgroups *cgroups;
	struct leak_watch *watch;
	const struct close_wait_view *view; /* the last one */
	struct output output;
	struct sink sink;
	uint64_t started;
	bool stop;
};

static void write_out(struct leaks *leaks)
{
	sink_write(&leaks->sink, &leaks->output.out);
	if (sink_failed(&leaks->sink))
		leaks->stop = true;
}

/* The first look only tells of what was there before. */
static int look(struct leaks *leaks, bool shown, bool final)
{
	struct output_options *options = &leaks->output.options;
	int error = leak_watch_look(leaks->watch, final);

	if (error || !shown)
		return error;
	leaks->view = leak_watch_view(leaks->watch, final);
	if (!leaks->view)
		return -ENOMEM;
	if (leaks->options->once && !final)
		return 0;
	if (sink_is_terminal())
		sink_screen(&options->rows, &options->columns);
	/* What is printed once is to stay. */
	if (leaks->options->once)
		options->rows = 0;
	options->wall_offset = clock_wall_offset();
	leaks->output.format->close_wait_view(&leaks->output, leaks->view);
	leak_watch_told(leaks->watch);
	write_out(leaks);
	return 0;
}

static int wait_until(struct leaks *leaks, uint64_t deadline)
{
	struct pollfd descriptors[] = {
		{.fd = stop_signals_descriptor(), .events = POLLIN},
		{.fd = leak_watch_descriptor(leaks->watch), .events = POLLIN},
	};

	if (poll(descriptors, 2, clock_timeout(deadline)) < 0 && errno != EINTR)
		return -errno;
	leaks->stop |= stop_signals_asked();
	leak_watch_dispatch(leaks->watch);
	return 0;
}

static uint64_t latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Looks at each interval as long as there is something to see, also where only the last view is
 * shown: what comes and goes meanwhile makes the trend. */
static int loop(struct leaks *leaks)
{
	uint64_t interval = leaks->options->interval, end = UINT64_MAX;
	uint64_t next = latest(leaks->started + interval, leak_watch_rest(leaks->watch));
	int error = 0;

	if (leaks->options->duration)
		end = leaks->started + leaks->options->duration;
	else if (leaks->options->once)
		return 0;
	while (!leaks->stop && !error && !stop_signals_asked()) {
		uint64_t now;

		error = wait_until(leaks, next < end ? next : end);
		now = clock_boot();
		if (now >= end)
			leaks->stop = true;
		if (error || leaks->stop || now < next)
			continue;
		error = look(leaks, true, false);
		/* After a pause (a stopped process) the intervals begin anew. */
		next = next + interval > now ? next + interval : now + interval;
		next = latest(next, leak_watch_rest(leaks->watch));
	}
	return error;
}

static void finish(struct leaks *leaks)
{
	const struct close_wait_view *view = leaks->view;
	struct core_stats stats = {
		.unfinished = view->suspects,
		.records = view->in_close_wait,
		.evicted = view->dropped,
	};
	uint64_t lost = leak_watch_lost(leaks->watch) + view->dropped;

	stats.lost[RECORD_OWNER] = view->origins_lost + view->stacks_lost;
	leaks->output.format->end(&leaks->output, &stats, clock_boot() - leaks->started);
	write_out(leaks);
	log_info("0 teardowns, %llu unfinished, %llu records, %llu lost",
		 (unsigned long long)stats.unfinished, (unsigned long long)stats.records,
		 (unsigned long long)lost);
}

static enum exit_status watch(struct leaks *leaks)
{
	int error = 0;

	leaks->started = clock_boot();
	if (!request_looks_once(leaks->options))
		error = look(leaks, false, false);
	if (!error && ready_file_create(leaks->options->ready_file))
		return EXIT_FAILED;
	if (!error)
		error = loop(leaks);
	if (!error)
		error = look(leaks, true, true);
	if (error)
		log_error("cannot list the sockets in CLOSE_WAIT: %s", strerror(-error));
	else
		finish(leaks);
	if (!sink_done(&leaks->sink) || error)
		return EXIT_FAILED;
	return leaks->options->once && leaks->view->suspects ? EXIT_SUSPECTS : EXIT_DONE;
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	return cgroups_path(context, cgroup);
}

static enum exit_status open_all(struct leaks *leaks, const struct features *features)
{
	leaks->cgroups = cgroups_new();
	if (!leaks->cgroups || stop_signals_open()) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_FAILED;
	}
	leaks->output.options.lookup = (struct output_lookup){
		.context = leaks->cgroups,
		.cgroup_path = cgroup_path,
	};
	return leak_watch_open(&leaks->watch, leaks->options, features, leaks->cgroups);
}

enum exit_status leaks_run(const struct options *options, const struct features *features)
{
	struct leaks leaks = {
		.options = options,
		.output.format = options->format,
		.output.options.color = sink_is_terminal() && !getenv("NO_COLOR"),
	};
	enum exit_status status;

	if (options->ready_file)
		ready_file_remove(options->ready_file);
	buffer_init(&leaks.output.out);
	status = open_all(&leaks, features);
	if (status == EXIT_DONE)
		status = leak_watch_attach(leaks.watch);
	if (status == EXIT_DONE) {
		confine_tracing(options, features);
		status = watch(&leaks);
	}
	buffer_done(&leaks.output.out);
	leak_watch_close(leaks.watch);
	cgroups_free(leaks.cgroups);
	stop_signals_close();
	return status;
}

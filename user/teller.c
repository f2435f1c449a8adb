// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "teller.h"

#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "host/log.h"

#define WRITE_AT (1 << 16)

void teller_open(struct teller *teller, const struct options *options, int64_t wall_offset,
		 const struct output_lookup *lookup)
{
	struct output_options *output = &teller->output.options;

	buffer_init(&teller->output.out);
	teller->output.format = options->format;
	teller->limit = options->count;
	output->wall_offset = wall_offset;
	output->raw_seq = options->raw_seq;
	output->color = sink_is_terminal() && !getenv("NO_COLOR");
	output->lookup = *lookup;
	teller->output.format->begin(&teller->output);
}

void teller_close(struct teller *teller)
{
	buffer_done(&teller->output.out);
	sink_close(&teller->sink);
}

void teller_write(struct teller *teller)
{
	if (teller->mute)
		buffer_clear(&teller->output.out);
	else if (teller->output.out.length)
		sink_write(&teller->sink, &teller->output.out);
	if (sink_failed(&teller->sink))
		teller->stop = true;
}

static void write_much(struct teller *teller)
{
	if (teller->output.out.length >= WRITE_AT)
		teller_write(teller);
}

/* By the socket that a report is about; of a capture, whose local end is only the one that closed
 * first, either end may be meant. */
static bool passes(const struct filter *filter, const struct teardown_report *report)
{
	const struct connection_end *local = &report->connection->ends[report->local];
	const struct connection_end *remote = &report->connection->ends[!report->local];
	const struct owner *owner = &local->socket.owner;
	struct flow flow = {.local_port = local->port, .remote_port = remote->port};

	memcpy(flow.local, local->address, sizeof(flow.local));
	memcpy(flow.remote, remote->address, sizeof(flow.remote));
	if (!local->has_socket)
		return !filter->pid && !filter->comm[0] && filter_segment_flow(filter, &flow);
	if (filter->pid && owner->pid != filter->pid)
		return false;
	if (filter->comm[0] && strncmp(owner->comm, filter->comm, sizeof(filter->comm)) != 0)
		return false;
	return filter_socket_flow(filter, &local->socket.flow);
}

static bool is_unfinished(const struct teardown_report *report)
{
	return report->incomplete & (INCOMPLETE_STOPPED | INCOMPLETE_EVICTED);
}

bool teller_teardown(void *context, const struct teardown_report *report)
{
	struct teller *teller = context;

	if (!passes(&teller->filter, report)) {
		teller->filtered += !is_unfinished(report);
		return false;
	}
	if (teller->limit && teller->reports >= teller->limit) {
		teller->unshown += !is_unfinished(report);
		return false;
	}
	teller->reports++;
	if (teller->before)
		teller->before(teller->context, report);
	if (!teller->mute)
		teller->output.format->teardown(&teller->output, report);
	write_much(teller);
	if (teller->reports == teller->limit)
		teller->stop = true;
	return true;
}

void teller_time_wait(void *context, const struct time_wait_report *report)
{
	struct teller *teller = context;

	if (teller->mute || !filter_socket_flow(&teller->filter, &report->flow))
		return;
	teller->output.format->time_wait(&teller->output, report);
	write_much(teller);
}

static bool is_held_by(const struct close_wait_report *report, const struct filter *filter)
{
	for (uint32_t i = 0; i < report->holder_count; i++) {
		const struct close_wait_holder *holder = &report->holders[i];

		if ((!filter->pid || holder->pid == filter->pid) &&
		    (!filter->comm[0] ||
		     !strncmp(holder->comm, filter->comm, sizeof(filter->comm))))
			return true;
	}
	return !filter->pid && !filter->comm[0];
}

void teller_close_wait(struct teller *teller, const struct close_wait_report *report)
{
	if (teller->mute || !filter_socket_flow(&teller->filter, &report->flow) ||
	    !is_held_by(report, &teller->filter))
		return;
	teller->output.format->close_wait(&teller->output, report);
	write_much(teller);
}

static struct core_stats shown(const struct teller *teller, const struct core_stats *stats)
{
	struct core_stats shown = *stats;

	shown.teardowns -= teller->unshown + teller->filtered;
	shown.unfinished += teller->unshown;
	shown.passed_over = teller->passed_over;
	return shown;
}

void teller_end(struct teller *teller, const struct core_stats *stats, uint64_t duration)
{
	struct core_stats final = shown(teller, stats);

	teller->output.format->end(&teller->output, &final, duration);
	teller_write(teller);
}

bool teller_done(struct teller *teller, const struct core_stats *stats)
{
	struct core_stats final = shown(teller, stats);
	bool written = sink_done(&teller->sink);
	uint64_t lost = 0;

	for (int kind = 0; kind < RECORD_KINDS; kind++)
		lost += final.lost[kind];
	log_info("%llu teardowns, %llu unfinished, %llu records, %llu lost",
		 (unsigned long long) final.teardowns, (unsigned long long) final.unfinished,
		 (unsigned long long) final.records, (unsigned long long)lost);
	return written;
}

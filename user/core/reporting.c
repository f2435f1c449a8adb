// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/reporting.h"

#include "core/derivation.h"
#include "core/orphan.h"

static void fill_durations(struct teardown_report *report, const struct connection_end *end)
{
	for (uint32_t i = 0; i + 1 < end->state_count; i++)
		report->durations[end->states[i].to] +=
			end->states[i + 1].time - end->states[i].time;
}

static uint64_t first_event(const struct connection_view *view, unsigned int local)
{
	uint64_t time = UINT64_MAX;

	if (view->ends[local].state_count)
		time = view->ends[local].states[0].time;
	if (view->segment_count && view->segments[0].time < time)
		time = view->segments[0].time;
	return time == UINT64_MAX ? 0 : time;
}

/* The teardown that was just reported is over; what holds its addresses, or held them until then,
 * is told of by itself. An orphan that a FIN ended is in TIME_WAIT now. */
static void report_mini_socket(struct correlator *correlator, const struct connection *connection,
			       unsigned int end)
{
	const struct end_state *state = &connection->ends[end];
	struct time_wait_report report;

	if (state->orphan_since && state->orphan_end != TIME_WAIT_BY_FIN) {
		report = orphan_report(connection, end, correlator->time);
		correlator->stats.orphans++;
		correlator->listener.time_wait(correlator->listener.context, &report);
	}
	waiting_begin(&correlator->waiting, connection, end);
}

static void report_end(struct correlator *correlator, struct connection *connection,
		       unsigned int local)
{
	struct end_state *end = &connection->ends[local];
	const struct connection_end *ends = connection->view.ends;
	struct teardown_report report = {
		.time = first_event(&connection->view, local),
		.connection = &connection->view,
		.local = (uint8_t)local,
		.twin = ends[!local].has_socket,
		.twin_over = ends[!local].has_socket && ends[!local].socket.over,
		.incomplete = end->incomplete,
		.verdict = classify(&connection->view, local),
	};

	fill_durations(&report, &ends[local]);
	end->reported = true;
	if (end->incomplete & (INCOMPLETE_STOPPED | INCOMPLETE_EVICTED))
		correlator->stats.unfinished++;
	else
		correlator->stats.teardowns++;
	if (correlator->listener.teardown(correlator->listener.context, &report))
		report_mini_socket(correlator, connection, local);
}

bool reporting_is_done(const struct connection *connection)
{
	if (!connection->claimed)
		return connection->ends[0].reported || connection->ends[1].reported;
	for (unsigned int end = 0; end < 2; end++)
		if (connection->view.ends[end].has_socket && !connection->ends[end].reported)
			return false;
	return true;
}

void reporting_of_wire(struct correlator *correlator, struct connection *connection,
		       uint32_t reason)
{
	unsigned int local = 0;

	if (connection->view.segment_count)
		local = connection->view.segments[0].sender;
	if (reason && !connection_closed_on_wire(connection))
		connection->ends[local].incomplete |= reason;
	derivation_fill(connection);
	report_end(correlator, connection, local);
}

void reporting_of_over(struct correlator *correlator, struct connection *connection)
{
	derivation_fill(connection);
	for (unsigned int end = 0; end < 2; end++)
		if (connection->view.ends[end].has_socket &&
		    connection->view.ends[end].socket.over && !connection->ends[end].reported)
			report_end(correlator, connection, end);
}

void reporting_as_it_stands(struct correlator *correlator, struct connection *connection,
			    enum incomplete_reason reason)
{
	derivation_fill(connection);
	for (unsigned int end = 0; end < 2; end++) {
		if (!connection->view.ends[end].has_socket || connection->ends[end].reported)
			continue;
		/* Found closing by the snapshot, and nothing happened to it since: no story. */
		if (!connection->view.ends[end].state_count && !connection->view.segment_count) {
			correlator->stats.unfinished++;
			continue;
		}
		if (!connection->view.ends[end].socket.over)
			connection->ends[end].incomplete |= reason;
		report_end(correlator, connection, end);
	}
}

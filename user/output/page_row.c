// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A teardown as one line: the columns that the page sorts, filters and counts by. */
#include "output/facts.h"
#include "output/page.h"

/* As page/reader.js knows them; above these are the reasons why it is incomplete. */
enum row_bit {
	ROW_INFERRED = 1 << 0,
	ROW_HALF_CLOSE = 1 << 1,
	ROW_HAS_RESET = 1 << 2,
	ROW_RESET_SENT = 1 << 3,
	ROW_HAS_SOCKET = 1 << 4,
	ROW_TWIN = 1 << 5,
	ROW_WAIT_AT_LEAST = 1 << 6, /* its CLOSE_WAIT began before what is told here */
	ROW_WAIT_AT_PEER = 1 << 7,  /* it is the peer's, inferred */
	ROW_WAIT_GOES_ON = 1 << 8,
	ROW_INCOMPLETE = 9,
};

/* When an end was in CLOSE_WAIT. */
struct span {
	uint64_t start;
	uint64_t duration;
	bool known;
	bool at_least; /* it began before what is told of it */
	bool goes_on;  /* nothing is told of its end */
	bool at_peer;
};

static struct span close_wait_of(const struct connection_end *end)
{
	struct span span = {0};

	for (uint32_t i = 0; i < end->state_count; i++) {
		const struct state_change *change = &end->states[i];
		bool found = change->from == change->to || change->from == TCP_STATE_UNKNOWN;

		if (!span.known && change->from == TCP_STATE_CLOSE_WAIT) {
			span = (struct span){.known = true, .at_least = true};
			span.start = change->time;
		}
		if (!span.known && change->to == TCP_STATE_CLOSE_WAIT) {
			span = (struct span){.known = true, .at_least = found, .goes_on = true};
			span.start = change->time;
		} else if (span.goes_on && change->to != TCP_STATE_CLOSE_WAIT) {
			span.goes_on = false;
			if (change->time > span.start)
				span.duration = change->time - span.start;
		}
	}
	return span;
}

/* The local end's; where no socket tells of the peer's, that one's. */
static struct span find_close_wait(const struct teardown_report *report)
{
	struct span span = close_wait_of(local_end(report));

	if (!span.known && !remote_end(report)->has_socket) {
		span = close_wait_of(remote_end(report));
		span.at_peer = span.known;
	} else if (report->durations[TCP_STATE_CLOSE_WAIT]) {
		span.duration = report->durations[TCP_STATE_CLOSE_WAIT];
	}
	return span;
}

static uint64_t bits_of(const struct teardown_report *report, const struct span *span)
{
	const struct verdict *verdict = &report->verdict;
	uint64_t bits = (uint64_t)report->incomplete << ROW_INCOMPLETE;

	bits |= verdict->inferred ? ROW_INFERRED : 0;
	bits |= verdict->half_close ? ROW_HALF_CLOSE : 0;
	bits |= verdict->has_reset ? ROW_HAS_RESET : 0;
	bits |= verdict->has_reset && verdict->reset_sent ? ROW_RESET_SENT : 0;
	bits |= local_end(report)->has_socket ? ROW_HAS_SOCKET : 0;
	bits |= report->twin ? ROW_TWIN : 0;
	bits |= span->at_least ? ROW_WAIT_AT_LEAST : 0;
	bits |= span->at_peer ? ROW_WAIT_AT_PEER : 0;
	bits |= span->goes_on ? ROW_WAIT_GOES_ON : 0;
	return bits;
}

static bool went_wrong(const struct teardown_report *report)
{
	switch (report->verdict.kind) {
	case KIND_FOUR_WAY:
	case KIND_THREE_WAY:
	case KIND_SIMULTANEOUS:
		return report->incomplete;
	default:
		return true;
	}
}

/* Whether there is room for all of it. */
static bool take_ladder(struct page *page, const struct teardown_report *report)
{
	if (page->ladders < PAGE_LADDERS) {
		page->ladders++;
		return true;
	}
	if (page->troubles < PAGE_TROUBLES && went_wrong(report)) {
		page->troubles++;
		return true;
	}
	page->ladders_left_out++;
	return false;
}

static void add_owner(struct output *output, const struct connection_end *local)
{
	const struct socket_facts *socket = &local->socket;
	bool known = local->has_socket && socket->owner.pid;

	page_add(output->page, known ? socket->owner.pid : 0);
	page_add_word(output, known ? socket->owner.comm : NULL, RECORD_COMM_LENGTH);
	page_add_word(output,
		      local->has_socket ? lookup_cgroup(output, socket->source, socket->cgroup)
					: NULL,
		      CGROUP_PATH_LIMIT);
}

void page_teardown(struct output *output, const struct teardown_report *report)
{
	struct flow flow = end_flow(report->connection, report->local);
	const struct verdict *verdict = &report->verdict;
	struct page *page = output->page;
	uint64_t detail_length = 0;
	struct span span;

	if (page->teardowns == PAGE_ROWS) {
		page->teardowns_left_out++;
		return;
	}
	page->teardowns++;
	if (take_ladder(page, report))
		detail_length = page_add_detail(output, report);
	span = find_close_wait(report);
	page_since_base(output, report->time);
	page_line_begin(output, 't');
	page_add_signed(page, (int64_t)(report->time - page->last_time));
	page->last_time = report->time;
	page_add(page, verdict->kind);
	page_add(page, verdict->closed_by);
	page_add(page, verdict->cause);
	page_add(page, bits_of(report, &span));
	page_add_flow(output, &flow);
	add_owner(output, local_end(report));
	page_add_word(output, lookup_reset_reason(output, report), SIZE_MAX);
	page_add(page, report_offset(report, report_last_time(report)));
	page_add(page, verdict->half_close_ns);
	page_add(page, span.known ? report_offset(report, span.start) : 0);
	page_add(page, span.duration);
	page_add(page, fin_retransmissions(report->connection, 0) +
			       fin_retransmissions(report->connection, 1));
	page_add_key(page, report->connection->id);
	page_add(page, detail_length);
	page_line_end(output);
}

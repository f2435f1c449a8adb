// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The lines of what waits: TIME_WAIT, orphaned FIN_WAIT2, suspects in CLOSE_WAIT. */
#include "output/page.h"

/* As page/reader.js knows them. */
enum wait_bit {
	WAIT_STARTED_LATE = 1 << 0,
	WAIT_START_INFERRED = 1 << 1,
	WAIT_FROM_SEGMENTS = 1 << 2,
	WAIT_END_INFERRED = 1 << 3,
	WAIT_END_SEEN = 1 << 4,
	WAIT_KEY_KNOWN = 1 << 5, /* of its connection */
};

void page_time_wait(struct output *output, const struct time_wait_report *report)
{
	struct page *page = output->page;
	uint64_t bits = 0;
	int64_t start;

	if (page->waits == PAGE_ROWS) {
		page->waits_left_out++;
		return;
	}
	page->waits++;
	bits |= report->started_late ? WAIT_STARTED_LATE : 0;
	bits |= report->start_inferred ? WAIT_START_INFERRED : 0;
	bits |= report->wire ? WAIT_FROM_SEGMENTS : 0;
	bits |= report->end_inferred ? WAIT_END_INFERRED : 0;
	bits |= report->end_seen ? WAIT_END_SEEN : 0;
	bits |= report->id[0] || report->id[1] ? WAIT_KEY_KNOWN : 0;
	start = page_since_base(output, report->start);
	page_line_begin(output, 'x');
	page_add_signed(page, start);
	page_add(page, report->substate);
	page_add(page, report->ended_by);
	page_add(page, bits);
	page_add(page, report->duration);
	page_add(page, report->timeout);
	page_add(page, report->left);
	page_add(page, report->restarts);
	page_add(page, report->late_count);
	page_add_end(output, report->flow.local, report->flow.local_port);
	page_add_key(page, report->id);
	page_line_end(output);
}

enum suspect_bit {
	SUSPECT_EOF_READ = 1 << 0,
	SUSPECT_ACCEPTED = 1 << 1,
	SUSPECT_AT_LEAST = 1 << 2,
	SUSPECT_HOLDERS_KNOWN = 1 << 3,
};

void page_close_wait(struct output *output, const struct close_wait_report *report)
{
	const struct close_wait_holder *holder = report->holder_count ? report->holders : NULL;
	struct page *page = output->page;
	uint64_t bits = 0;
	int64_t time;

	bits |= report->eof_read ? SUSPECT_EOF_READ : 0;
	bits |= report->accepted ? SUSPECT_ACCEPTED : 0;
	bits |= report->since ? 0 : SUSPECT_AT_LEAST;
	bits |= report->holders_known ? SUSPECT_HOLDERS_KNOWN : 0;
	time = page_since_base(output, report->time);
	page_line_begin(output, 'c');
	page_add_signed(page, time);
	page_add(page, bits);
	page_add(page, report->age);
	page_add(page, report->unread_bytes);
	page_add_flow(output, &report->flow);
	page_add(page, holder ? holder->pid : 0);
	page_add_word(output, holder ? holder->comm : NULL, RECORD_COMM_LENGTH);
	page_add(page, report->holder_count);
	page_line_end(output);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/correlator.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/ready_file.h"
#include "host/sink.h"
#include "host/stop_signals.h"
#include "kernel/plan.h"
#include "kernel/ring.h"
#include "kernel/socket_probe.h"
#include "leak_watch.h"
#include "output/output.h"
#include "questions.h"
#include "witness.h"

#define MS 1000000ull
#define S (1000 * MS)
/* Records gather in the ring this long before they are taken: one wake-up for many. */
#define BATCH (20 * MS)
#define LOSS_CHECK S
#define WRITE_AT (1 << 16)

struct session {
	const struct options *options;
	struct witness *witness; /* everything of the kernel */
	struct correlator *correlator;
	struct questions *questions; /* NULL: nobody can answer them */
	struct leak_watch *leaks;    /* NULL: no --threshold was given */
	struct output output;
	int signals;
	uint64_t started;
	uint64_t last_loss_check;
	struct loss loss;
	struct log_once loss_warnings[LOSS_CAUSES];
	struct log_once leak_warning;
	uint64_t reports;
	uint64_t unshown; /* over when --count had been reached: unfinished for the user */
	bool stop;
	struct sink sink;
};

static void write_out(struct session *session)
{
	sink_write(&session->sink, &session->output.out);
	if (sink_failed(&session->sink))
		session->stop = true;
}

static bool report(void *context, const struct teardown_report *teardown)
{
	struct session *session = context;
	uint64_t limit = session->options->count;

	if (limit && session->reports >= limit) {
		session->unshown +=
			!(teardown->incomplete & (INCOMPLETE_STOPPED | INCOMPLETE_EVICTED));
		return false;
	}
	session->reports++;
	session->output.format->teardown(&session->output, teardown);
	if (session->output.out.length >= WRITE_AT)
		write_out(session);
	if (limit && session->reports == limit)
		session->stop = true;
	return true;
}

static void report_time_wait(void *context, const struct time_wait_report *time_wait)
{
	struct session *session = context;

	session->output.format->time_wait(&session->output, time_wait);
	if (session->output.out.length >= WRITE_AT)
		write_out(session);
}

static void question(void *context, const struct flow *flow, uint32_t netns)
{
	const struct session *session = context;

	questions_add(session->questions, flow, netns);
}

static int take(void *context, const struct record *record, size_t length)
{
	struct session *session = context;

	correlator_feed(session->correlator, record, length);
	witness_complete(session->witness, record, session->correlator);
	return 0;
}

static void warn_of_loss(struct session *session, enum loss_cause cause)
{
	static const char *const sentences[LOSS_CAUSES] = {
		[LOSS_NO_ROOM] = "records were lost: the ring buffer was full; use a larger "
				 "--ring-size or a filter",
		[LOSS_SKIPPED] = "records were lost: the kernel skipped programs of ours; "
				 "timelines that may have a hole are marked incomplete",
		[LOSS_FORGOTTEN] =
			"acknowledgements of FINs, or ends of TIME_WAIT, were missed: too "
			"many connections closed at once; use a filter",
		[LOSS_UNREADABLE] = "segments were missed: their headers were where no program "
				    "can read them",
	};

	log_warning_once(&session->loss_warnings[cause], "%s", sentences[cause]);
}

/* What never arrived: told to the core as a record, and to the user once for each cause. */
static void check_loss(struct session *session, uint64_t now)
{
	struct loss loss = witness_lost(session->witness);

	session->last_loss_check = now;
	for (uint32_t kind = 0; kind < RECORD_KINDS; kind++) {
		struct loss_record record = {
			.header = {.length = sizeof(record), .kind = RECORD_LOSS, .time = now},
			.lost_kind = kind,
		};

		for (int cause = 0; cause < LOSS_CAUSES; cause++) {
			uint64_t *known = &session->loss.records[cause][kind];

			if (loss.records[cause][kind] <= *known)
				continue;
			record.count += loss.records[cause][kind] - *known;
			*known = loss.records[cause][kind];
			warn_of_loss(session, (enum loss_cause)cause);
		}
		if (record.count)
			correlator_feed(session->correlator, &record.header, sizeof(record));
	}
}

/* What was found missing may have ended for a reason that is in the ring by now: that comes first.
 */
static void look(struct session *session, uint64_t now)
{
	if (!session->questions)
		return;
	if (questions_look(session->questions, now)) {
		witness_drain(session->witness);
		questions_answer(session->questions, take, session);
	}
	questions_compare(session->questions, session->correlator, now);
}

/* Tells of each socket that has crossed the threshold. */
static void watch_leaks(struct session *session, uint64_t now)
{
	const struct close_wait_view *view;
	int error;

	if (!session->leaks || now < leak_watch_deadline(session->leaks))
		return;
	error = leak_watch_look(session->leaks, false);
	view = error ? NULL : leak_watch_view(session->leaks, false);
	for (size_t i = 0; view && i < view->fresh_count; i++)
		session->output.format->close_wait(&session->output, view->fresh[i]);
	leak_watch_told(session->leaks);
	if (!view)
		log_warning_once(&session->leak_warning,
				 "cannot list the sockets in CLOSE_WAIT: %s; --threshold tells of "
				 "none",
				 strerror(error ? -error : ENOMEM));
}

/* Takes what the ring holds and lets the core act on it. True if there was anything. */
static bool drain(struct session *session)
{
	uint64_t now = clock_boot();
	int count = witness_drain(session->witness);

	if (now - session->last_loss_check >= LOSS_CHECK)
		check_loss(session, now);
	correlator_advance(session->correlator, now);
	look(session, now);
	watch_leaks(session, now);
	if (session->output.out.length)
		write_out(session);
	return count > 0;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When there is something to do although no record came. */
static uint64_t next_work(const struct session *session)
{
	uint64_t deadline = correlator_deadline(session->correlator);

	if (session->questions)
		deadline = earliest(deadline, questions_deadline(session->questions));
	if (session->leaks)
		deadline = earliest(deadline, leak_watch_deadline(session->leaks));
	return deadline;
}

static int leaks_descriptor(const struct session *session)
{
	return session->leaks ? leak_watch_descriptor(session->leaks) : -1;
}

/* The ring's descriptor is only waited for when the ring was found empty: while records flow, it
 * is drained once a batch, what is due is done then, too, and the kernel need not wake anyone. */
static int loop(struct session *session)
{
	uint64_t end = UINT64_MAX, batch = 0;
	struct pollfd descriptors[3 + WITNESS_DESCRIPTORS];
	unsigned int count;

	if (session->options->duration)
		end = session->started + session->options->duration;
	while (!session->stop) {
		uint64_t deadline = earliest(end, batch ? batch : next_work(session));

		descriptors[0] = (struct pollfd){.fd = session->signals, .events = POLLIN};
		descriptors[1] = (struct pollfd){.fd = batch ? -1 : witness_ring(session->witness),
						 .events = POLLIN};
		descriptors[2] = (struct pollfd){.fd = leaks_descriptor(session), .events = POLLIN};
		count = 3 + witness_descriptors(session->witness, descriptors + 3);
		if (poll(descriptors, count, clock_timeout(deadline)) < 0 && errno != EINTR)
			return -errno;
		if (descriptors[0].revents)
			session->stop |= stop_signals_take(session->signals);
		witness_dispatch(session->witness, descriptors + 3, count - 3);
		if (descriptors[2].revents)
			leak_watch_dispatch(session->leaks);
		if (!batch || clock_boot() >= batch)
			batch = drain(session) ? clock_boot() + BATCH : 0;
		if (clock_boot() >= end)
			session->stop = true;
	}
	return 0;
}

static struct core_stats final_stats(const struct session *session)
{
	struct core_stats stats = *correlator_stats(session->correlator);

	stats.teardowns -= session->unshown;
	stats.unfinished += session->unshown;
	return stats;
}

static void flush(struct session *session)
{
	struct record end = {.length = sizeof(end), .kind = RECORD_END, .time = clock_boot()};
	struct core_stats stats;

	witness_detach(session->witness);
	witness_drain(session->witness);
	check_loss(session, end.time);
	correlator_feed(session->correlator, &end, sizeof(end));
	stats = final_stats(session);
	session->output.format->end(&session->output, &stats, end.time - session->started);
	write_out(session);
}

static void summarize(const struct session *session)
{
	struct core_stats stats = final_stats(session);
	uint64_t lost = 0;

	for (int kind = 0; kind < RECORD_KINDS; kind++)
		lost += stats.lost[kind];
	log_info("%llu teardowns, %llu unfinished, %llu records, %llu lost",
		 (unsigned long long)stats.teardowns, (unsigned long long)stats.unfinished,
		 (unsigned long long)stats.records, (unsigned long long)lost);
}

static void open_output(struct session *session)
{
	struct output_options *options = &session->output.options;

	buffer_init(&session->output.out);
	session->output.format = session->options->format;
	options->wall_offset = clock_wall_offset();
	options->raw_seq = session->options->raw_seq;
	options->color = sink_is_terminal() && !getenv("NO_COLOR");
	options->lookup = witness_lookup(session->witness);
	session->output.format->begin(&session->output);
}

static enum exit_status trace(struct session *session)
{
	bool written;
	int error;

	session->started = clock_boot();
	write_out(session);
	if (witness_snapshot(session->witness, take, session))
		log_warning("cannot list the sockets that exist already: their teardowns will "
			    "lack what came before");
	error = ready_file_create(session->options->ready_file);
	if (!error)
		error = loop(session);
	flush(session);
	written = sink_done(&session->sink);
	summarize(session);
	return written && !error ? EXIT_DONE : EXIT_FAILED;
}

static void drain_meanwhile(void *context)
{
	const struct session *session = context;

	witness_drain(session->witness);
}

static enum exit_status open_leaks(struct session *session, const struct features *features)
{
	enum exit_status status = EXIT_DONE;

	if (!session->options->threshold)
		return status;
	status = leak_watch_open(&session->leaks, session->options, features,
				 witness_cgroups(session->witness));
	if (status != EXIT_DONE)
		return status;
	leak_watch_set_progress(session->leaks, drain_meanwhile, session);
	return leak_watch_attach(session->leaks);
}

enum exit_status session_run(const struct options *options, const struct features *features)
{
	struct session session = {.options = options, .signals = -1};
	struct correlator_listener listener = {
		.teardown = report,
		.time_wait = report_time_wait,
		.context = &session,
	};
	enum exit_status status;

	if (options->ready_file)
		ready_file_remove(options->ready_file);
	status = witness_open(&session.witness, options, features);
	if (status != EXIT_DONE)
		return status;
	if (witness_can_look(session.witness)) {
		session.questions = questions_new(witness_home(session.witness),
						  witness_must_look(session.witness));
		listener.question = session.questions ? question : NULL;
	}
	session.correlator = correlator_new(&correlator_defaults, &listener);
	session.signals = stop_signals_open();
	if (!session.correlator || session.signals < 0) {
		log_error("cannot start: %s", strerror(errno));
		status = EXIT_FAILED;
		goto out;
	}
	open_output(&session);
	status = open_leaks(&session, features);
	if (status == EXIT_DONE)
		status = witness_attach(session.witness, take, &session);
	if (status == EXIT_DONE)
		status = trace(&session);
out:
	buffer_done(&session.output.out);
	correlator_free(session.correlator);
	questions_free(session.questions);
	leak_watch_close(session.leaks);
	witness_close(session.witness);
	if (session.signals >= 0)
		close(session.signals);
	return status;
}

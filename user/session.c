// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "confinement.h"
#include "core/correlator.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/priority.h"
#include "host/ready_file.h"
#include "host/sink.h"
#include "host/stop_signals.h"
#include "kernel/plan.h"
#include "kernel/ring.h"
#include "kernel/socket_probe.h"
#include "leak_watch.h"
#include "questions.h"
#include "scribe.h"
#include "teller.h"
#include "witness.h"

#define MS 1000000ull
/* So many are taken in less than a report waits for its last segments. */
#define LOSS_CHECK 4096

struct session {
	const struct options *options;
	struct witness *witness; /* everything of the kernel */
	struct correlator *correlator;
	struct questions *questions; /* NULL: nobody can answer them */
	struct leak_watch *leaks;    /* NULL: no --threshold was given */
	struct scribe *scribe;       /* NULL: nothing is recorded */
	struct teller teller;
	uint64_t started;
	uint64_t newest;        /* time of a record of the ring */
	unsigned int unchecked; /* records taken since losses were asked for */
	struct loss loss;
	struct log_once loss_warnings[LOSS_CAUSES];
	struct log_once leak_warning;
	struct log_once question_warning;
};

static void question(void *context, const struct flow *flow, uint32_t netns)
{
	const struct session *session = context;

	questions_add(session->questions, flow, netns);
}

static bool report_teardown(void *context, const struct teardown_report *report)
{
	struct session *session = context;

	return teller_teardown(&session->teller, report);
}

static void report_time_wait(void *context, const struct time_wait_report *report)
{
	struct session *session = context;

	teller_time_wait(&session->teller, report);
}

static void record_report(void *context, const struct teardown_report *report)
{
	struct session *session = context;

	scribe_report(session->scribe, &session->teller.output, report);
}

static void advance(struct session *session, uint64_t now)
{
	const struct record tick = {.length = sizeof(tick), .kind = RECORD_TICK, .time = now};
	bool due = correlator_deadline(session->correlator) <= now;

	correlator_feed(session->correlator, &tick, sizeof(tick));
	if (!session->scribe)
		return;
	if (due)
		scribe_add(session->scribe, &tick);
	if (!scribe_advance(session->scribe, now))
		session->teller.stop = true;
}

/* Every call of the core passes here, or through advance(). */
static void take(void *context, const struct record *record, size_t length)
{
	struct session *session = context;

	if (!correlator_feed(session->correlator, record, length))
		return; /* nor can anybody else read it */
	if (session->scribe)
		scribe_add(session->scribe, record);
	witness_complete(session->witness, record, take, session);
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

/* Who replays this takes records as late as others' may be: all that was taken here before a loss
 * comes before it there, too. */
static void settle_before_loss(struct session *session)
{
	const struct record tick = {
		.length = sizeof(tick), .kind = RECORD_TICK, .time = session->newest};

	correlator_feed(session->correlator, &tick, sizeof(tick));
	if (session->scribe)
		scribe_add(session->scribe, &tick);
}

/* What never arrived: told to the core as a record, and to the user once for each cause. It comes
 * before what is in the ring: reports leave as soon as the core has what is newer, and shall be
 * marked. */
static void check_loss(struct session *session)
{
	struct loss loss = witness_lost(session->witness);
	uint64_t now = clock_boot();

	session->unchecked = 0;
	session->teller.passed_over = loss.passed_over;
	for (uint32_t kind = 0; kind < RECORD_KINDS; kind++) {
		struct loss_record record = {
			.header = {.length = sizeof(record),
				   .kind = RECORD_LOSS,
				   .time = session->newest ? session->newest : now},
			.until = now,
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
		if (!record.count)
			continue;
		settle_before_loss(session);
		take(session, &record.header, sizeof(record));
	}
}

/* From the ring, which may give very many at once. */
static void take_of_many(void *context, const struct record *record, size_t length)
{
	struct session *session = context;

	if (++session->unchecked >= LOSS_CHECK)
		check_loss(session);
	if (record->time > session->newest)
		session->newest = record->time;
	take(session, record, length);
}

/* What was found missing may have ended for a reason that is in the ring by now: that comes first.
 */
static void look(struct session *session, uint64_t now)
{
	if (!session->questions)
		return;
	if (questions_look(session->questions, now)) {
		witness_drain_all(session->witness);
		questions_answer(session->questions, take, session);
	}
	questions_compare(session->questions, session->correlator, now);
	if (questions_dropped(session->questions))
		log_warning_once(&session->question_warning,
				 "too many TIME_WAITs may have ended unseen at once: of some it is "
				 "not told when and how");
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
	for (size_t i = 0; view && i < view->fresh_count; i++) {
		if (session->scribe)
			scribe_suspect(session->scribe, &session->teller.output, view->fresh[i]);
		teller_close_wait(&session->teller, view->fresh[i]);
	}
	leak_watch_told(session->leaks);
	if (!view)
		log_warning_once(&session->leak_warning,
				 "cannot list the sockets in CLOSE_WAIT: %s; --threshold tells of "
				 "none",
				 strerror(error ? -error : ENOMEM));
}

/* When to drain the ring again; 0: when it tells. */
static uint64_t after(enum ring_rest rest)
{
	static const uint64_t pauses[] = {
		[RING_GATHERS] = RING_BATCH,
		[RING_IS_BEHIND] = 0,
		[RING_WAITS] = MS,
	};

	return rest == RING_QUIET ? 0 : clock_boot() + pauses[rest];
}

/* Takes what the ring holds and lets the core act on it. When to do so again, as above. */
static uint64_t drain(struct session *session)
{
	uint64_t now = clock_boot();
	enum ring_rest rest;

	check_loss(session);
	rest = witness_drain(session->witness, now);
	advance(session, witness_taken_until(session->witness));
	if (rest != RING_WAITS)
		look(session, now);
	watch_leaks(session, now);
	teller_write(&session->teller);
	return after(rest);
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
	if (session->scribe)
		deadline = earliest(deadline, scribe_deadline(session->scribe));
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
	uint64_t end = UINT64_MAX, batch = session->started; /* something may have gathered */
	struct pollfd descriptors[3 + WITNESS_DESCRIPTORS];
	unsigned int count;

	if (session->options->duration)
		end = session->started + session->options->duration;
	while (!session->teller.stop && !stop_signals_asked()) {
		uint64_t deadline = earliest(end, batch ? batch : next_work(session));

		descriptors[0] = (struct pollfd){.fd = stop_signals_descriptor(), .events = POLLIN};
		descriptors[1] = (struct pollfd){.fd = batch ? -1 : witness_ring(session->witness),
						 .events = POLLIN};
		descriptors[2] = (struct pollfd){.fd = leaks_descriptor(session), .events = POLLIN};
		count = 3 + witness_descriptors(session->witness, descriptors + 3);
		if (poll(descriptors, count, clock_timeout(deadline)) < 0 && errno != EINTR)
			return -errno;
		witness_dispatch(session->witness, descriptors + 3, count - 3);
		if (descriptors[2].revents)
			leak_watch_dispatch(session->leaks);
		if (!batch || clock_boot() >= batch)
			batch = drain(session);
		if (clock_boot() >= end)
			session->teller.stop = true;
	}
	return 0;
}

static void flush(struct session *session)
{
	struct record end = {.length = sizeof(end), .kind = RECORD_END, .time = clock_boot()};

	witness_detach(session->witness);
	witness_drain_all(session->witness);
	check_loss(session);
	take(session, &end, sizeof(end));
	teller_end(&session->teller, correlator_stats(session->correlator),
		   end.time - session->started);
}

/* What the session says, and what it records: looked up and told alike. */
static enum exit_status open_outputs(struct session *session)
{
	struct output_lookup lookup = witness_lookup(session->witness);
	const struct scribe_settings settings = {
		.options = session->options,
		.lookup = &lookup,
		.wall_offset = clock_wall_offset(),
		.questions = session->questions,
	};

	if (session->options->write && scribe_open(&session->scribe, &settings))
		return EXIT_FAILED;
	if (session->scribe) {
		lookup = scribe_lookup(session->scribe);
		session->teller.before = record_report;
		session->teller.context = session;
		session->teller.mute = !strcmp(session->options->write, "-") || sink_is_null();
	}
	teller_open(&session->teller, session->options, settings.wall_offset, &lookup);
	return EXIT_DONE;
}

static enum exit_status trace(struct session *session, const struct features *features)
{
	bool written;
	int error;

	priority_raise();
	confine_tracing(session->options, features);
	session->started = clock_boot();
	teller_write(&session->teller);
	if (witness_snapshot(session->witness, take, session))
		log_warning("cannot list the sockets that exist already: their teardowns will "
			    "lack what came before");
	error = ready_file_create(session->options->ready_file);
	if (!error)
		error = loop(session);
	flush(session);
	written = scribe_close(session->scribe);
	session->scribe = NULL;
	written &= teller_done(&session->teller, correlator_stats(session->correlator));
	return written && !error ? EXIT_DONE : EXIT_FAILED;
}

static void drain_meanwhile(void *context)
{
	const struct session *session = context;

	witness_drain(session->witness, clock_boot());
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
	struct session session = {.options = options};
	struct correlator_settings settings = correlator_defaults;
	struct correlator_listener listener = {
		.teardown = report_teardown,
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
	settings.tolerance = 0; /* the ring gives them in order */
	session.correlator = correlator_new(&settings, &listener);
	if (!session.correlator || stop_signals_open()) {
		log_error("cannot start: %s", strerror(errno));
		status = EXIT_FAILED;
		goto out;
	}
	status = open_outputs(&session);
	if (status == EXIT_DONE)
		status = open_leaks(&session, features);
	if (status == EXIT_DONE)
		status = witness_attach(session.witness, take_of_many, &session);
	if (status == EXIT_DONE)
		status = trace(&session, features);
out:
	teller_close(&session.teller);
	scribe_close(session.scribe);
	correlator_free(session.correlator);
	questions_free(session.questions);
	leak_watch_close(session.leaks);
	witness_close(session.witness);
	stop_signals_close();
	return status;
}

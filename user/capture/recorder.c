// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/recorder.h"

#include <errno.h>
#include <stdlib.h>

#include "capture/journal.h"
#include "capture/pending_queue.h"
#include "capture/record_fields.h"
#include "capture/recording_format.h"
#include "capture/rotation.h"
#include "capture/savefile.h"
#include "capture/section.h"

#define MS 1000000ull
#define WAIT (500 * MS)
/* Whatever waits for longer goes along: so there is at least this between two writes. */
#define WAIT_LEAST (250 * MS)
/* More is not kept waiting: the first is written when another comes. Of the most that two
 * processors close it is 25 ms, longer than a verdict takes, and little enough to stay near them.
 */
#define ROOM (8u << 20)
#define WRITE_AT (1u << 16)
/* What the fields that follow a record may take: three records of one frame, one for each hook, fit
 * an option of pcapng. */
#define FIELDS_LIMIT (1u << 14)
/* So many of those that look alike are looked at, from the latest on: of a flood of the same
 * segment each would else be compared with all. */
#define FRAMES_ALIKE 64

struct recorder {
	struct recorder_settings settings;
	struct rotation rotation;
	struct savefile file;
	struct buffer path; /* of the file, terminated */
	struct section section;
	struct names *names;
	struct buffer names_told; /* by the call of the core that is to be added next */
	struct pending_queue waiting;
	struct pool pool;    /* of what waits */
	uint64_t idle_since; /* nothing waits, and memory is kept; UINT64_MAX: it is not so */
	struct map frames;
	size_t waiting_size;
	struct pending *last;   /* the latest call of the core, NULL: not waiting any more */
	uint64_t sequence;      /* of that call */
	uint64_t time;          /* of the latest record */
	uint64_t written_until; /* time of the latest block that does not wait any more */
	struct buffer out;      /* whole blocks */
	int error;              /* the first */
	bool full;
};

static int fail(struct recorder *recorder, int error)
{
	if (error && !recorder->error)
		recorder->error = error;
	return recorder->error;
}

/* Files */

static void flush(struct recorder *recorder)
{
	if (recorder->out.failed)
		fail(recorder, -ENOMEM);
	if (!recorder->error && recorder->out.length)
		fail(recorder,
		     savefile_write(&recorder->file, recorder->out.data, recorder->out.length));
	buffer_clear(&recorder->out);
}

static void take_lower(void *context, const struct pending *pending)
{
	uint64_t *lowest = context;

	for (; pending; pending = pending->more)
		if (pending->sequence && pending->sequence < *lowest)
			*lowest = pending->sequence;
}

/* The lowest number among what waits and what may come. */
static uint64_t lowest_sequence(const struct recorder *recorder)
{
	uint64_t lowest = recorder->sequence + 1;

	pending_queue_each(&recorder->waiting, take_lower, &lowest);
	return lowest;
}

static int open_file(struct recorder *recorder, uint64_t time, struct buffer *reason)
{
	int error;

	buffer_clear(&recorder->path);
	error = rotation_name(&recorder->rotation, &recorder->path);
	buffer_add_char(&recorder->path, '\0');
	if (!error && recorder->path.failed)
		error = -ENOMEM;
	if (error)
		buffer_add_string(reason, strerror(-error));
	else
		error = savefile_open(&recorder->file, recorder->path.data, reason);
	if (error)
		return error;
	section_begin(&recorder->section, &recorder->out, time, lowest_sequence(recorder));
	return 0;
}

static void next_file(struct recorder *recorder, uint64_t time)
{
	struct buffer reason = {0};

	flush(recorder);
	fail(recorder, savefile_close(&recorder->file));
	if (!recorder->error)
		fail(recorder, open_file(recorder, time, &reason));
	buffer_done(&reason);
}

/* The queue */

static struct recorder_place place_of(const struct pending *pending)
{
	const struct segment_record *segment = &pending->record.largest.segment;

	return (struct recorder_place){.time = segment->header.time,
				       .netns = segment->header.netns,
				       .interface = segment->interface,
				       .hook = segment->hook,
				       .seq = segment->seq,
				       .ack = segment->ack};
}

static bool is_segment(const struct pending *pending)
{
	return pending->record.header.kind == RECORD_SEGMENT;
}

/* The same at each hook of an interface. */
static uint64_t hash_of_frame(const struct recorder_place *place)
{
	return hash_join(hash_mix((uint64_t)place->seq << 32 | place->ack),
			 (uint64_t)place->netns << 32 | place->interface);
}

/* Takes the first out of the queue, with what is told along with it. NULL: nothing waits. */
static struct pending *take_first(struct recorder *recorder)
{
	struct pending *first = pending_queue_take(&recorder->waiting);

	if (first && is_segment(first))
		map_remove(&recorder->frames, &first->frame);
	for (struct pending *pending = first; pending; pending = pending->more) {
		recorder->waiting_size -= pending_size(pending);
		if (recorder->last == pending)
			recorder->last = NULL;
	}
	return first;
}

static void free_all(struct recorder *recorder, struct pending *pending)
{
	while (pending) {
		struct pending *more = pending->more;

		pending_free(&recorder->pool, pending);
		pending = more;
	}
}

static void write_first(struct recorder *recorder)
{
	uint64_t time = pending_queue_first(&recorder->waiting)->time;
	struct pending *pending;

	if (rotation_step(&recorder->rotation, recorder->file.size + recorder->out.length,
			  time + (uint64_t)recorder->settings.wall_offset))
		next_file(recorder, time);
	pending = take_first(recorder);
	if (!recorder->error)
		section_add(&recorder->section, &recorder->out, pending);
	if (time > recorder->written_until)
		recorder->written_until = time;
	free_all(recorder, pending);
	if (recorder->out.length >= WRITE_AT || recorder->out.failed)
		flush(recorder);
}

static void drop_all(struct recorder *recorder)
{
	struct pending *pending;

	while ((pending = take_first(recorder)))
		free_all(recorder, pending);
}

static void make_room(struct recorder *recorder)
{
	while (recorder->waiting_size > ROOM)
		write_first(recorder);
}

/* Loopback's frames pass two hooks, as do those of an interface with XDP: readers of captures would
 * take the second for a retransmission. */
static bool join_frame(struct recorder *recorder, struct pending *pending, uint64_t hash)
{
	struct map_link *link = map_first(&recorder->frames, hash);

	for (int steps = 0; link && steps < FRAMES_ALIKE; link = map_next(link), steps++) {
		struct pending *packet = container_of(link, struct pending, frame);
		struct pending *last = packet;
		bool same = true;

		for (struct pending *at = packet; at && same; at = at->more) {
			same = pending_is_same_frame(at, pending);
			last = at;
		}
		if (!same)
			continue;
		last->more = pending;
		return true;
	}
	return false;
}

/* False: without memory. */
static bool add_frame(struct recorder *recorder, struct pending *pending, uint64_t time)
{
	const struct recorder_place place = place_of(pending);
	uint64_t hash = hash_of_frame(&place);

	if (join_frame(recorder, pending, hash))
		return true;
	if (pending_queue_add(&recorder->waiting, pending, time))
		return false;
	map_add(&recorder->frames, &pending->frame, hash);
	return true;
}

static void queue(struct recorder *recorder, struct pending *pending, uint64_t time)
{
	bool queued = is_segment(pending) ? add_frame(recorder, pending, time)
					  : !pending_queue_add(&recorder->waiting, pending, time);

	if (!queued) {
		pending_free(&recorder->pool, pending);
		fail(recorder, -ENOMEM);
		return;
	}
	recorder->waiting_size += pending_size(pending);
	if (pending->sequence)
		recorder->last = pending;
	make_room(recorder);
}

/* What comes in */

/* Adds to what was said of the latest call. */
static void add_names_told(struct recorder *recorder, struct pending *pending)
{
	const struct buffer *told = &recorder->names_told;

	if (told->failed || pending_add_fields(pending, told->data, told->length))
		fail(recorder, -ENOMEM);
	buffer_clear(&recorder->names_told);
}

/* Gives it its place in the order of the calls. */
static void number_call(struct recorder *recorder, struct pending *pending, uint64_t time)
{
	pending->sequence = ++recorder->sequence;
	add_names_told(recorder, pending);
	queue(recorder, pending, time);
}

static void add_call(struct recorder *recorder, const struct record *record, uint64_t time)
{
	struct pending *pending = pending_new(&recorder->pool, record);

	if (!pending) {
		fail(recorder, -ENOMEM);
		return;
	}
	number_call(recorder, pending, time);
}

/* As part of the call before, so that there is no row for it in Wireshark. */
static bool add_tick(struct recorder *recorder, uint64_t time)
{
	struct pending *last = recorder->last;
	struct buffer tick = {0};
	size_t size;

	if (!last || last->fields.length + recorder->names_told.length > FIELDS_LIMIT)
		return false;
	size = pending_size(last);
	journal_add_unsigned(&tick, FIELD_TICK, time);
	if (tick.failed || pending_add_fields(last, tick.data, tick.length))
		fail(recorder, -ENOMEM);
	buffer_done(&tick);
	add_names_told(recorder, last);
	recorder->waiting_size += pending_size(last) - size;
	make_room(recorder);
	return true;
}

void recorder_add(struct recorder *recorder, const struct record *record)
{
	size_t size = record_fields_size(record->kind);

	if (recorder->error || !size || record->length < size)
		return;
	recorder->time = record->time;
	if (record->kind != RECORD_TICK || !add_tick(recorder, record->time))
		add_call(recorder, record, record->time);
	if (!names_are_many(recorder->names))
		return;
	names_clear(recorder->names);
	names_tell_none(&recorder->names_told);
}

void recorder_note(struct recorder *recorder, uint64_t time, const char *kind,
		   const struct buffer *fields, const struct buffer *message)
{
	struct pending *pending = recorder->error ? NULL : pending_new(&recorder->pool, NULL);
	struct buffer note = {0};

	if (recorder->error)
		return;
	journal_add_string(&note, FIELD_NOTE, kind);
	buffer_add(&note, fields->data, fields->length);
	if (!pending || note.failed || fields->failed || message->failed ||
	    pending_add_fields(pending, note.data, note.length) ||
	    pending_add_remark(pending, message->data, message->length)) {
		pending_free(&recorder->pool, pending);
		fail(recorder, -ENOMEM);
	} else {
		number_call(recorder, pending, time);
	}
	buffer_done(&note);
}

void recorder_name(struct recorder *recorder, enum name_kind kind, uint64_t number,
		   const char *name)
{
	if (recorder->error || !names_set(recorder->names, kind, number, name))
		return;
	names_tell(&recorder->names_told, kind, number, name);
	if (recorder->names_told.length > FIELDS_LIMIT)
		add_call(recorder, NULL, recorder->time);
}

static bool is_seen_at(const struct pending *pending, const struct recorder_place *wanted)
{
	struct recorder_place place = place_of(pending);

	return place.time == wanted->time && place.netns == wanted->netns &&
	       place.interface == wanted->interface && place.hook == wanted->hook;
}

/* The packet that was seen there. */
static struct pending *find_packet(const struct recorder *recorder,
				   const struct recorder_place *wanted)
{
	struct map_link *link = map_first(&recorder->frames, hash_of_frame(wanted));

	for (int steps = 0; link && steps < FRAMES_ALIKE; link = map_next(link), steps++) {
		struct pending *packet = container_of(link, struct pending, frame);

		for (struct pending *at = packet; at; at = at->more)
			if (is_seen_at(at, wanted))
				return packet;
	}
	return NULL;
}

void recorder_comment(struct recorder *recorder, const struct recorder_place *segment,
		      uint64_t time, const char *text, size_t length)
{
	struct pending *pending = segment ? find_packet(recorder, segment) : NULL;
	bool found = pending;
	size_t size;

	if (recorder->error)
		return;
	if (!found)
		pending = pending_new(&recorder->pool, NULL);
	if (!pending) {
		fail(recorder, -ENOMEM);
		return;
	}
	size = pending_size(pending);
	if (pending_add_remark(pending, text, length))
		fail(recorder, -ENOMEM);
	if (found) {
		recorder->waiting_size += pending_size(pending) - size;
		make_room(recorder);
		return;
	}
	/* It is not a part of the story: it may stand where there is still room for it. */
	queue(recorder, pending, time > recorder->written_until ? time : recorder->written_until);
}

/* What goes out */

static uint64_t after(uint64_t time, uint64_t wait)
{
	return time > UINT64_MAX - wait ? UINT64_MAX : time + wait;
}

/* Boot clock. */
static uint64_t end_of_last_file(const struct recorder *recorder)
{
	uint64_t end = rotation_end(&recorder->rotation);

	return end == UINT64_MAX ? end : end - (uint64_t)recorder->settings.wall_offset;
}

/* Memory for what waits goes when nothing has waited for long. */
static void rest(struct recorder *recorder, uint64_t now)
{
	if (pending_queue_first(&recorder->waiting) || !recorder->pool.blocks) {
		recorder->idle_since = UINT64_MAX;
	} else if (recorder->error || after(recorder->idle_since, WAIT) <= now) {
		pool_done(&recorder->pool);
		recorder->idle_since = UINT64_MAX;
	} else if (recorder->idle_since == UINT64_MAX) {
		recorder->idle_since = now;
	}
}

int recorder_advance(struct recorder *recorder, uint64_t now)
{
	const struct pending *pending = pending_queue_first(&recorder->waiting);

	if (now >= end_of_last_file(recorder))
		recorder->full = true;
	if (pending && after(pending->time, WAIT) <= now) {
		while ((pending = pending_queue_first(&recorder->waiting)) &&
		       after(pending->time, WAIT_LEAST) <= now)
			write_first(recorder);
		flush(recorder);
	}
	if (recorder->error)
		drop_all(recorder);
	rest(recorder, now);
	return recorder->error;
}

uint64_t recorder_deadline(const struct recorder *recorder)
{
	const struct pending *pending = pending_queue_first(&recorder->waiting);
	uint64_t deadline = after(pending ? pending->time : recorder->idle_since, WAIT);

	if (!recorder->full && end_of_last_file(recorder) < deadline)
		deadline = end_of_last_file(recorder);
	return deadline;
}

bool recorder_full(const struct recorder *recorder)
{
	return recorder->full;
}

const char *recorder_path(const struct recorder *recorder)
{
	return recorder->path.data;
}

/* The whole */

static void destroy(struct recorder *recorder)
{
	if (!recorder)
		return;
	drop_all(recorder);
	savefile_close(&recorder->file);
	buffer_done(&recorder->path);
	buffer_done(&recorder->names_told);
	buffer_done(&recorder->out);
	section_done(&recorder->section);
	names_free(recorder->names);
	pending_queue_done(&recorder->waiting);
	pool_done(&recorder->pool);
	map_done(&recorder->frames);
	free(recorder);
}

static int begin(struct recorder *recorder, uint64_t now, struct buffer *reason)
{
	const struct recorder_settings *settings = &recorder->settings;
	int error;

	recorder->rotation = (struct rotation){
		.path = settings->path,
		.size = settings->size,
		.interval = settings->interval,
		.files = settings->files,
		.begun = now + (uint64_t)settings->wall_offset,
	};
	if (strcmp(settings->path, SAVEFILE_STDOUT) == 0 &&
	    (settings->size || settings->interval)) {
		buffer_add_literal(reason, "standard output cannot be split into files; give a "
					   "file");
		return -EINVAL;
	}
	error = open_file(recorder, now, reason);
	if (error)
		return error;
	flush(recorder);
	if (recorder->error)
		buffer_add_string(reason, strerror(-recorder->error));
	return recorder->error;
}

static int prepare(struct recorder *recorder, uint64_t now)
{
	recorder->file.descriptor = -1;
	recorder->time = now;
	pending_queue_init(&recorder->waiting);
	pool_init(&recorder->pool, sizeof(struct pending));
	recorder->idle_since = UINT64_MAX;
	recorder->names = names_new();
	if (!recorder->names || map_init(&recorder->frames))
		return -ENOMEM;
	return section_init(&recorder->section, &recorder->settings, recorder->names, now);
}

int recorder_open(struct recorder **result, const struct recorder_settings *settings, uint64_t now,
		  struct buffer *reason)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int error = -ENOMEM;

	if (recorder) {
		recorder->settings = *settings;
		error = prepare(recorder, now);
	}
	if (error)
		buffer_add_string(reason, strerror(-error));
	else
		error = begin(recorder, now, reason);
	if (error) {
		destroy(recorder);
		recorder = NULL;
	}
	*result = recorder;
	return error;
}

int recorder_close(struct recorder *recorder)
{
	int error;

	if (!recorder)
		return 0;
	while (!recorder->error && pending_queue_first(&recorder->waiting))
		write_first(recorder);
	flush(recorder);
	error = fail(recorder, savefile_close(&recorder->file));
	destroy(recorder);
	return error;
}

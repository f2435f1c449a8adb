// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "capture/capture_file.h"
#include "host/log.h"
#include "host/stop_signals.h"

#define CONVERSATIONS (1 << 18)
/* Of the time in a capture; packets lie in the order of it but for less than this. */
#define TICK 1000000000ull

struct reading {
	struct reading_settings settings;
	int descriptor;
	int error; /* of read(), a negative errno */
	uint64_t size;
	struct capture_file *file;
	struct capture_item item; /* the first, until it was taken */
	bool peeked;
	bool ended;
	bool stopped; /* by a signal */
	struct names *names;
	struct recording *recording;
	struct conversations *conversations; /* NULL: it is a recording */
	struct recording_start start;
	uint64_t time;
	uint64_t ticked;    /* of a capture: what the core was told last that it is */
	struct buffer told; /* by the file, of which `taken` bytes were taken */
	size_t taken;
	char index[16]; /* name of an interface of which only the index is known */
};

static const char *shown_path(const struct reading *reading)
{
	return strcmp(reading->settings.path, "-") ? reading->settings.path : "standard input";
}

/* Waits for data or for the signal that makes waiting vain. */
static bool wait_readable(struct reading *reading)
{
	struct pollfd descriptors[] = {
		{.fd = reading->descriptor, .events = POLLIN},
		{.fd = stop_signals_descriptor(), .events = POLLIN},
	};

	if (!stop_signals_asked() && poll(descriptors, 2, 0) == 0) {
		reading->settings.idle(reading->settings.context);
		while (poll(descriptors, 2, -1) < 0 && errno == EINTR)
			;
	}
	return !stop_signals_asked();
}

static ssize_t read_file(void *context, void *bytes, size_t room)
{
	struct reading *reading = context;
	ssize_t count;

	if (!wait_readable(reading)) {
		reading->stopped = true;
		return 0;
	}
	do
		count = read(reading->descriptor, bytes, room);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		reading->error = -errno;
	if (reading->file)
		reading->settings.moved(reading->settings.context);
	return count < 0 ? reading->error : count;
}

static void keep_start(void *context, const struct recording_start *start)
{
	struct reading *reading = context;

	reading->start = *start;
}

/* What the file told, one after the other. */
struct told {
	uint64_t length;
	bool note; /* else a record */
};

static void keep(struct reading *reading, bool note, const void *bytes, size_t length)
{
	const struct told told = {.length = length, .note = note};
	static const char pad[sizeof(told.length)];

	buffer_add(&reading->told, &told, sizeof(told));
	buffer_add(&reading->told, bytes, length);
	buffer_add(&reading->told, pad, -length % sizeof(pad));
}

static void keep_record(void *context, const struct record *record, size_t length)
{
	struct reading *reading = context;

	reading->time = record->time;
	keep(reading, false, record, length);
}

static void keep_note(void *context, const char *fields, size_t length)
{
	keep(context, true, fields, length);
}

/* Now and then, so that what is due leaves although nothing closes. */
static void keep_tick(struct reading *reading, uint64_t time)
{
	struct record tick = {
		.length = sizeof(tick),
		.kind = RECORD_TICK,
		.source = reading->settings.source,
		.time = reading->ticked,
	};

	if (time < reading->ticked + TICK)
		return;
	if (reading->ticked)
		keep(reading, false, &tick, sizeof(tick));
	reading->ticked = time;
}

static void take_item(struct reading *reading, const struct capture_item *item)
{
	switch (item->kind) {
	case CAPTURE_PACKET:
	case CAPTURE_JOURNAL:
		if (!reading->conversations) {
			recording_take(reading->recording, item);
		} else if (item->kind == CAPTURE_PACKET) {
			reading->time = item->packet.time;
			keep_tick(reading, item->packet.time);
			conversations_take(reading->conversations, &item->packet);
		}
		break;
	case CAPTURE_END:
	case CAPTURE_BROKEN:
		if (!reading->conversations)
			recording_end(reading->recording);
		else
			conversations_end(reading->conversations);
		reading->ended = true;
		break;
	}
}

/* Until there is something to take; false: nothing more comes. */
static bool fill(struct reading *reading)
{
	if (reading->taken < reading->told.length)
		return true;
	reading->taken = 0;
	buffer_clear(&reading->told);
	while (!reading->told.length && !reading->ended) {
		struct capture_item item =
			reading->peeked ? reading->item : capture_file_next(reading->file);

		reading->peeked = false;
		take_item(reading, &item);
	}
	return reading->told.length;
}

const struct record *reading_next(struct reading *reading)
{
	while (fill(reading)) {
		const struct told *told =
			(const struct told *)(reading->told.data + reading->taken);

		reading->taken += sizeof(*told) + (told->length + 7) / 8 * 8;
		if (!told->note)
			return (const struct record *)(told + 1);
		reading->settings.note(reading->settings.context, (const char *)(told + 1),
				       told->length);
	}
	return NULL;
}

/* The first item says what the file is. */
static int begin(struct reading *reading)
{
	const struct capture_source source = {.read = read_file, .context = reading};
	const struct recording_listener recording = {
		.start = keep_start,
		.take = keep_record,
		.note = keep_note,
		.source = reading->settings.source,
		.context = reading,
	};
	const struct conversations_settings settings = {
		.limit = CONVERSATIONS,
		.source = reading->settings.source,
	};
	const struct conversations_listener conversations = {
		.take = keep_record,
		.context = reading,
	};

	reading->file = capture_file_open(&source);
	reading->names = names_new();
	reading->recording = reading->names ? recording_new(&recording, reading->names) : NULL;
	if (!reading->file || !reading->recording)
		return -ENOMEM;
	reading->item = capture_file_next(reading->file);
	if (reading->item.kind == CAPTURE_BROKEN)
		return reading->error ? reading->error : -EBADMSG;
	if (reading->item.kind == CAPTURE_JOURNAL &&
	    recording_take(reading->recording, &reading->item))
		return 0;
	reading->peeked = true;
	reading->conversations = conversations_new(&settings, &conversations);
	return reading->conversations ? 0 : -ENOMEM;
}

static void tell_unreadable(const char *path, int error)
{
	log_error("cannot read %s: %s; give a recording or a capture", path, strerror(-error));
}

int reading_begin(struct reading *reading)
{
	int error = begin(reading);

	if (error == -EBADMSG)
		log_error("cannot read %s: it %s", shown_path(reading),
			  capture_file_trouble(reading->file));
	else if (error)
		tell_unreadable(reading->settings.path, error);
	return error;
}

static int open_file(struct reading *reading)
{
	const char *path = reading->settings.path;
	struct stat status;

	reading->descriptor =
		strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (reading->descriptor < 0 || fstat(reading->descriptor, &status))
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (S_ISREG(status.st_mode))
		reading->size = (uint64_t)status.st_size;
	return 0;
}

int reading_open(struct reading **result, const struct reading_settings *settings)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int error = reading ? 0 : -ENOMEM;

	if (!error) {
		reading->settings = *settings;
		buffer_init(&reading->told);
		error = open_file(reading);
	}
	if (error) {
		tell_unreadable(settings->path, error);
		reading_close(reading);
		reading = NULL;
	}
	*result = reading;
	return error;
}

static void end(struct reading *reading)
{
	capture_file_close(reading->file);
	recording_free(reading->recording);
	conversations_free(reading->conversations);
	names_free(reading->names);
	buffer_clear(&reading->told);
	reading->file = NULL;
	reading->recording = NULL;
	reading->conversations = NULL;
	reading->names = NULL;
	reading->taken = 0;
	reading->ticked = 0;
	reading->ended = false;
	reading->peeked = false;
}

int reading_rewind(struct reading *reading)
{
	int error = lseek(reading->descriptor, 0, SEEK_SET) < 0 ? -errno : 0;

	end(reading);
	if (!error)
		error = begin(reading);
	if (error)
		log_error("cannot read %s a second time: %s", reading->settings.path,
			  strerror(-error));
	return error;
}

void reading_close(struct reading *reading)
{
	if (!reading)
		return;
	end(reading);
	buffer_done(&reading->told);
	if (reading->descriptor >= 0)
		close(reading->descriptor);
	free(reading);
}

bool reading_is_recording(const struct reading *reading)
{
	return !reading->conversations;
}

const struct recording_start *reading_start(const struct reading *reading)
{
	return &reading->start;
}

uint64_t reading_time(const struct reading *reading)
{
	return reading->time;
}

static const char *interface_name(void *context, uint32_t netns, uint32_t interface)
{
	struct reading *reading = context;
	const char *name;

	if (!reading->conversations)
		return names_get(reading->names, NAME_INTERFACE, (uint64_t)netns << 32 | interface);
	if (interface & CONVERSATIONS_OF_MACHINE) {
		snprintf(reading->index, sizeof(reading->index), "if%u",
			 interface & ~CONVERSATIONS_OF_MACHINE);
		return reading->index;
	}
	name = capture_file_interface(reading->file, interface);
	return *name ? name : NULL;
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	const struct reading *reading = context;

	return names_get(reading->names, NAME_CGROUP, cgroup);
}

static const char *reset_reason(void *context, uint32_t reason)
{
	const struct reading *reading = context;

	return names_get(reading->names, NAME_RESET_REASON, reason);
}

struct output_lookup reading_lookup(struct reading *reading)
{
	return (struct output_lookup){
		.context = reading,
		.interface_name = interface_name,
		.cgroup_path = cgroup_path,
		.reset_reason = reset_reason,
	};
}

struct reading_progress reading_progress(const struct reading *reading)
{
	return (struct reading_progress){capture_file_position(reading->file), reading->size};
}

static void judge_capture(const struct reading *reading)
{
	struct conversations_counts counts = conversations_counts(reading->conversations);

	if (counts.unreadable)
		log_warning("%s: %llu of %llu frames could not be understood: their headers are "
			    "cut, or their link type is not known",
			    shown_path(reading), (unsigned long long)counts.unreadable,
			    (unsigned long long)counts.frames);
	if (counts.forgotten)
		log_warning("%s: %llu connections were forgotten while open, because there were "
			    "more than %d at once",
			    shown_path(reading), (unsigned long long)counts.forgotten,
			    CONVERSATIONS);
}

static void judge_recording(const struct reading *reading)
{
	uint64_t bad = recording_bad(reading->recording);
	uint64_t forgotten = names_forgotten(reading->names);

	if (bad)
		log_warning("%s: %llu entries could not be understood and were left out",
			    shown_path(reading), (unsigned long long)bad);
	if (forgotten)
		log_warning("%s: %llu names were forgotten, because there were more than %u or %u "
			    "bytes of them",
			    shown_path(reading), (unsigned long long)forgotten, NAMES_KEPT,
			    NAMES_BYTES);
}

bool reading_judge(const struct reading *reading)
{
	const char *trouble = capture_file_trouble(reading->file);

	if (reading->error)
		log_error("cannot read %s: %s; what came before is shown", shown_path(reading),
			  strerror(-reading->error));
	else if (*trouble && !reading->stopped)
		log_error("%s %s; what came before is shown", shown_path(reading), trouble);
	if (reading->conversations)
		judge_capture(reading);
	else
		judge_recording(reading);
	if (reading->told.failed)
		log_error("cannot read %s: no memory", shown_path(reading));
	return !reading->error && (!*trouble || reading->stopped) && !reading->told.failed;
}

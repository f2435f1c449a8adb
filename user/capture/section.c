// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/section.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "capture/journal.h"
#include "capture/made_headers.h"
#include "capture/packet.h"
#include "capture/pcapng_writer.h"
#include "capture/record_fields.h"
#include "capture/recording_format.h"

/* As tcpdump.org numbers it. libpcap reads no file with two link types, so there is one: frames of
 * interfaces that have none get a header without addresses. */
#define LINK_ETHERNET 1
#define FRAME_ROOM (MADE_ETHERNET + SEGMENT_BYTES)

#define NS_PER_US 1000

struct interface {
	struct map_link link;
	uint32_t netns;
	uint32_t index;
	uint32_t id;
};

int section_init(struct section *section, const struct recorder_settings *settings,
		 const struct names *names, uint64_t now)
{
	*section = (struct section){.settings = settings, .names = names, .started = now};
	buffer_init(&section->fields);
	buffer_init(&section->entry);
	buffer_init(&section->message);
	if (uname(&section->host) || getrandom(section->run, sizeof(section->run), 0) < 0)
		return -errno;
	return map_init(&section->interfaces);
}

static void forget_interfaces(struct section *section)
{
	struct map_link *link;
	size_t bucket = 0;

	while ((link = map_any(&section->interfaces, &bucket))) {
		map_remove(&section->interfaces, link);
		free(container_of(link, struct interface, link));
	}
}

void section_done(struct section *section)
{
	forget_interfaces(section);
	map_done(&section->interfaces);
	buffer_done(&section->fields);
	buffer_done(&section->entry);
	buffer_done(&section->message);
}

static uint64_t wall_time(const struct section *section, uint64_t time)
{
	return time + (uint64_t)section->settings->wall_offset;
}

/* The three buffers are empty between two blocks; `out` has failed if one of them had. */
static void end_block(struct section *section, struct buffer *out)
{
	if (section->fields.failed || section->entry.failed || section->message.failed)
		out->failed = true;
	buffer_clear(&section->fields);
	buffer_clear(&section->entry);
	buffer_clear(&section->message);
}

/* Wireshark looks for these two; what follows may hold any bytes. */
static void begin_entry(struct section *section, uint64_t time)
{
	struct buffer *entry = &section->entry;

	journal_add_unsigned(entry, FIELD_REALTIME, wall_time(section, time) / NS_PER_US);
	journal_add(entry, FIELD_MESSAGE, section->message.data, section->message.length);
}

static void end_entry(struct section *section, struct buffer *out)
{
	buffer_add(&section->entry, section->fields.data, section->fields.length);
	if (!section->entry.failed)
		pcapng_add_journal(out, section->entry.data, section->entry.length);
	end_block(section, out);
}

static void add_start(struct section *section, struct buffer *out, uint64_t time, uint64_t sequence)
{
	const struct recorder_settings *settings = section->settings;
	struct buffer *fields = &section->fields;
	char run[33];

	buffer_add_string(&section->message, settings->program);
	buffer_add_literal(&section->message, " recording on ");
	buffer_add_escaped(&section->message, section->host.nodename, SIZE_MAX);
	buffer_add_literal(&section->message, ", Linux ");
	buffer_add_escaped(&section->message, section->host.release, SIZE_MAX);
	begin_entry(section, time);
	journal_add_unsigned(fields, FIELD_FORMAT, RECORDING_FORMAT);
	snprintf(run, sizeof(run), "%016" PRIx64 "%016" PRIx64, section->run[0], section->run[1]);
	journal_add_string(fields, FIELD_RUN, run);
	journal_add_signed(fields, FIELD_WALL_OFFSET, settings->wall_offset);
	journal_add_unsigned(fields, FIELD_STARTED, section->started);
	if (settings->count)
		journal_add_unsigned(fields, FIELD_COUNT, settings->count);
	if (settings->questions)
		journal_add_unsigned(fields, FIELD_QUESTIONS, 1);
	journal_add_unsigned(fields, FIELD_SEQUENCE, sequence);
	names_tell_all(fields, section->names);
	end_entry(section, out);
}

void section_begin(struct section *section, struct buffer *out, uint64_t time, uint64_t sequence)
{
	struct buffer os = {0};

	forget_interfaces(section);
	buffer_add_string(&os, section->host.sysname);
	buffer_add_char(&os, ' ');
	buffer_add(&os, section->host.release, strlen(section->host.release) + 1);
	if (os.failed)
		out->failed = true;
	else
		pcapng_add_section(out, &(struct pcapng_section){
						.hardware = section->host.machine,
						.os = os.data,
						.application = section->settings->program,
					});
	buffer_done(&os);
	add_start(section, out, time, sequence);
}

/* Interfaces */

static uint64_t hash_of(uint32_t netns, uint32_t index)
{
	return hash_mix((uint64_t)netns << 32 | index);
}

static struct interface *find_interface(const struct section *section, uint32_t netns,
					uint32_t index)
{
	struct map_link *link = map_first(&section->interfaces, hash_of(netns, index));

	for (; link; link = map_next(link)) {
		struct interface *interface = container_of(link, struct interface, link);

		if (interface->netns == netns && interface->index == index)
			return interface;
	}
	return NULL;
}

static void tell_interface(const struct section *section, struct buffer *out,
			   const struct interface *interface, bool bare)
{
	const char *name = names_get(section->names, NAME_INTERFACE,
				     (uint64_t)interface->netns << 32 | interface->index);
	char number[sizeof("if4294967295")];
	char namespace[sizeof("network namespace 4294967295; no link layer: its header is made")];

	snprintf(number, sizeof(number), "if%" PRIu32, interface->index);
	snprintf(namespace, sizeof(namespace), "network namespace %" PRIu32 "%s", interface->netns,
		 bare ? "; no link layer: its header is made" : "");
	pcapng_add_interface(
		out, &(struct pcapng_interface){
			     .name = name ? name : number,
			     .description = interface->index ? namespace : "all further interfaces",
			     .link_type = LINK_ETHERNET,
			     .snaplen = FRAME_ROOM,
		     });
}

/* NULL without memory. */
static const struct interface *interface_of(struct section *section, struct buffer *out,
					    const struct segment_record *segment, bool bare)
{
	uint32_t netns = segment->header.netns, index = segment->interface;
	struct interface *interface = find_interface(section, netns, index);

	if (!interface && section->interfaces.count >= SECTION_INTERFACES) {
		netns = index = 0;
		interface = find_interface(section, netns, index);
	}
	if (interface)
		return interface;
	interface = malloc(sizeof(*interface));
	if (!interface)
		return NULL;
	*interface = (struct interface){
		.netns = netns, .index = index, .id = (uint32_t)section->interfaces.count};
	map_add(&section->interfaces, &interface->link, hash_of(netns, index));
	tell_interface(section, out, interface, bare);
	return interface;
}

/* Packets */

/* NULL: nothing was captured of its bytes. */
static const struct segment_tail *tail_of(const struct segment_with_tail *record)
{
	if (record->segment.header.length < sizeof(*record) || !record->tail.captured ||
	    record->tail.captured > SEGMENT_BYTES)
		return NULL;
	return &record->tail;
}

static uint8_t direction_of(uint8_t hook)
{
	return hook == HOOK_TC_EGRESS                        ? PACKET_OUT
	       : hook == HOOK_TC_INGRESS || hook == HOOK_XDP ? PACKET_IN
							     : PACKET_UNKNOWN;
}

/* What was captured, behind an Ethernet header. */
static void fill_frame(struct pcapng_packet *packet, uint8_t frame[FRAME_ROOM],
		       const struct segment_record *segment, const struct segment_tail *tail)
{
	uint32_t length = 0;

	if (!tail->ethernet)
		length = (uint32_t)made_ethernet(frame, &segment->header.flow);
	memcpy(frame + length, tail->bytes, tail->captured);
	packet->captured = length + tail->captured;
	packet->original = length + tail->original;
	if (packet->original < packet->captured)
		packet->original = packet->captured;
}

static void add_packet(struct section *section, struct buffer *out, const struct pending *pending)
{
	static const char made[] = "the headers are made from the segment's record: its bytes were "
				   "not captured";
	const struct segment_with_tail *record = &pending->record.largest;
	const struct segment_record *segment = &record->segment;
	const struct segment_tail *tail = tail_of(record);
	const struct interface *interface =
		interface_of(section, out, segment, tail && !tail->ethernet);
	uint8_t frame[FRAME_ROOM];
	struct pcapng_packet packet = {
		.time = wall_time(section, segment->header.time),
		.direction = direction_of(segment->hook),
		.data = frame,
	};

	if (!interface) {
		out->failed = true;
		return;
	}
	packet.interface = interface->id;
	if (tail) {
		fill_frame(&packet, frame, segment, tail);
	} else {
		packet.captured = (uint32_t)made_headers(frame, segment);
		packet.original = packet.captured + segment->payload;
		buffer_add(&section->message, made, sizeof(made));
	}
	buffer_add(&section->message, pending->remarks.bytes, pending->remarks.length);
	packet.comments = section->message.data;
	packet.comments_length = section->message.length;
	packet.record = section->fields.data;
	packet.record_length = section->fields.length;
	if (!section->message.failed && !section->fields.failed)
		pcapng_add_packet(out, &packet);
	end_block(section, out);
}

/* Journal entries */

/* Who did it, where a task or an owner is known. */
static void add_process(struct buffer *fields, uint32_t pid, const char *comm)
{
	if (!pid)
		return;
	journal_add_unsigned(fields, "_PID", pid);
	journal_add(fields, "_COMM", comm, strnlen(comm, RECORD_COMM_LENGTH));
}

static void add_party(struct buffer *fields, const struct record *record)
{
	const struct state_record *state = (const void *)record;
	const struct owner_record *owner = (const void *)record;

	if (record->kind == RECORD_STATE && state->context & CONTEXT_CALL && state->task.pid)
		add_process(fields, state->task.pid, state->task.comm);
	else if (record->kind == RECORD_STATE)
		add_process(fields, state->owner.pid, state->owner.comm);
	else if (record->kind == RECORD_OWNER)
		add_process(fields, owner->owner.pid, owner->owner.comm);
}

static void add_entry(struct section *section, struct buffer *out, const struct pending *pending)
{
	const struct record *record = &pending->record.header;

	if (record->kind)
		section->settings->describe(section->settings->context, &section->message, record);
	else if (pending->remarks.length)
		buffer_add_string(&section->message, pending->remarks.bytes);
	else
		buffer_add_literal(&section->message, "names of interfaces, control groups and "
						      "reasons of resets");
	begin_entry(section, pending->time);
	add_party(&section->entry, record);
	if (!pending->sequence)
		journal_add_unsigned(&section->entry, FIELD_VERDICT, 1);
	end_entry(section, out);
}

static void add_call(struct buffer *fields, const struct pending *pending)
{
	if (pending->sequence)
		journal_add_unsigned(fields, FIELD_SEQUENCE, pending->sequence);
	if (pending->record.header.kind)
		record_fields_add(fields, &pending->record.header);
	buffer_add(fields, pending->fields.bytes, pending->fields.length);
}

void section_add(struct section *section, struct buffer *out, const struct pending *pending)
{
	const struct pending *call = pending;

	do
		add_call(&section->fields, call);
	while ((call = call->more));
	if (pending->record.header.kind == RECORD_SEGMENT)
		add_packet(section, out, pending);
	else
		add_entry(section, out, pending);
}

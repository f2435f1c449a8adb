// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/interface_notes.h"

#include <errno.h>
#include <string.h>

#include "kernel/interface_table.h"
#include "kernel/packet_probe.h"

static void add_place(const struct interface_notes *notes, struct buffer *text, uint32_t netns)
{
	if (netns == notes->home)
		return;
	buffer_add_string(text, " in network namespace ");
	buffer_add_unsigned(text, netns);
}

static void add_interface(const struct interface_notes *notes, struct buffer *text,
			  const struct interface *interface)
{
	buffer_add_escaped(text, interface->name, sizeof(interface->name));
	add_place(notes, text, interface->netns);
	buffer_add_string(text, ": ");
}

static void tell(const struct interface_notes *notes, enum interface_note_level level,
		 struct buffer *text)
{
	buffer_add_char(text, '\0');
	if (!text->failed && notes->note)
		notes->note(notes->context, level, text->data);
	buffer_done(text);
}

static enum interface_note_level level_of(struct interface_notes *notes, int error)
{
	bool *warned = &notes->warned[-error & (INTERFACE_NOTE_ERRORS - 1)];

	if (*warned)
		return INTERFACE_DETAIL;
	*warned = true;
	return INTERFACE_WARNING;
}

void interface_notes_namespace(struct interface_notes *notes, const char *what, uint32_t netns,
			       int error)
{
	struct buffer text;

	buffer_init(&text);
	buffer_add_string(&text, what);
	add_place(notes, &text, netns);
	buffer_add_string(&text, ": ");
	buffer_add_string(&text, strerror(-error));
	tell(notes, level_of(notes, error), &text);
}

void interface_notes_interface(struct interface_notes *notes, const struct interface *interface,
			       int error)
{
	enum interface_note_level level;
	struct buffer text;

	/* Nobody misses what cannot carry IP, unless it was asked for. */
	if (error == -EPROTONOSUPPORT)
		level = notes->named ? INTERFACE_WARNING : INTERFACE_DETAIL;
	else
		level = level_of(notes, error);
	buffer_init(&text);
	buffer_add_string(&text, error ? "cannot watch interface " : "watching interface ");
	add_interface(notes, &text, interface);
	buffer_add_string(&text, interface->reason ? interface->reason : strerror(-error));
	tell(notes, level, &text);
}

void interface_notes_removed(struct interface_notes *notes, const struct interface *interface)
{
	struct buffer text;

	buffer_init(&text);
	buffer_add_string(&text, "watching interface ");
	add_interface(notes, &text, interface);
	buffer_add_string(&text, "attached again, because someone had removed the tc filter; "
				 "segments were missed meanwhile");
	tell(notes, level_of(notes, -ENOENT), &text);
}

void interface_notes_stale(struct interface_notes *notes, unsigned int count)
{
	struct buffer text;

	buffer_init(&text);
	buffer_add_string(&text, "removed ");
	buffer_add_unsigned(&text, count);
	buffer_add_string(&text, count == 1 ? " tc filter" : " tc filters");
	buffer_add_string(&text, " that a killed tracer had left behind");
	tell(notes, INTERFACE_WARNING, &text);
}

void interface_notes_explain(const struct interface_notes *notes, const struct interface *interface,
			     struct buffer *out)
{
	static const char *const states[] = {
		[INTERFACE_PENDING] = "not yet attached",
		[INTERFACE_DOWN] = "down, will be watched when it comes up",
		[INTERFACE_ATTACHED] = "attached",
		[INTERFACE_DOUBTED] = "attached",
		[INTERFACE_UNWANTED] = "not asked for",
		[INTERFACE_REFUSED] = "not watched",
	};

	buffer_add_string(out, "  ");
	add_interface(notes, out, interface);
	if (interface->attachment)
		buffer_add_string(out, packet_mechanism(interface->attachment));
	else
		buffer_add_string(out, states[interface->state]);
	if (interface->reason) {
		buffer_add_string(out, "; ");
		buffer_add_string(out, interface->reason);
	}
	buffer_add_char(out, '\n');
}

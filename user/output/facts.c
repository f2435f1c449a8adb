// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/facts.h"

#include <string.h>

#define WINDOW_SCALE_UNKNOWN 0xff
#define WINDOW_SCALE_MAX 14 /* RFC 7323, 2.3 */

static const char *name_of(const char *const *names, size_t count, unsigned int index)
{
	return index < count ? names[index] : NULL;
}

#define NAME_OF(names, index) name_of(names, sizeof(names) / sizeof((names)[0]), index)

const char *owner_how_name(unsigned int how)
{
	static const char *const names[] = {
		[OWNER_CONNECT] = "connect",
		[OWNER_ACCEPT] = "accept",
		[OWNER_CLOSE] = "close",
		[OWNER_HOLDER] = "holder",
	};

	return NAME_OF(names, how);
}

const char *role_name(unsigned int role)
{
	static const char *const names[] = {
		[ROLE_UNKNOWN] = "unknown",
		[ROLE_CLIENT] = "client",
		[ROLE_SERVER] = "server",
	};

	return role < sizeof(names) / sizeof(names[0]) ? names[role] : names[ROLE_UNKNOWN];
}

const char *close_how_name(enum close_how how)
{
	static const char *const names[] = {
		[CLOSE_CALL] = "close",
		[CLOSE_SHUTDOWN] = "shutdown",
		[CLOSE_EXIT] = "exit",
		[CLOSE_UNKNOWN] = "unknown",
	};

	return NAME_OF(names, how);
}

const char *close_call_text(enum close_how how)
{
	static const char *const names[] = {
		[CLOSE_CALL] = "close()",
		[CLOSE_SHUTDOWN] = "shutdown()",
		[CLOSE_EXIT] = "exit",
	};
	const char *name = NAME_OF(names, how);

	return name ? name : "";
}

const char *time_wait_end_name(unsigned int ended_by)
{
	static const char *const names[] = {
		[TIME_WAIT_BY_TIMER] = "timer", [TIME_WAIT_BY_CONNECT] = "connect",
		[TIME_WAIT_BY_SYN] = "syn",     [TIME_WAIT_BY_RESET] = "reset",
		[TIME_WAIT_BY_FIN] = "fin",     [TIME_WAIT_DESTROYED] = "destroyed",
		[TIME_WAIT_NEVER] = "never",    [TIME_WAIT_STOPPED] = "stopped",
	};

	return NAME_OF(names, ended_by);
}

const char *record_kind_name(unsigned int kind)
{
	static const char *const names[] = {
		[RECORD_STATE] = "state",         [RECORD_SEGMENT] = "segment",
		[RECORD_RESET] = "reset",         [RECORD_RETRANSMIT] = "retransmit",
		[RECORD_TIME_WAIT] = "time_wait", [RECORD_NAMESPACE] = "namespace",
		[RECORD_OWNER] = "owner",
	};

	return NAME_OF(names, kind);
}

const char *incomplete_name(unsigned int bit)
{
	static const char *const names[] = {
		"started-late",
		"lost-records",
		"evicted",
		"stopped",
	};

	return NAME_OF(names, bit);
}

const char *lookup_cgroup(const struct output *output, uint64_t cgroup)
{
	const struct output_lookup *lookup = &output->options.lookup;

	if (!cgroup || !lookup->cgroup_path)
		return NULL;
	return lookup->cgroup_path(lookup->context, cgroup);
}

const char *lookup_reset_reason(const struct output *output, const struct verdict *verdict)
{
	const struct output_lookup *lookup = &output->options.lookup;

	if (!verdict->has_reset || verdict->reset_reason == RESET_REASON_NONE ||
	    !lookup->reset_reason)
		return NULL;
	return lookup->reset_reason(lookup->context, verdict->reset_reason);
}

const char *socket_error_name(const struct connection_end *end)
{
	return end->has_socket && end->socket.error ? strerrorname_np(end->socket.error) : NULL;
}

void add_flags(struct buffer *out, unsigned int flags)
{
	static const char names[8][3] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	bool first = true;

	for (unsigned int bit = 0; bit < 8; bit++) {
		if (!(flags & 1u << bit))
			continue;
		if (!first)
			buffer_add_char(out, ',');
		buffer_add(out, names[bit], sizeof(names[bit]));
		first = false;
	}
}

uint64_t report_offset(const struct teardown_report *report, uint64_t time)
{
	return time > report->time ? time - report->time : 0;
}

uint64_t report_last_time(const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;
	uint64_t last = 0;

	for (unsigned int i = 0; i < 2; i++) {
		const struct connection_end *end = &connection->ends[i];

		if (end->state_count && end->states[end->state_count - 1].time > last)
			last = end->states[end->state_count - 1].time;
	}
	if (connection->segment_count &&
	    connection->segments[connection->segment_count - 1].time > last)
		last = connection->segments[connection->segment_count - 1].time;
	return last;
}

struct flow end_flow(const struct connection_view *connection, unsigned int index)
{
	const struct connection_end *end = &connection->ends[index];
	const struct connection_end *other = &connection->ends[!index];
	struct flow flow = {.local_port = end->port, .remote_port = other->port};

	if (end->has_socket)
		return end->socket.flow;
	memcpy(flow.local, end->address, sizeof(flow.local));
	memcpy(flow.remote, other->address, sizeof(flow.remote));
	return flow;
}

bool end_was_in(const struct connection_end *end, unsigned int state)
{
	for (uint32_t i = 0; i < end->state_count; i++)
		if (end->states[i].from == state || end->states[i].to == state)
			return true;
	return false;
}

bool end_entered(const struct connection_end *end, unsigned int state)
{
	for (uint32_t i = 0; i < end->state_count; i++)
		if (end->states[i].to == state && end->states[i].from != state &&
		    end->states[i].from != TCP_STATE_UNKNOWN)
			return true;
	return false;
}

uint32_t fin_retransmissions(const struct connection_view *connection, unsigned int sender)
{
	const struct connection_end *end = &connection->ends[sender];
	uint32_t seen = connection->fin_retransmissions[sender];

	if (end->has_socket && end->socket.kernel_retransmissions > seen)
		return end->socket.kernel_retransmissions;
	return seen;
}

bool segment_seq_rel(const struct connection_view *connection, const struct segment *segment,
		     uint32_t *seq)
{
	const struct connection_end *sender = &connection->ends[segment->sender];

	*seq = segment->seq - sender->isn;
	return sender->has_isn;
}

bool segment_ack_rel(const struct connection_view *connection, const struct segment *segment,
		     uint32_t *ack)
{
	const struct connection_end *receiver = &connection->ends[!segment->sender];

	*ack = segment->ack - receiver->isn;
	return receiver->has_isn && segment->flags & SEGMENT_ACK;
}

bool segment_window(const struct connection_view *connection, const struct segment *segment,
		    uint32_t *window)
{
	const struct connection_end *sender = &connection->ends[segment->sender];
	const struct connection_end *receiver = &connection->ends[!segment->sender];
	uint8_t scale = WINDOW_SCALE_UNKNOWN;

	if (sender->has_socket)
		scale = sender->socket.rcv_wscale;
	if (scale > WINDOW_SCALE_MAX && receiver->has_socket)
		scale = receiver->socket.snd_wscale;
	if (segment->flags & SEGMENT_SYN) /* never scaled: RFC 7323, 2.2 */
		scale = 0;
	if (scale > WINDOW_SCALE_MAX)
		return false;
	*window = (uint32_t)segment->window << scale;
	return true;
}

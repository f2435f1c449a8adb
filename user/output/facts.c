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

const char *segment_hook_name(unsigned int hook)
{
	static const char *const names[] = {
		[HOOK_TC_INGRESS] = "tc-ingress",
		[HOOK_TC_EGRESS] = "tc-egress",
		[HOOK_XDP] = "xdp",
	};

	return NAME_OF(names, hook);
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

/* Of two recordings each has names of its own. */
static const struct output_lookup *lookup_of(const struct output *output, unsigned int source)
{
	const struct output_join *join = output->options.join;

	return source && join ? &join->lookup : &output->options.lookup;
}

const char *lookup_interface(const struct output *output, const struct sighting *sighting)
{
	const struct output_lookup *lookup = lookup_of(output, sighting->source);

	if (!lookup->interface_name)
		return NULL;
	return lookup->interface_name(lookup->context, sighting->netns, sighting->interface);
}

const char *lookup_cgroup(const struct output *output, unsigned int source, uint64_t cgroup)
{
	const struct output_lookup *lookup = lookup_of(output, source);

	if (!cgroup || !lookup->cgroup_path)
		return NULL;
	return lookup->cgroup_path(lookup->context, cgroup);
}

const char *lookup_reset_reason(const struct output *output, const struct teardown_report *report)
{
	const struct verdict *verdict = &report->verdict;
	const struct output_lookup *lookup = lookup_of(output, local_end(report)->socket.source);

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

unsigned int report_source(const struct teardown_report *report)
{
	const struct connection_view *connection = report->connection;

	if (local_end(report)->has_socket || !connection->segment_count)
		return local_end(report)->socket.source;
	return connection->segments[0].sightings[0].source;
}

struct flow end_flow(const struct connection_view *connection, unsigned int index)
{
	const struct connection_end *end = &connection->ends[index];
	const struct connection_end *other = &connection->ends[!index];
	struct flow flow = {.local_port = end->port, .remote_port = other->port};

	if (end->has_socket)
		return end->socket.flow;
	if (connection->joined)
		return end->flow;
	memcpy(flow.local, end->address, sizeof(flow.local));
	memcpy(flow.remote, other->address, sizeof(flow.remote));
	return flow;
}

bool ends_differ(const struct connection_view *connection)
{
	struct flow one = end_flow(connection, 0), other = end_flow(connection, 1);

	return one.local_port != other.remote_port || one.remote_port != other.local_port ||
	       memcmp(one.local, other.remote, sizeof(one.local)) ||
	       memcmp(one.remote, other.local, sizeof(one.remote));
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

unsigned int report_role(const struct teardown_report *report)
{
	const struct connection_end *local = local_end(report);

	if (local->has_socket)
		return local->socket.role;
	return report->connection->wire.known ? local->role : ROLE_UNKNOWN;
}

uint64_t report_born(const struct teardown_report *report)
{
	const struct connection_end *local = local_end(report);

	if (local->has_socket)
		return local->socket.born;
	return report->connection->wire.known ? report->connection->wire.born : 0;
}

bool report_bytes(const struct teardown_report *report, uint64_t *sent, uint64_t *received)
{
	const struct connection_end *local = local_end(report);
	const struct connection_end *remote = remote_end(report);

	*sent = local->has_socket ? local->socket.bytes_sent : local->bytes;
	*received = local->has_socket ? local->socket.bytes_received : remote->bytes;
	return local->has_socket || report->connection->wire.known;
}

bool end_is_assumed(const struct connection_view *connection, unsigned int index)
{
	return connection->ends[index].has_isn && connection->ends[index].isn_assumed;
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
	if (scale > WINDOW_SCALE_MAX && connection->wire.known)
		scale = sender->wscale;
	if (segment->flags & SEGMENT_SYN) /* never scaled: RFC 7323, 2.2 */
		scale = 0;
	if (scale > WINDOW_SCALE_MAX)
		return false;
	*window = (uint32_t)segment->window << scale;
	return true;
}

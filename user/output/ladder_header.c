// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/container.h"
#include "output/facts.h"
#include "output/joining.h"
#include "output/ladder_parts.h"
#include "output/text.h"

#define BOLD "\033[1m"
#define PLACE_WIDTH 36
#define MS 1000000

/* The cell as one more piece of the header: on this line if there is room. */
static void put_piece(struct ladder *ladder, const char *color)
{
	size_t width = text_width(&ladder->cell, 0);

	if (!width)
		return;
	if (ladder->column && ladder->column + 3 + width > TEXT_WIDTH) {
		ladder_new_line(ladder);
		ladder_move_to(ladder, 4);
	} else if (ladder->column) {
		ladder_move_to(ladder, ladder->column + 3);
	}
	ladder_put(ladder, color);
}

/* Container or cgroup; of a long path its last part. */
static void add_place(struct ladder *ladder, const struct socket_facts *socket)
{
	const char *path = lookup_cgroup(ladder->output, socket->source, socket->cgroup);
	char container[CONTAINER_ID_LENGTH + 1];

	if (!path || strcmp(path, "/") == 0)
		return;
	if (container_find(path, container)) {
		buffer_add_literal(&ladder->cell, " container ");
		buffer_add_string(&ladder->cell, container);
		return;
	}
	buffer_add_char(&ladder->cell, ' ');
	text_add_path(&ladder->cell, path, PLACE_WIDTH);
}

static void add_owner(struct ladder *ladder, const struct socket_facts *socket)
{
	if (socket->owner.pid) {
		text_add_process(&ladder->cell, socket->owner.pid, socket->owner.comm,
				 RECORD_COMM_LENGTH);
	} else {
		buffer_add_literal(&ladder->cell, "owner not known, uid ");
		buffer_add_unsigned(&ladder->cell, socket->uid);
	}
	add_place(ladder, socket);
}

static void put_traffic(struct ladder *ladder)
{
	const struct connection_view *connection = ladder->connection;
	uint64_t sent, received, born = report_born(ladder->report);
	unsigned int role = report_role(ladder->report);
	struct buffer *cell = &ladder->cell;

	if (!report_bytes(ladder->report, &sent, &received))
		return;
	buffer_add_string(cell, end_is_assumed(connection, ladder->left) ? "~↑" : "↑");
	text_add_bytes(cell, sent);
	buffer_add_string(cell, end_is_assumed(connection, !ladder->left) ? " ~↓" : " ↓");
	text_add_bytes(cell, received);
	if (born) {
		uint64_t start = ladder->report->time;

		buffer_add_literal(cell, "  age ");
		text_add_duration(cell, start > born ? start - born : 0);
	}
	if (role == ROLE_CLIENT || role == ROLE_SERVER) {
		buffer_add_literal(cell, "  ");
		buffer_add_string(cell, role_name(role));
	}
	put_piece(ladder, NULL);
}

/* Of a foreign capture: where Wireshark shows the same. */
static void put_stream(struct ladder *ladder)
{
	const struct wire_facts *wire = &ladder->connection->wire;
	struct buffer *cell = &ladder->cell;

	if (!wire->known)
		return;
	if (wire->initial_rtt) {
		buffer_add_literal(cell, "iRTT ");
		buffer_add_fixed(cell, wire->initial_rtt, MS, 3);
		buffer_add_literal(cell, " ms  ");
	}
	buffer_add_literal(cell, "stream ");
	buffer_add_unsigned(cell, wire->stream);
	put_piece(ladder, LADDER_DIM);
}

/* What stands between two ends of which both tell. */
static void put_between(struct ladder *ladder)
{
	const struct connection_end *left = ladder_end(ladder, ladder->left);
	const struct connection_end *right = ladder_end(ladder, !ladder->left);
	struct flow there = end_flow(ladder->connection, !ladder->left);
	bool sockets = left->has_socket && right->has_socket;
	struct buffer *cell = &ladder->cell;

	if (sockets && !ladder->connection->joined && left->socket.netns != right->socket.netns) {
		buffer_add_literal(cell, "netns ");
		buffer_add_unsigned(cell, left->socket.netns);
		buffer_add_literal(cell, " → ");
		buffer_add_unsigned(cell, right->socket.netns);
		put_piece(ladder, NULL);
	}
	if ((sockets || ladder->connection->joined) && ends_differ(ladder->connection)) {
		buffer_add_literal(cell, "NAT: there ");
		text_add_endpoint(cell, there.remote, there.remote_port);
		buffer_add_literal(cell, " → ");
		text_add_endpoint(cell, there.local, there.local_port);
		put_piece(ladder, NULL);
	}
}

/* Of two recordings: where each end was recorded, or that only one of them tells of it. */
static void put_recordings(struct ladder *ladder)
{
	const struct connection_view *connection = ladder->connection;
	const struct output_join *join = ladder->output->options.join;
	const struct connection_end *left = ladder_end(ladder, ladder->left);
	struct buffer *cell = &ladder->cell;

	if (!join)
		return;
	if (connection->joined) {
		joining_add_name(cell, join, left->source);
		buffer_add_literal(cell, " → ");
		joining_add_name(cell, join, !left->source);
	} else {
		buffer_add_literal(cell, "only in ");
		joining_add_name(cell, join, report_source(ladder->report));
	}
	put_piece(ladder, LADDER_DIM);
}

void ladder_put_header(struct ladder *ladder)
{
	const struct connection_end *left = ladder_end(ladder, ladder->left);
	const struct connection_end *right = ladder_end(ladder, !ladder->left);
	struct flow flow = end_flow(ladder->connection, ladder->left);
	struct buffer *cell = &ladder->cell;

	text_add_endpoint(cell, flow.local, flow.local_port);
	buffer_add_literal(cell, " → ");
	text_add_endpoint(cell, flow.remote, flow.remote_port);
	put_piece(ladder, BOLD);
	if (left->has_socket) {
		add_owner(ladder, &left->socket);
		put_piece(ladder, NULL);
	}
	if (right->has_socket) {
		buffer_add_literal(cell, "→ ");
		add_owner(ladder, &right->socket);
		put_piece(ladder, NULL);
	}
	put_between(ladder);
	put_recordings(ladder);
	put_traffic(ladder);
	put_stream(ladder);
	ladder_new_line(ladder);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/json_values.h"

#include "base/container.h"
#include "output/facts.h"

static void add_end(struct buffer *out, const uint8_t address[16], unsigned int port,
		    uint32_t netns)
{
	buffer_add_literal(out, "{\"addr\":\"");
	buffer_add_address(out, address);
	buffer_add_literal(out, "\",\"port\":");
	buffer_add_unsigned(out, port);
	if (netns)
		ADD_UNSIGNED(out, "netns", netns);
	buffer_add_char(out, '}');
}

void json_add_identity(struct output *output, const char *type, const uint64_t id[2], uint64_t time)
{
	struct buffer *out = &output->out;

	buffer_add_literal(out, "{\"type\":");
	add_name(out, type);
	buffer_add_literal(out, ",\"schema\":1");
	if (id[0] || id[1]) {
		buffer_add_literal(out, ",\"connection\":\"");
		buffer_add_hex(out, id[0], 16);
		buffer_add_hex(out, id[1], 16);
		buffer_add_char(out, '"');
	}
	buffer_add_literal(out, ",\"ts\":\"");
	buffer_add_timestamp(out, output_wall(&output->options, time));
	buffer_add_char(out, '"');
}

void json_add_sides(struct buffer *out, const struct flow *flow, uint32_t local_netns,
		    uint32_t remote_netns)
{
	buffer_add_literal(out, "\"local\":");
	add_end(out, flow->local, flow->local_port, local_netns);
	buffer_add_literal(out, ",\"remote\":");
	add_end(out, flow->remote, flow->remote_port, remote_netns);
}

void json_add_ends(struct buffer *out, const struct flow *flow, uint32_t local_netns,
		   uint32_t remote_netns)
{
	if (address_is_ipv4(flow->local))
		buffer_add_literal(out, ",\"family\":4,");
	else
		buffer_add_literal(out, ",\"family\":6,");
	json_add_sides(out, flow, local_netns, remote_netns);
}

void json_add_task(struct buffer *out, uint32_t pid, const char *comm)
{
	buffer_add_literal(out, "\"pid\":");
	buffer_add_unsigned(out, pid);
	if (comm[0]) {
		buffer_add_literal(out, ",\"comm\":");
		buffer_add_json(out, comm, RECORD_COMM_LENGTH);
	}
}

void json_add_cgroup(struct output *output, unsigned int source, uint64_t cgroup)
{
	const char *path = lookup_cgroup(output, source, cgroup);
	char container[CONTAINER_ID_LENGTH + 1];

	if (!path)
		return;
	buffer_add_literal(&output->out, ",\"cgroup\":");
	buffer_add_json(&output->out, path, CGROUP_PATH_LIMIT);
	if (container_find(path, container)) {
		buffer_add_literal(&output->out, ",\"container\":");
		add_name(&output->out, container);
	}
}

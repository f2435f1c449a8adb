/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Members of JSON objects as all files of that format write them: values, and what objects of
 * several types have in common. Knows no report.
 */
#ifndef TCPCLOSE_OUTPUT_JSON_VALUES_H
#define TCPCLOSE_OUTPUT_JSON_VALUES_H

#include "output/output.h"

/* ,"name":number - the name with its comma and quotes is one constant. */
#define ADD_UNSIGNED(out, name, number)                                                            \
	buffer_add_labelled(out, ",\"" name "\":", sizeof(",\"" name "\":") - 1, number)
#define ADD_BOOL(out, name, value)                                                                 \
	((value) ? buffer_add_literal(out, ",\"" name "\":true")                                   \
		 : buffer_add_literal(out, ",\"" name "\":false"))

/* A name of ours, which needs no escaping. */
static inline void add_name(struct buffer *out, const char *name)
{
	buffer_add_char(out, '"');
	buffer_add_string(out, name);
	buffer_add_char(out, '"');
}

/* The beginning of an object: type, schema, connection, ts. id 0: not known. */
void json_add_identity(struct output *output, const char *type, const uint64_t id[2],
		       uint64_t time);
/* family, local and remote. netns 0: not known. */
void json_add_ends(struct buffer *out, const struct flow *flow, uint32_t local_netns,
		   uint32_t remote_netns);
/* Only local and remote, without a comma before. */
void json_add_sides(struct buffer *out, const struct flow *flow, uint32_t local_netns,
		    uint32_t remote_netns);
/* pid and comm, without a comma before. */
void json_add_task(struct buffer *out, uint32_t pid, const char *comm);
/* cgroup and container. */
void json_add_cgroup(struct output *output, unsigned int source, uint64_t cgroup);

#endif

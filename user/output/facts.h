/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What every format says alike: the names of a report's values and the numbers derived from them.
 * Pure functions of a report; it knows no format.
 */
#ifndef TCPCLOSE_OUTPUT_FACTS_H
#define TCPCLOSE_OUTPUT_FACTS_H

#include "output/output.h"

#define CGROUP_PATH_LIMIT 4096

static inline const struct connection_end *local_end(const struct teardown_report *report)
{
	return &report->connection->ends[report->local];
}

static inline const struct connection_end *remote_end(const struct teardown_report *report)
{
	return &report->connection->ends[!report->local];
}

/* NULL: not known, or nothing to say. */
const char *owner_how_name(unsigned int how);
const char *role_name(unsigned int role);
const char *close_how_name(enum close_how how);
const char *close_call_text(enum close_how how);       /* close(); empty: not known */
const char *time_wait_end_name(unsigned int ended_by); /* as in JSON: timer */
const char *record_kind_name(unsigned int kind);       /* of those that can be lost */
const char *segment_hook_name(unsigned int hook);      /* as in JSON: tc-ingress */
const char *incomplete_name(unsigned int bit);         /* of 1 << bit */
const char *lookup_interface(const struct output *output, const struct sighting *sighting);
const char *lookup_cgroup(const struct output *output, unsigned int source, uint64_t cgroup);
const char *lookup_reset_reason(const struct output *output, const struct teardown_report *report);
const char *socket_error_name(const struct connection_end *end);

/* FIN,ACK: in the order of the bits, as Wireshark does. */
void add_flags(struct buffer *out, unsigned int flags);

/* ns since the report's first event. */
uint64_t report_offset(const struct teardown_report *report, uint64_t time);
/* Of the last event of either end. */
uint64_t report_last_time(const struct teardown_report *report);

/* Which of several recordings tells of it, if only one does. */
unsigned int report_source(const struct teardown_report *report);

/* Addresses and ports as that end sees them: behind NAT the ends do not agree. */
struct flow end_flow(const struct connection_view *connection, unsigned int index);
/* They do not: there is NAT between. */
bool ends_differ(const struct connection_view *connection);
/* It was in that state at some time that the report tells of. */
bool end_was_in(const struct connection_end *end, unsigned int state);
/* Its entering that state was seen. */
bool end_entered(const struct connection_end *end, unsigned int state);
/* By the wire's account or the kernel's, whichever saw more. */
uint32_t fin_retransmissions(const struct connection_view *connection, unsigned int sender);

/* What the socket of the report's end tells, or a capture; role 0, born 0 and false: not known. */
unsigned int report_role(const struct teardown_report *report);
uint64_t report_born(const struct teardown_report *report);
bool report_bytes(const struct teardown_report *report, uint64_t *sent, uint64_t *received);
/* The initial numbers of an end are a guess, and with them its bytes: the capture has no SYN. */
bool end_is_assumed(const struct connection_view *connection, unsigned int index);

/* Each false when it is not known. */
bool segment_seq_rel(const struct connection_view *connection, const struct segment *segment,
		     uint32_t *seq);
bool segment_ack_rel(const struct connection_view *connection, const struct segment *segment,
		     uint32_t *ack);
bool segment_window(const struct connection_view *connection, const struct segment *segment,
		    uint32_t *window);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Addresses and ports of a connection, whichever way round, and where they hold. Knows nothing of
 * sockets. */
#ifndef TCPCLOSE_CORE_FLOW_H
#define TCPCLOSE_CORE_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/map.h"
#include "record.h"

/* An address as two numbers, in the order of its bytes. */
struct flow_words {
	uint64_t high;
	uint64_t low;
};

static inline struct flow_words flow_words(const uint8_t address[16])
{
	struct flow_words words;

	memcpy(&words, address, sizeof(words));
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		words = (struct flow_words){__builtin_bswap64(words.high),
					    __builtin_bswap64(words.low)};
	return words;
}

static inline struct flow flow_reverse(const struct flow *flow)
{
	struct flow reverse;

	memcpy(reverse.local, flow->remote, sizeof(reverse.local));
	memcpy(reverse.remote, flow->local, sizeof(reverse.remote));
	reverse.local_port = flow->remote_port;
	reverse.remote_port = flow->local_port;
	return reverse;
}

/* Both directions of a connection have one canonical flow. True if `flow` was turned round. */
static inline bool flow_canonical(const struct flow *flow, struct flow *canonical)
{
	struct flow_words local = flow_words(flow->local), remote = flow_words(flow->remote);
	bool turned = local.high != remote.high ? local.high > remote.high
		      : local.low != remote.low ? local.low > remote.low
						: flow->local_port > flow->remote_port;

	*canonical = turned ? flow_reverse(flow) : *flow;
	return turned;
}

static inline bool flow_equal(const struct flow *a, const struct flow *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* For tables, which take the lower bits: it may be another one in the next version. Connections of
 * the same two hosts to the same port lie side by side, as their other ports do, of which connect()
 * takes the even ones first: so memory that one has brought near the processor serves the next. */
static inline uint64_t flow_hash(const struct flow *flow)
{
	struct flow_words local = flow_words(flow->local), remote = flow_words(flow->remote);
	bool turned = flow->local_port < flow->remote_port;
	uint64_t service = turned ? flow->local_port : flow->remote_port;
	uint64_t other = turned ? flow->remote_port : flow->local_port;
	uint64_t hash =
		hash_fold(local.high ^ 0x9e3779b97f4a7c15, remote.high ^ 0xff51afd7ed558ccd) ^
		hash_fold(local.low ^ 0xc4ceb9fe1a85ec53,
			  remote.low ^ (service << 1 | turned) ^ 0xd6e8feb86659fd93);

	return (hash ^ other << 48) + (other >> 1);
}

/* A network namespace: recordings of two hosts number theirs alike. */
static inline uint64_t place_of(uint16_t source, uint32_t netns)
{
	return (uint64_t)source << 32 | netns;
}

static inline uint64_t record_place(const struct record *record)
{
	return place_of(record->source, record->netns);
}

/* 127.0.0.0/8 or ::1 at either end: the flow never leaves its namespace. */
bool flow_is_loopback(const struct flow *flow);

#endif

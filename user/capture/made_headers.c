// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/made_headers.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buffer.h"
#include "packet/parse.h"

_Static_assert(sizeof(struct wire_ethernet) + sizeof(struct wire_ipv6) + sizeof(struct wire_tcp) ==
		       MADE_HEADERS_ROOM,
	       "room for the largest");

/* The sum of RFC 1071, to be folded; bytes of an even number. */
static uint32_t sum(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint32_t total = 0;

	for (size_t i = 0; i < length; i += 2)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): headers are of an even length */
		total += (uint32_t)at[i] << 8 | at[i + 1];
	return total;
}

static uint16_t checksum(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

/* Of what is too long for the field (BIG TCP) IPv4 and IPv6 say 0. */
static uint16_t length_field(uint64_t length)
{
	return length > UINT16_MAX ? 0 : htons((uint16_t)length);
}

static size_t make_ipv4(uint8_t *bytes, const struct segment_record *record)
{
	struct wire_ipv4 ip = {
		.version_ihl = 4 << 4 | sizeof(ip) / 4,
		.total_length = length_field(sizeof(ip) + sizeof(struct wire_tcp) +
					     (uint64_t)record->payload),
		.id = htons(record->ip_id),
		.ttl = record->ttl,
		.protocol = WIRE_NEXT_TCP,
	};

	memcpy(&ip.source, record->header.flow.local + 12, sizeof(ip.source));
	memcpy(&ip.target, record->header.flow.remote + 12, sizeof(ip.target));
	ip.checksum = checksum(sum(&ip, sizeof(ip)));
	memcpy(bytes, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t make_ipv6(uint8_t *bytes, const struct segment_record *record)
{
	struct wire_ipv6 ip = {
		.version = 6 << 4,
		.payload_length = length_field(sizeof(struct wire_tcp) + (uint64_t)record->payload),
		.next = WIRE_NEXT_TCP,
		.hop_limit = record->ttl,
	};

	memcpy(ip.source, record->header.flow.local, sizeof(ip.source));
	memcpy(ip.target, record->header.flow.remote, sizeof(ip.target));
	memcpy(bytes, &ip, sizeof(ip));
	return sizeof(ip);
}

static void make_tcp(uint8_t *bytes, const struct segment_record *record, size_t address_at)
{
	const struct flow *flow = &record->header.flow;
	struct wire_tcp tcp = {
		.source = htons(flow->local_port),
		.target = htons(flow->remote_port),
		.seq = htonl(record->seq),
		.ack = htonl(record->ack),
		.offset = sizeof(tcp) / 4 << 4,
		.flags = record->flags,
		.window = htons(record->window),
	};

	if (!record->payload) /* with the pseudo-header: RFC 9293, 3.1 */
		tcp.checksum = checksum(sum(&tcp, sizeof(tcp)) + sizeof(tcp) + WIRE_NEXT_TCP +
					sum(flow->local + address_at, 16 - address_at) +
					sum(flow->remote + address_at, 16 - address_at));
	memcpy(bytes, &tcp, sizeof(tcp));
}

size_t made_ethernet(uint8_t *bytes, const struct flow *flow)
{
	const struct wire_ethernet frame = {
		.type = htons(address_is_ipv4(flow->local) ? WIRE_TYPE_IPV4 : WIRE_TYPE_IPV6)};

	_Static_assert(sizeof(frame) == MADE_ETHERNET, "its room");
	memcpy(bytes, &frame, sizeof(frame));
	return sizeof(frame);
}

size_t made_headers(uint8_t bytes[MADE_HEADERS_ROOM], const struct segment_record *record)
{
	bool ipv4 = address_is_ipv4(record->header.flow.local);
	size_t length = made_ethernet(bytes, &record->header.flow);

	length += ipv4 ? make_ipv4(bytes + length, record) : make_ipv6(bytes + length, record);
	make_tcp(bytes + length, record, ipv4 ? 12 : 0);
	return length + sizeof(struct wire_tcp);
}

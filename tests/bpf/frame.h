/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Frames for tests, byte by byte from a description. It writes what it is told to, right or wrong,
 * and knows nothing of the parser.
 */
#ifndef TCPCLOSE_TESTS_FRAME_H
#define TCPCLOSE_TESTS_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX 3000
#define FRAME_CLIENT_PORT 52344
#define FRAME_SERVER_PORT 80

/* What is 0 is plain: Ethernet, IPv4 from client to server, no data. */
struct frame_plan {
	bool bare; /* no Ethernet header */
	uint16_t tags[3];
	bool ipv6;
	bool from_server;
	uint8_t host;          /* another client and server: 10.0.host.1, .2 */
	uint8_t options;       /* of IPv4, words */
	uint8_t extensions[9]; /* of IPv6, protocol numbers; ends with 0, see hop_by_hop */
	bool hop_by_hop;       /* one in front of them */
	uint8_t tcp_options;   /* words */
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
	uint16_t payload; /* bytes in the frame */
	uint32_t claimed; /* bytes more that the IP length claims: GRO, what does not fit here */
	bool no_length;   /* IP length 0: BIG TCP */
	uint16_t padding; /* bytes behind the datagram */
	uint32_t id;
	uint16_t fragment_offset; /* bytes; then there is no TCP header */
	bool more;
	/* Damage: used as they are if not 0. */
	uint8_t version_ihl;
	uint8_t tcp_offset;
	uint8_t protocol;
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t length;
};

static inline void frame_add(struct frame *frame, const void *bytes, uint32_t length)
{
	memcpy(frame->bytes + frame->length, bytes, length);
	frame->length += length;
}

static inline void frame_fill(struct frame *frame, uint8_t byte, uint32_t count)
{
	memset(frame->bytes + frame->length, byte, count);
	frame->length += count;
}

static inline void frame_add8(struct frame *frame, uint32_t number)
{
	frame_fill(frame, (uint8_t)number, 1);
}

static inline void frame_add16(struct frame *frame, uint32_t number)
{
	frame_add8(frame, number >> 8);
	frame_add8(frame, number);
}

static inline void frame_add32(struct frame *frame, uint32_t number)
{
	frame_add16(frame, number >> 16);
	frame_add16(frame, number);
}

static inline void frame_set16(struct frame *frame, uint32_t at, uint32_t number)
{
	frame->bytes[at] = (uint8_t)(number >> 8);
	frame->bytes[at + 1] = (uint8_t)number;
}

/* An address in record form: 10.0.host.1 or 2001:db8::host:1 is the client. */
static inline void frame_address(const struct frame_plan *plan, bool server, uint8_t address[16])
{
	static const uint8_t ipv4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};
	static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8};

	memcpy(address, plan->ipv6 ? ipv6 : ipv4, 16);
	address[14] = plan->host;
	address[15] = server ? 2 : 1;
}

static inline void frame_add_ethernet(struct frame *frame, const struct frame_plan *plan)
{
	frame_fill(frame, 0x02, 12);
	for (int i = 0; i < 3 && plan->tags[i]; i++) {
		frame_add16(frame, plan->tags[i]);
		frame_add16(frame, 100 + (uint32_t)i);
	}
	frame_add16(frame, plan->ipv6 ? 0x86dd : 0x0800);
}

static inline void frame_add_ipv4(struct frame *frame, const struct frame_plan *plan)
{
	uint8_t address[16];
	bool fragment = plan->more || plan->fragment_offset;

	frame_add8(frame, plan->version_ihl ? plan->version_ihl : 0x45u + plan->options);
	frame_add8(frame, 0);
	frame_add16(frame, 0); /* length: later */
	frame_add16(frame, plan->id);
	frame_add16(frame,
		    fragment ? (plan->more ? 0x2000u : 0) | plan->fragment_offset / 8u : 0x4000);
	frame_add8(frame, 63);
	frame_add8(frame, plan->protocol ? plan->protocol : 6);
	frame_add16(frame, 0);
	frame_address(plan, plan->from_server, address);
	frame_add(frame, address + 12, 4);
	frame_address(plan, !plan->from_server, address);
	frame_add(frame, address + 12, 4);
	frame_fill(frame, 1, plan->options * 4u);
}

static inline void frame_add_extension(struct frame *frame, const struct frame_plan *plan,
				       uint8_t kind, uint8_t next)
{
	frame_add8(frame, next);
	switch (kind) {
	case 44:
		frame_add8(frame, 0);
		frame_add16(frame, plan->fragment_offset | (plan->more ? 1u : 0));
		frame_add32(frame, plan->id);
		break;
	case 51: /* in words of 4, less two */
		frame_add8(frame, 4);
		frame_fill(frame, 0xaa, 22);
		break;
	default: /* in words of 8, less one */
		frame_add8(frame, 1);
		frame_fill(frame, 0x01, 14);
	}
}

/* Returns where the fixed header ends. */
static inline uint32_t frame_add_ipv6(struct frame *frame, const struct frame_plan *plan)
{
	uint8_t address[16], first = plan->protocol ? plan->protocol : 6;
	uint32_t end;

	frame_add8(frame, plan->version_ihl ? plan->version_ihl : 0x60);
	frame_fill(frame, 0, 3);
	frame_add16(frame, 0); /* length: later */
	if (plan->extensions[0])
		first = plan->extensions[0];
	frame_add8(frame, plan->hop_by_hop ? 0 : first);
	frame_add8(frame, 63);
	frame_address(plan, plan->from_server, address);
	frame_add(frame, address, 16);
	frame_address(plan, !plan->from_server, address);
	frame_add(frame, address, 16);
	end = frame->length;
	if (plan->hop_by_hop)
		frame_add_extension(frame, plan, 0, first);
	for (int i = 0; i < 9 && plan->extensions[i]; i++) {
		uint8_t next = i < 8 && plan->extensions[i + 1] ? plan->extensions[i + 1] : 6;

		frame_add_extension(frame, plan, plan->extensions[i], next);
	}
	return end;
}

static inline void frame_add_tcp(struct frame *frame, const struct frame_plan *plan)
{
	frame_add16(frame, plan->from_server ? FRAME_SERVER_PORT : FRAME_CLIENT_PORT);
	frame_add16(frame, plan->from_server ? FRAME_CLIENT_PORT : FRAME_SERVER_PORT);
	frame_add32(frame, plan->seq);
	frame_add32(frame, plan->ack);
	frame_add8(frame, plan->tcp_offset ? plan->tcp_offset : (5u + plan->tcp_options) << 4);
	frame_add8(frame, plan->flags);
	frame_add16(frame, 501);
	frame_add32(frame, 0);
	frame_fill(frame, 1, plan->tcp_options * 4u);
}

static inline struct frame frame_make(const struct frame_plan *plan)
{
	struct frame frame = {.length = 0};
	uint32_t ip, counted, length;

	if (!plan->bare)
		frame_add_ethernet(&frame, plan);
	ip = frame.length;
	counted = ip;
	if (plan->ipv6)
		counted = frame_add_ipv6(&frame, plan);
	else
		frame_add_ipv4(&frame, plan);
	if (!plan->fragment_offset)
		frame_add_tcp(&frame, plan);
	frame_fill(&frame, 'x', plan->payload);
	length = plan->no_length ? 0 : frame.length - counted + plan->claimed;
	frame_set16(&frame, ip + (plan->ipv6 ? 4 : 2), length);
	frame_fill(&frame, 0, plan->padding);
	return frame;
}

#endif

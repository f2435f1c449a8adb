// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/link.h"

enum link_type {
	LINK_NULL = 0, /* BSD loopback: the address family in the host's byte order */
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12, /* what LINK_RAW is to the systems themselves */
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108, /* as LINK_NULL, in network byte order */
	LINK_COOKED = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_COOKED_2 = 276,
};

/* AF_INET is the same everywhere, AF_INET6 on no two systems. */
enum address_family {
	FAMILY_IPV4 = 2,
	FAMILY_IPV6_LINUX = 10,
	FAMILY_IPV6_WINDOWS = 23,
	FAMILY_IPV6_NETBSD = 24, /* OpenBSD, too */
	FAMILY_IPV6_FREEBSD = 28,
	FAMILY_IPV6_DARWIN = 30,
};

enum cooked_type {
	COOKED_TO_US = 0,
	COOKED_OUTGOING = 4,
};

struct link_cooked {
	uint16_t type; /* enum cooked_type */
	uint16_t hardware;
	uint16_t address_length;
	uint8_t address[8];
	uint16_t protocol; /* an Ethernet type */
} PARSE_WIRE;

struct link_cooked_2 {
	uint16_t protocol;
	uint16_t reserved;
	uint32_t interface;
	uint16_t hardware;
	uint8_t type;
	uint8_t address_length;
	uint8_t address[8];
} PARSE_WIRE;

bool link_is_known(uint16_t link_type)
{
	switch (link_type) {
	case LINK_NULL:
	case LINK_ETHERNET:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_LOOP:
	case LINK_COOKED:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_COOKED_2:
		return true;
	}
	return false;
}

static bool strip(struct parse_frame *frame, uint32_t length)
{
	if ((size_t)((const uint8_t *)frame->end - (const uint8_t *)frame->data) < length)
		return false;
	frame->data = (const uint8_t *)frame->data + length;
	frame->length -= length;
	return true;
}

/* The host that wrote the family may have had either byte order. */
static bool strip_family(struct parse_frame *frame)
{
	const uint8_t *bytes = frame->data;

	if (!strip(frame, 4))
		return false;
	if (bytes[1] || bytes[2] || (bytes[0] && bytes[3]))
		return false;
	switch (bytes[0] | bytes[3]) {
	case FAMILY_IPV4:
	case FAMILY_IPV6_LINUX:
	case FAMILY_IPV6_WINDOWS:
	case FAMILY_IPV6_NETBSD:
	case FAMILY_IPV6_FREEBSD:
	case FAMILY_IPV6_DARWIN:
		return true;
	}
	return false;
}

/* protocol is in network byte order. Tags follow a cooked header as they do Ethernet's. */
static bool strip_tags(struct parse_frame *frame, uint16_t protocol)
{
	for (int i = 0; i < PARSE_VLAN_TAGS; i++) {
		const struct wire_vlan *vlan = frame->data;

		if (protocol != PARSE_BE16(WIRE_TYPE_VLAN) &&
		    protocol != PARSE_BE16(WIRE_TYPE_QINQ))
			break;
		if (!strip(frame, sizeof(*vlan)))
			return false;
		protocol = vlan->type;
	}
	return protocol == PARSE_BE16(WIRE_TYPE_IPV4) || protocol == PARSE_BE16(WIRE_TYPE_IPV6);
}

static void set_direction(enum packet_direction *direction, unsigned int type)
{
	if (*direction != PACKET_UNKNOWN)
		return;
	if (type == COOKED_OUTGOING)
		*direction = PACKET_OUT;
	else if (type == COOKED_TO_US)
		*direction = PACKET_IN;
}

static bool strip_cooked(struct parse_frame *frame, enum packet_direction *direction)
{
	const struct link_cooked *cooked = frame->data;

	if (!strip(frame, sizeof(*cooked)))
		return false;
	set_direction(direction, PARSE_BE16(cooked->type));
	return strip_tags(frame, cooked->protocol);
}

static bool strip_cooked_2(struct parse_frame *frame, enum packet_direction *direction)
{
	const struct link_cooked_2 *cooked = frame->data;

	if (!strip(frame, sizeof(*cooked)))
		return false;
	set_direction(direction, cooked->type);
	return strip_tags(frame, cooked->protocol);
}

bool link_frame(const struct packet *packet, struct parse_frame *frame,
		enum packet_direction *direction)
{
	*direction = packet->direction;
	*frame = (struct parse_frame){
		.data = packet->data,
		.end = packet->data + packet->captured,
		.length = packet->original,
		.ethernet = packet->link_type == LINK_ETHERNET,
	};
	switch (packet->link_type) {
	case LINK_ETHERNET:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		return true;
	case LINK_NULL:
	case LINK_LOOP:
		return strip_family(frame);
	case LINK_COOKED:
		return strip_cooked(frame, direction);
	case LINK_COOKED_2:
		return strip_cooked_2(frame, direction);
	}
	return false;
}

uint32_t link_interface(const struct packet *packet)
{
	const struct link_cooked_2 *cooked = (const void *)packet->data;

	if (packet->link_type != LINK_COOKED_2 || packet->captured < sizeof(*cooked))
		return 0;
	return PARSE_BE32(cooked->interface);
}

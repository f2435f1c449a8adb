/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The bytes of a frame -> the TCP segment in it, or a clear "not ours". Compiles for BPF and for
 * the host; knows record.h only: no helper, no map, no clock, no memory beyond its arguments.
 */
#ifndef TCPCLOSE_PACKET_PARSE_H
#define TCPCLOSE_PACKET_PARSE_H

#ifdef __bpf__
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

/* The verifier checks bounds, and packets may be read unaligned. */
#define PARSE_WIRE
#define PARSE_INLINE static __always_inline
#else
#include <stdbool.h>
#include <stddef.h>

#define PARSE_WIRE __attribute__((packed))
#define PARSE_INLINE static inline
#endif

#include "record.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PARSE_BE16(number) ((__u16)__builtin_bswap16(number))
#define PARSE_BE32(number) ((__u32)__builtin_bswap32(number))
#else
#define PARSE_BE16(number) ((__u16)(number))
#define PARSE_BE32(number) ((__u32)(number))
#endif

#define PARSE_VLAN_TAGS 2
#define PARSE_EXTENSIONS 8 /* RFC 8200, 4.1 has six in front of TCP */

enum parse_answer {
	PARSE_OTHER,          /* not TCP, or broken: the stack would drop it, too */
	PARSE_SHORT,          /* the headers go on where the given bytes end */
	PARSE_SEGMENT,        /* all of struct tcp_segment is valid */
	PARSE_FIRST_FRAGMENT, /* payload is only this fragment's; before_payload is valid */
	PARSE_LAST_FRAGMENT,  /* only flow's addresses, fragment_id and datagram are valid */
};

struct parse_frame {
	const void *data;
	const void *end;
	__u32 length;  /* of the whole frame, bytes behind end included */
	bool ethernet; /* begins with an Ethernet header, else with IP's */
};

struct tcp_segment {
	struct flow flow; /* local is the sender */
	__u32 seq;
	__u32 ack;
	__u32 payload;
	__u32 fragment_id;
	__u32 before_payload; /* bytes of the fragmented datagram in front of TCP's payload */
	__u32 datagram;       /* length of the fragmented datagram, without its IP header */
	__u32 frame;          /* length of the whole frame; 0: it came in several */
	__u16 window;
	__u16 ip_id; /* IPv4 only */
	__u8 flags;  /* SEGMENT_FIN ... */
	__u8 ttl;
	__u8 ethernet; /* the frame begins with an Ethernet header */
	__u8 pad;
};

struct wire_ethernet {
	__u8 target[6];
	__u8 source[6];
	__u16 type;
} PARSE_WIRE;

struct wire_vlan {
	__u16 tag;
	__u16 type;
} PARSE_WIRE;

struct wire_ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__u16 total_length;
	__u16 id;
	__u16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 source;
	__u32 target;
} PARSE_WIRE;

struct wire_ipv6 {
	__u8 version;
	__u8 label[3];
	__u16 payload_length;
	__u8 next;
	__u8 hop_limit;
	__u32 source[4];
	__u32 target[4];
} PARSE_WIRE;

/* What the extension headers have in common; fragment and id are the fragment header's. */
struct wire_extension {
	__u8 next;
	__u8 length;
	__u16 fragment;
	__u32 id;
} PARSE_WIRE;

struct wire_tcp {
	__u16 source;
	__u16 target;
	__u32 seq;
	__u32 ack;
	__u8 offset;
	__u8 flags;
	__u16 window;
	__u16 checksum;
	__u16 urgent;
} PARSE_WIRE;

enum wire_number {
	WIRE_TYPE_IPV4 = 0x0800,
	WIRE_TYPE_VLAN = 0x8100,
	WIRE_TYPE_IPV6 = 0x86dd,
	WIRE_TYPE_QINQ = 0x88a8,
	WIRE_IPV4_FRAGMENT = 0x3fff, /* more fragments, or an offset */
	WIRE_IPV4_OFFSET = 0x1fff,   /* in units of 8 bytes */
	WIRE_IPV4_MORE = 0x2000,
	WIRE_IPV6_OFFSET = 0xfff8,
	WIRE_IPV6_MORE = 0x0001,
	WIRE_NEXT_HOP_BY_HOP = 0,
	WIRE_NEXT_TCP = 6,
	WIRE_NEXT_UDP = 17,
	WIRE_NEXT_ROUTING = 43,
	WIRE_NEXT_FRAGMENT = 44,
	WIRE_NEXT_AUTHENTICATION = 51,
	WIRE_NEXT_ICMPV6 = 58,
	WIRE_NEXT_DESTINATION = 60,
};

/*
 * The quick look that every packet gets: is it TCP in a plain frame (no IP options, no fragment),
 * and then where is its header? Lengths are not checked.
 */
enum quick_answer {
	QUICK_UNSURE, /* ask parse_segment() */
	QUICK_OTHER,
	QUICK_TCP,
};

struct quick_look {
	enum quick_answer answer;
	const struct wire_tcp *tcp;
};

PARSE_INLINE bool parse_is_tag(__u16 wire_type)
{
	return wire_type == PARSE_BE16(WIRE_TYPE_VLAN) || wire_type == PARSE_BE16(WIRE_TYPE_QINQ);
}

/* `wire_type`: what the frame says that it is, in network order; its version is asked, too. */
PARSE_INLINE struct quick_look parse_quick_ip(const void *header, const void *end, __u16 wire_type)
{
	const struct wire_ipv4 *ipv4 = header;
	const struct wire_ipv6 *ipv6 = header;
	struct quick_look look = {QUICK_UNSURE, (const void *)(ipv4 + 1)};

	if ((const void *)(look.tcp + 1) > end)
		return look;
	if (ipv4->version_ihl == 0x45 && wire_type == PARSE_BE16(WIRE_TYPE_IPV4)) {
		if (ipv4->protocol != WIRE_NEXT_TCP)
			look.answer = QUICK_OTHER;
		else if (!(ipv4->fragment & PARSE_BE16(WIRE_IPV4_FRAGMENT)))
			look.answer = QUICK_TCP;
		return look;
	}
	if (ipv6->version >> 4 != 6 || wire_type != PARSE_BE16(WIRE_TYPE_IPV6))
		return look;
	if (ipv6->next == WIRE_NEXT_UDP || ipv6->next == WIRE_NEXT_ICMPV6) {
		look.answer = QUICK_OTHER;
		return look;
	}
	look.tcp = (const void *)(ipv6 + 1);
	if (ipv6->next == WIRE_NEXT_TCP && (const void *)(look.tcp + 1) <= end)
		look.answer = QUICK_TCP;
	return look;
}

PARSE_INLINE struct quick_look parse_quick(const void *data, const void *end, bool ethernet)
{
	const struct quick_look unsure = {QUICK_UNSURE, NULL};
	const struct wire_ethernet *frame = data;
	const void *header = ethernet ? (const void *)(frame + 1) : data;
	const struct wire_vlan *vlan;
	const __u8 *version;
	__u16 type;

	if (!ethernet) {
		version = data;
		if ((const void *)(version + 1) > end)
			return unsure;
		type = *version >> 4 == 6 ? WIRE_TYPE_IPV6 : WIRE_TYPE_IPV4;
		return parse_quick_ip(data, end, PARSE_BE16(type));
	}
	if (header > end)
		return unsure;
	type = frame->type;
	for (int i = 0; i < PARSE_VLAN_TAGS && parse_is_tag(type); i++) {
		vlan = header;
		header = vlan + 1;
		if (header > end)
			return unsure;
		type = vlan->type;
	}
	return parse_quick_ip(header, end, type);
}

/* Where parse_segment() stands. */
struct parse_walk {
	const void *cursor; /* the next header */
	const void *end;
	__u32 left; /* bytes from cursor on, by the innermost length field so far */
	bool fragment;
	bool more; /* fragments follow this one */
	__u32 fragment_offset;
};

/* Why there are no `size` bytes at the cursor. */
PARSE_INLINE enum parse_answer parse_cut(const struct parse_walk *walk, __u32 size)
{
	return walk->left < size ? PARSE_OTHER : PARSE_SHORT;
}

PARSE_INLINE void parse_advance(struct parse_walk *walk, __u32 size)
{
	walk->cursor = (const char *)walk->cursor + size;
	walk->left -= size;
}

/* Ethernet and the tags in the frame (those in the skb's metadata are not there to be skipped).
 * Every branch below first checks that its header is there, whole. */
PARSE_INLINE enum parse_answer parse_ethernet(struct parse_walk *walk, __u16 *type)
{
	const struct wire_ethernet *frame = walk->cursor;
	__u16 wire_type;

	if ((const void *)(frame + 1) > walk->end)
		return parse_cut(walk, sizeof(*frame));
	if (walk->left < sizeof(*frame))
		return PARSE_OTHER;
	wire_type = frame->type;
	parse_advance(walk, sizeof(*frame));
	for (int i = 0; i < PARSE_VLAN_TAGS && parse_is_tag(wire_type); i++) {
		const struct wire_vlan *vlan = walk->cursor;

		if ((const void *)(vlan + 1) > walk->end)
			return parse_cut(walk, sizeof(*vlan));
		if (walk->left < sizeof(*vlan))
			return PARSE_OTHER;
		wire_type = vlan->type;
		parse_advance(walk, sizeof(*vlan));
	}
	*type = PARSE_BE16(wire_type);
	return PARSE_SEGMENT;
}

PARSE_INLINE enum parse_answer parse_ip_version(const struct parse_walk *walk, __u16 *type)
{
	const __u8 *version = walk->cursor;

	if ((const void *)(version + 1) > walk->end)
		return parse_cut(walk, 1);
	*type = *version >> 4 == 4 ? WIRE_TYPE_IPV4 : *version >> 4 == 6 ? WIRE_TYPE_IPV6 : 0;
	return PARSE_SEGMENT;
}

PARSE_INLINE void parse_map_ipv4(__u8 *address, __u32 ipv4)
{
	const __u32 words[4] = {0, 0, PARSE_BE32(0xffff), ipv4};

	__builtin_memcpy(address, words, sizeof(words));
}

/* The datagram's own length decides, not the frame's (Ethernet pads to 60 bytes); but BIG TCP,
 * whose length does not fit, leaves it 0 (IPv4: 6.3; IPv6: 5.19, with a jumbo option, RFC 2675),
 * and then the frame has no padding. */
PARSE_INLINE bool parse_ip_length(struct parse_walk *walk, __u32 length)
{
	if (length > walk->left)
		return false;
	walk->left = length;
	return true;
}

PARSE_INLINE enum parse_answer parse_ipv4(struct parse_walk *walk, struct tcp_segment *segment)
{
	const struct wire_ipv4 *ip = walk->cursor;
	__u32 header, length;
	__u16 fragment;

	if ((const void *)(ip + 1) > walk->end)
		return parse_cut(walk, sizeof(*ip));
	if (ip->version_ihl >> 4 != 4 || ip->protocol != WIRE_NEXT_TCP)
		return PARSE_OTHER;
	length = PARSE_BE16(ip->total_length);
	if (!parse_ip_length(walk, length ? length : walk->left))
		return PARSE_OTHER;
	header = (ip->version_ihl & 15) * 4u;
	if (header < sizeof(*ip) || header > walk->left)
		return PARSE_OTHER;
	parse_map_ipv4(segment->flow.local, ip->source);
	parse_map_ipv4(segment->flow.remote, ip->target);
	segment->ttl = ip->ttl;
	segment->ip_id = PARSE_BE16(ip->id);
	segment->fragment_id = segment->ip_id;
	fragment = PARSE_BE16(ip->fragment);
	walk->fragment = fragment & WIRE_IPV4_FRAGMENT;
	walk->fragment_offset = (fragment & WIRE_IPV4_OFFSET) * 8u;
	walk->more = fragment & WIRE_IPV4_MORE;
	parse_advance(walk, header);
	return PARSE_SEGMENT;
}

/* The length of an extension header is (length * scale + base) * unit; unit 0: no such header. A
 * table and no branches, so that the verifier has one path to follow through each header. */
struct parse_extension {
	__u8 unit;
	__u8 base;
	__u8 scale;
};

static const struct parse_extension parse_extension_kinds[256] = {
	[WIRE_NEXT_HOP_BY_HOP] = {8, 1, 1},
	[WIRE_NEXT_ROUTING] = {8, 1, 1},
	[WIRE_NEXT_DESTINATION] = {8, 1, 1},
	[WIRE_NEXT_AUTHENTICATION] = {4, 2, 1},
	[WIRE_NEXT_FRAGMENT] = {sizeof(struct wire_extension), 1, 0},
};

PARSE_INLINE __u32 parse_extension_length(__u8 kind, __u8 length)
{
	const struct parse_extension *extension = &parse_extension_kinds[kind];

	/* The mask is a bound for the verifier: the longest has 2048 bytes. */
	return (length * extension->scale + extension->base) * extension->unit & 0xffc;
}

/* Up to TCP, or up to the fragment header of a later fragment: what follows that is no header. */
PARSE_INLINE enum parse_answer parse_extensions(struct parse_walk *walk, __u8 next,
						struct tcp_segment *segment)
{
	for (int i = 0; i < PARSE_EXTENSIONS && next != WIRE_NEXT_TCP; i++) {
		const struct wire_extension *extension = walk->cursor;
		__u32 length;

		if ((const void *)(extension + 1) > walk->end)
			return parse_cut(walk, sizeof(*extension));
		length = parse_extension_length(next, extension->length);
		if (!length || length > walk->left)
			return PARSE_OTHER;
		if (next == WIRE_NEXT_FRAGMENT) {
			__u16 fragment = PARSE_BE16(extension->fragment);

			if (walk->fragment)
				return PARSE_OTHER;
			walk->more = fragment & WIRE_IPV6_MORE;
			walk->fragment_offset = fragment & WIRE_IPV6_OFFSET;
			/* Alone it is a whole datagram (RFC 6946). */
			walk->fragment = walk->more || walk->fragment_offset;
			segment->fragment_id = PARSE_BE32(extension->id);
			segment->before_payload = 0;
		} else {
			segment->before_payload += length;
		}
		next = extension->next;
		parse_advance(walk, length);
		if (walk->fragment_offset)
			break;
	}
	/* The last header before the fragment says what the first fragment goes on with. */
	if (next != WIRE_NEXT_TCP && !(walk->fragment_offset && next == WIRE_NEXT_DESTINATION))
		return PARSE_OTHER;
	return PARSE_SEGMENT;
}

PARSE_INLINE enum parse_answer parse_ipv6(struct parse_walk *walk, struct tcp_segment *segment)
{
	const struct wire_ipv6 *ip = walk->cursor;
	__u32 length;

	if ((const void *)(ip + 1) > walk->end)
		return parse_cut(walk, sizeof(*ip));
	if (ip->version >> 4 != 6 || walk->left < sizeof(*ip))
		return PARSE_OTHER;
	length = PARSE_BE16(ip->payload_length);
	__builtin_memcpy(segment->flow.local, ip->source, sizeof(ip->source));
	__builtin_memcpy(segment->flow.remote, ip->target, sizeof(ip->target));
	segment->ttl = ip->hop_limit;
	segment->ip_id = 0;
	parse_advance(walk, sizeof(*ip));
	if (!parse_ip_length(walk, length ? length : walk->left))
		return PARSE_OTHER;
	return parse_extensions(walk, ip->next, segment);
}

PARSE_INLINE enum parse_answer parse_tcp(const struct parse_walk *walk, struct tcp_segment *segment)
{
	const struct wire_tcp *tcp = walk->cursor;
	__u32 header;

	/* A first fragment that does not hold the whole header is no sender's, but an evasion
	 * (RFC 1858, 3). */
	if (walk->left < sizeof(*tcp))
		return PARSE_OTHER;
	if ((const void *)(tcp + 1) > walk->end)
		return PARSE_SHORT;
	header = (tcp->offset >> 4) * 4u;
	if (header < sizeof(*tcp) || header > walk->left)
		return PARSE_OTHER;
	segment->flow.local_port = PARSE_BE16(tcp->source);
	segment->flow.remote_port = PARSE_BE16(tcp->target);
	segment->seq = PARSE_BE32(tcp->seq);
	segment->ack = PARSE_BE32(tcp->ack);
	segment->flags = tcp->flags;
	segment->window = PARSE_BE16(tcp->window);
	segment->payload = walk->left - header;
	segment->before_payload += header;
	return walk->more ? PARSE_FIRST_FRAGMENT : PARSE_SEGMENT;
}

/* As far as TCP's header: PARSE_SEGMENT when the cursor is there, else parse_segment()'s answer. */
PARSE_INLINE enum parse_answer parse_to_tcp(const struct parse_frame *frame,
					    struct parse_walk *walk, struct tcp_segment *segment)
{
	enum parse_answer answer;
	__u16 type = 0;

	*walk = (struct parse_walk){
		.cursor = frame->data,
		.end = frame->end,
		.left = frame->length,
	};
	__builtin_memset(segment, 0, sizeof(*segment));
	segment->frame = frame->length;
	segment->ethernet = frame->ethernet;
	answer = frame->ethernet ? parse_ethernet(walk, &type) : parse_ip_version(walk, &type);
	if (answer != PARSE_SEGMENT)
		return answer;
	if (type == WIRE_TYPE_IPV4)
		answer = parse_ipv4(walk, segment);
	else if (type == WIRE_TYPE_IPV6)
		answer = parse_ipv6(walk, segment);
	else
		return PARSE_OTHER;
	if (answer != PARSE_SEGMENT || !walk->fragment_offset)
		return answer;
	segment->datagram = walk->fragment_offset + walk->left;
	return walk->more ? PARSE_OTHER : PARSE_LAST_FRAGMENT;
}

/* Sets all of the segment's bytes, but see enum parse_answer for which of them mean something. */
PARSE_INLINE enum parse_answer parse_segment(const struct parse_frame *frame,
					     struct tcp_segment *segment)
{
	struct parse_walk walk;
	enum parse_answer answer = parse_to_tcp(frame, &walk, segment);

	return answer == PARSE_SEGMENT ? parse_tcp(&walk, segment) : answer;
}

#endif

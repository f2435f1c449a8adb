/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a link layer puts in front of IP, by LINKTYPE_ number. It must not know IP. */
#ifndef TCPCLOSE_CAPTURE_LINK_H
#define TCPCLOSE_CAPTURE_LINK_H

#include <stdbool.h>

#include "capture/packet.h"
#include "packet/parse.h"

/* What parse_segment() is to be given: false for a link type that is not known, a frame that is not
 * IP, or one cut before it. direction is the packet's, or what the link layer tells (Linux cooked).
 */
bool link_frame(const struct packet *packet, struct parse_frame *frame,
		enum packet_direction *direction);

/* Index of the interface on the machine that captured, 0 where the link layer does not tell it
 * (Linux cooked v2 does). */
uint32_t link_interface(const struct packet *packet);

/* Link types that link_frame() knows. */
bool link_is_known(uint16_t link_type);

#endif

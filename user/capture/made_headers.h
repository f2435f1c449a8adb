/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Headers for a segment whose own were not captured (a fragment, for example): what its record says
 * of them, the rest as plain as can be. It must not know files.
 */
#ifndef TCPCLOSE_CAPTURE_MADE_HEADERS_H
#define TCPCLOSE_CAPTURE_MADE_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define MADE_HEADERS_ROOM 74 /* Ethernet, IPv6, TCP */
#define MADE_ETHERNET 14

/* An Ethernet header without addresses, in front of IP. Returns its length. */
size_t made_ethernet(uint8_t *bytes, const struct flow *flow);

/* With an Ethernet header. Returns their length. TCP's checksum is 0 if there is payload: nobody
 * knows it. */
size_t made_headers(uint8_t bytes[MADE_HEADERS_ROOM], const struct segment_record *record);

#endif

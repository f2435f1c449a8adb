// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Link layers and the packet parser that BPF shares. An input is a frame, and in front of it which
 * link type it has and how many bytes of it were not captured. */
#include "capture/link.h"
#include "fuzz.h"

#define CHOICE 3

/* The quick look may be unsure, but never of another opinion. */
static void check_quick(const struct parse_frame *frame, enum parse_answer answer,
			const struct tcp_segment *segment)
{
	struct quick_look look = parse_quick(frame->data, frame->end, frame->ethernet);

	if (look.answer == QUICK_OTHER)
		FUZZ_CHECK(answer != PARSE_SEGMENT);
	if (look.answer != QUICK_TCP)
		return;
	FUZZ_CHECK((const void *)(look.tcp + 1) <= frame->end);
	FUZZ_CHECK(answer != PARSE_SHORT);
	if (answer == PARSE_SEGMENT)
		FUZZ_CHECK(look.tcp->flags == segment->flags);
}

static void check_frame(const struct packet *packet)
{
	struct parse_frame frame = {0};
	enum packet_direction direction;
	struct tcp_segment segment;
	enum parse_answer answer;

	link_interface(packet);
	if (!link_frame(packet, &frame, &direction))
		return;
	FUZZ_CHECK(link_is_known(packet->link_type));
	FUZZ_CHECK(frame.end == packet->data + packet->captured);
	FUZZ_CHECK((const uint8_t *)frame.data >= packet->data && frame.data <= frame.end);
	FUZZ_CHECK(direction <= PACKET_OUT);
	answer = parse_segment(&frame, &segment);
	if (answer == PARSE_SEGMENT || answer == PARSE_FIRST_FRAGMENT)
		FUZZ_CHECK(segment.payload < frame.length);
	if (answer == PARSE_SEGMENT && packet->captured == packet->original)
		FUZZ_CHECK(segment.payload < packet->captured);
	check_quick(&frame, answer, &segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const uint16_t types[] = {1, 101, 113, 276, 0, 108, 12, 14, 228, 229, 105};
	struct packet packet = {0};
	uint8_t *memory;

	if (length < CHOICE)
		return 0;
	packet.link_type = types[bytes[0] % (sizeof(types) / sizeof(types[0]))];
	packet.captured = (uint32_t)(length - CHOICE);
	packet.original = packet.captured + (bytes[1] << 8 | bytes[2]);
	memory = malloc(packet.captured ? packet.captured : 1);
	FUZZ_CHECK(memory);
	memcpy(memory, bytes + CHOICE, packet.captured);
	packet.data = memory;
	check_frame(&packet);
	free(memory);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/pcap.h"

#define PCAP_FILE_HEADER 24
/* The longest that tcpdump and Wireshark write or read; only a file that announces more has more.
 */
#define PCAP_LIMIT 262144u

enum pcap_magic {
	PCAP_MICROSECONDS = 0xa1b2c3d4,
	PCAP_NANOSECONDS = 0xa1b23c4d,
	/* Old patches of libpcap: 8 bytes more for each packet. */
	PCAP_MODIFIED = 0xa1b2cd34,
};

static bool pcap_is_magic(uint32_t magic)
{
	return magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS || magic == PCAP_MODIFIED;
}

bool pcap_is(const uint8_t *magic)
{
	return pcap_is_magic(read_32(magic, false)) || pcap_is_magic(read_32(magic, true));
}

bool pcap_begin(struct pcap *pcap, struct stream *stream)
{
	const uint8_t *header = stream_look(stream, PCAP_FILE_HEADER);
	uint32_t magic, snaplen;

	if (!header)
		return false;
	pcap->swapped = !pcap_is_magic(read_32(header, false));
	magic = read_32(header, pcap->swapped);
	pcap->unit = magic == PCAP_NANOSECONDS ? 1 : 1000;
	pcap->header = magic == PCAP_MODIFIED ? 24 : 16;
	snaplen = read_32(header + 16, pcap->swapped);
	pcap->limit = snaplen > STREAM_BLOCK_LIMIT ? STREAM_BLOCK_LIMIT
		      : snaplen > PCAP_LIMIT       ? snaplen
						   : PCAP_LIMIT;
	/* The upper half tells of frame check sequences; the IP header says where data ends. */
	pcap->link_type = (uint16_t)read_32(header + 20, pcap->swapped);
	stream_skip(stream, PCAP_FILE_HEADER);
	return true;
}

enum capture_item_kind pcap_next(struct pcap *pcap, struct stream *stream,
				 struct capture_item *item)
{
	const uint8_t *header = stream_look(stream, pcap->header);
	uint32_t captured, original;

	if (!header)
		return stream_left(stream) || stream->error ? CAPTURE_BROKEN : CAPTURE_END;
	captured = read_32(header + 8, pcap->swapped);
	if (captured > pcap->limit) {
		stream->wrong = "a packet longer than any";
		return CAPTURE_BROKEN;
	}
	header = stream_look(stream, pcap->header + captured);
	if (!header)
		return CAPTURE_BROKEN;
	original = read_32(header + 12, pcap->swapped);
	item->packet = (struct packet){
		.time = read_32(header, pcap->swapped) * 1000000000ull +
			(uint64_t)read_32(header + 4, pcap->swapped) * pcap->unit,
		.number = ++stream->frames,
		.data = header + pcap->header,
		.captured = captured,
		.original = original > captured ? original : captured,
		.link_type = pcap->link_type,
	};
	stream_skip(stream, pcap->header + captured);
	return CAPTURE_PACKET;
}

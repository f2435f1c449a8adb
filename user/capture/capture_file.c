// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/capture_file.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "capture/link.h"
#include "capture/pcap.h"
#include "capture/pcapng_reader.h"
#include "capture/stream.h"

#define MAGIC_LENGTH 4
#define NEITHER "is neither pcap nor pcapng"

enum format {
	FORMAT_UNKNOWN, /* nothing was read yet */
	FORMAT_PCAP,
	FORMAT_PCAPNG,
};

struct capture_file {
	struct stream stream;
	enum format format;
	bool over;
	enum capture_item_kind end; /* how, once it is over */
	bool readable;              /* not all is of unknown link types */
	uint16_t unknown_link;      /* one of them; 0 is known */
	struct pcap pcap;
	struct pcapng_reader pcapng;
	struct buffer trouble;
};

struct capture_file *capture_file_open(const struct capture_source *source)
{
	struct capture_file *file = calloc(1, sizeof(*file));

	if (file) {
		stream_init(&file->stream, source);
		buffer_init(&file->trouble);
	}
	return file;
}

void capture_file_close(struct capture_file *file)
{
	if (!file)
		return;
	stream_done(&file->stream);
	pcapng_done(&file->pcapng);
	buffer_done(&file->trouble);
	free(file);
}

static void add_place(struct capture_file *file)
{
	if (!file->stream.frames) {
		buffer_add_literal(&file->trouble, " before its first frame");
		return;
	}
	buffer_add_literal(&file->trouble, " after frame ");
	buffer_add_unsigned(&file->trouble, file->stream.frames);
}

/* The sentence for what a reader found. */
static void add_trouble(struct capture_file *file)
{
	const struct stream *stream = &file->stream;
	struct buffer *trouble = &file->trouble;

	if (stream->error) {
		buffer_add_literal(trouble, "cannot be read");
		add_place(file);
		buffer_add_literal(trouble, ": ");
		buffer_add_string(trouble, strerror(-stream->error));
	} else if (stream->wrong) {
		buffer_add_literal(trouble, "is corrupt at byte ");
		buffer_add_unsigned(trouble, stream_offset(stream));
		buffer_add_literal(trouble, ",");
		add_place(file);
		buffer_add_literal(trouble, ": ");
		buffer_add_string(trouble, stream->wrong);
	} else {
		buffer_add_literal(trouble, "is cut short");
		add_place(file);
	}
}

/* What else people may take for a capture. */
static void add_what_it_is(struct buffer *trouble, const uint8_t *magic)
{
	static const struct {
		uint8_t magic[MAGIC_LENGTH];
		size_t length;
		const char *name;
		const char *unpack;
	} packed[] = {
		{{0x1f, 0x8b}, 2, "gzip", "zcat"},
		{{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstd", "zstdcat"},
		{{0xfd, '7', 'z', 'X'}, 4, "xz", "xzcat"},
		{{'B', 'Z', 'h'}, 3, "bzip2", "bzcat"},
		{{0x04, 0x22, 0x4d, 0x18}, 4, "lz4", "lz4cat"},
	};

	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		if (memcmp(magic, packed[i].magic, packed[i].length) != 0)
			continue;
		buffer_add_literal(trouble, "is compressed with ");
		buffer_add_string(trouble, packed[i].name);
		buffer_add_literal(trouble, "; unpack it first: ");
		buffer_add_string(trouble, packed[i].unpack);
		buffer_add_literal(trouble, " FILE | tcpclose-trace -r -");
		return;
	}
	buffer_add_string(trouble, NEITHER);
}

/* False: it is no capture, or its header is cut off. */
static bool begin(struct capture_file *file)
{
	struct stream *stream = &file->stream;
	const uint8_t *magic = stream_look(stream, MAGIC_LENGTH);

	if (magic && pcapng_is(magic)) {
		file->format = FORMAT_PCAPNG;
	} else if (magic && pcap_is(magic)) {
		file->format = FORMAT_PCAP;
		return pcap_begin(&file->pcap, &file->stream);
	} else if (magic) {
		add_what_it_is(&file->trouble, magic);
	} else if (!stream->error) {
		buffer_add_string(&file->trouble, stream_left(stream) ? NEITHER : "is empty");
	}
	return file->format != FORMAT_UNKNOWN;
}

static struct capture_item finish(struct capture_file *file, enum capture_item_kind kind)
{
	struct buffer *trouble = &file->trouble;

	if (kind == CAPTURE_BROKEN && !trouble->length) {
		add_trouble(file);
	} else if (kind == CAPTURE_END && file->unknown_link && !file->readable) {
		buffer_add_literal(trouble, "has no frame of a known link type: ");
		buffer_add_unsigned(trouble, file->unknown_link);
		buffer_add_literal(trouble, " is not");
		kind = CAPTURE_BROKEN;
	}
	buffer_add_char(trouble, '\0');
	file->over = true;
	file->end = kind;
	return (struct capture_item){.kind = kind};
}

static enum capture_item_kind next(struct capture_file *file, struct capture_item *item)
{
	enum capture_item_kind kind = file->format == FORMAT_PCAP
					      ? pcap_next(&file->pcap, &file->stream, item)
					      : pcapng_next(&file->pcapng, &file->stream, item);

	if (file->readable)
		return kind;
	if (kind == CAPTURE_PACKET && !link_is_known(item->packet.link_type))
		file->unknown_link = item->packet.link_type;
	else if (kind == CAPTURE_PACKET || kind == CAPTURE_JOURNAL)
		file->readable = true;
	return kind;
}

struct capture_item capture_file_next(struct capture_file *file)
{
	struct capture_item item = {.kind = file->end};

	if (file->over)
		return item;
	if (!file->format && !begin(file))
		return finish(file, CAPTURE_BROKEN);
	item.kind = next(file, &item);
	return item.kind == CAPTURE_END || item.kind == CAPTURE_BROKEN ? finish(file, item.kind)
								       : item;
}

const char *capture_file_trouble(const struct capture_file *file)
{
	if (file->end != CAPTURE_BROKEN)
		return "";
	return file->trouble.failed ? "cannot be read: no memory" : file->trouble.data;
}

const char *capture_file_interface(const struct capture_file *file, uint32_t interface)
{
	const char *name = pcapng_interface_name(&file->pcapng, interface);

	return name ? name : "";
}

uint64_t capture_file_position(const struct capture_file *file)
{
	return file->stream.taken;
}

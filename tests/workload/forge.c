// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Forged segments of connections that there are not, each with other addresses, as fast as it can:
 * `forge INTERFACE COUNT closes|syns TARGET PORT` sends them from an interface to the machine that
 * has the hardware address FORGE_TARGET; with - as the interface they are written to standard
 * output, as a capture. Of ten closes eight have a FIN, one a RST and one a SYN; syns are nothing
 * else. Prints how many it sent and how many per second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FORGE_SOURCE "\x02\0\0\0\0\x01"
#define FORGE_TARGET "\x02\0\0\0\0\x02"
#define FIRST_SOURCE 0x0b000000u /* 11.0.0.0: there is no way back */
#define FIRST_PORT 1024
#define PORTS 60000
#define BATCH 256

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct frame {
	uint8_t target_hardware[6];
	uint8_t source_hardware[6];
	uint16_t type;
	uint8_t version_ihl;
	uint8_t tos;
	uint16_t total;
	uint16_t id;
	uint16_t fragment;
	uint8_t ttl;
	uint8_t protocol;
	uint16_t ip_checksum;
	uint32_t source;
	uint32_t target;
	uint16_t source_port;
	uint16_t target_port;
	uint32_t seq;
	uint32_t ack;
	uint8_t offset;
	uint8_t flags;
	uint16_t window;
	uint16_t tcp_checksum;
	uint16_t urgent;
} __attribute__((packed));

_Static_assert(sizeof(struct frame) == 54, "Ethernet, IPv4, TCP");

enum kind {
	KIND_CLOSES,
	KIND_SYNS,
};

struct forgery {
	enum kind kind;
	uint32_t target;
	uint16_t port;
};

static uint16_t checksum(const void *bytes, size_t length, uint32_t sum)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint32_t mix(uint64_t number)
{
	number = (number + 1) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(number >> 32 ^ number >> 7);
}

static uint8_t flags_of(enum kind kind, uint64_t number)
{
	if (kind == KIND_SYNS || number % 10 == 9)
		return SYN;
	return number % 10 == 8 ? RST : FIN | ACK;
}

static void make(struct frame *frame, const struct forgery *forgery, uint64_t number)
{
	const uint32_t tcp_length = 20;

	*frame = (struct frame){
		.target_hardware = FORGE_TARGET,
		.source_hardware = FORGE_SOURCE,
		.type = htons(ETHERTYPE_IP),
		.version_ihl = 0x45,
		.total = htons(40),
		.id = htons((uint16_t)number),
		.ttl = 64,
		.protocol = 6,
		.source = htonl(FIRST_SOURCE + (uint32_t)(number / PORTS)),
		.target = forgery->target,
		.source_port = htons((uint16_t)(FIRST_PORT + number % PORTS)),
		.target_port = htons(forgery->port),
		.seq = mix(number),
		.offset = 0x50,
		.flags = flags_of(forgery->kind, number),
		.window = htons(500),
	};
	if (frame->flags & ACK)
		frame->ack = mix(number ^ 1ull << 40);
	frame->ip_checksum = checksum(&frame->version_ihl, 20, 0);
	/* The pseudo header is the addresses, the protocol and the length. */
	frame->tcp_checksum = checksum(&frame->source, 8 + tcp_length, 6 + tcp_length);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int one = 1, file = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	/* Past the queue, which would refuse what comes too fast. */
	if (file < 0 || setsockopt(file, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(file, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return file;
}

static bool send_all(int file, struct mmsghdr *messages, unsigned int count)
{
	unsigned int sent = 0;

	while (sent < count) {
		int more = sendmmsg(file, messages + sent, count - sent, 0);

		if (more < 0 && errno != ENOBUFS && errno != EINTR)
			return false;
		sent += more > 0 ? (unsigned int)more : 0;
	}
	return true;
}

static bool forge_on(const char *interface, const struct forgery *forgery, uint64_t count)
{
	static struct frame frames[BATCH];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	int file = open_interface(interface);

	if (file < 0)
		return false;
	for (unsigned int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){&frames[i], sizeof(frames[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (uint64_t done = 0; done < count;) {
		unsigned int batch = count - done < BATCH ? (unsigned int)(count - done) : BATCH;

		for (unsigned int i = 0; i < batch; i++)
			make(&frames[i], forgery, done + i);
		if (!send_all(file, messages, batch))
			return false;
		done += batch;
	}
	return close(file) == 0;
}

struct pcap_head {
	uint32_t magic; /* times in ns */
	uint16_t major;
	uint16_t minor;
	uint32_t zone;
	uint32_t accuracy;
	uint32_t longest;
	uint32_t link_type;
};

struct pcap_frame {
	uint32_t seconds;
	uint32_t ns;
	uint32_t captured;
	uint32_t length;
	struct frame frame;
} __attribute__((packed));

/* One each microsecond. */
static bool forge_capture(const struct forgery *forgery, uint64_t count)
{
	const struct pcap_head head = {0xa1b23c4d, 2, 4, 0, 0, 65535, 1};

	fwrite(&head, sizeof(head), 1, stdout);
	for (uint64_t number = 0; number < count && !ferror(stdout); number++) {
		struct pcap_frame record = {
			.seconds = (uint32_t)(number / 1000000),
			.ns = (uint32_t)(number % 1000000 * 1000),
			.captured = sizeof(record.frame),
			.length = sizeof(record.frame),
		};

		make(&record.frame, forgery, number);
		fwrite(&record, sizeof(record), 1, stdout);
	}
	return !fflush(stdout) && !ferror(stdout);
}

int main(int argc, char **argv)
{
	struct forgery forgery;
	uint64_t count;
	double begin = now(), took;

	if (argc != 6 || inet_pton(AF_INET, argv[4], &forgery.target) != 1) {
		fprintf(stderr, "usage: forge INTERFACE|- COUNT closes|syns TARGET PORT\n");
		return 2;
	}
	count = strtoull(argv[2], NULL, 10);
	forgery.kind = strcmp(argv[3], "syns") ? KIND_CLOSES : KIND_SYNS;
	forgery.port = (uint16_t)strtoul(argv[5], NULL, 10);
	if (!(strcmp(argv[1], "-") ? forge_on(argv[1], &forgery, count)
				   : forge_capture(&forgery, count))) {
		perror("forge");
		return 1;
	}
	took = now() - begin;
	fprintf(stderr, "%llu segments, %.0f per second\n", (unsigned long long)count,
		(double)count / took);
	return 0;
}

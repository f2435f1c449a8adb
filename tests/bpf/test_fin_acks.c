// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The packet programs: which segments are told, of whole closes. */
#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>

#include "bench.h"

static bool first_ack_only(struct bench *bench)
{
	struct frame_plan ack = fin_ack;
	bool good = true;

	bench_reset(bench);
	CHECK(good, in(bench, &ack) == 0); /* of what? */
	CHECK(good, in(bench, &fin) == 1);
	ack.ack = 1000;
	CHECK(good, in(bench, &ack) == 0); /* not of the FIN */
	ack.ack = 1001;
	ack.from_server = false;
	CHECK(good, in(bench, &ack) == 0); /* the wrong way */
	ack.from_server = true;
	ack.host = 3;
	CHECK(good, in(bench, &ack) == 0); /* another connection */
	ack.host = 0;
	in(bench, &ack);
	CHECK(good, record_is(bench, &ack, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
	for (int i = 0; i < 100; i++)
		CHECK(good, in(bench, &ack) == 0); /* the same again */
	ack.seq = 1999;                            /* a keep-alive */
	CHECK(good, in(bench, &ack) == 0);
	ack.seq = 2000;
	ack.payload = 1000;
	for (int i = 0; i < 100; i++, ack.seq += 1000)
		CHECK(good, in(bench, &ack) == 0); /* the half-closed peer goes on sending */
	ack.flags |= FIN;
	in(bench, &ack);
	CHECK(good, record_is(bench, &ack, 1000, HOOK_TC_INGRESS, 0));
	return good;
}

static bool ack_rides(struct bench *bench)
{
	struct frame_plan data = fin_ack, own = fin;
	bool good = true;

	/* On data; and the number after FIN counts data and SYN. */
	bench_reset(bench);
	own.payload = 100;
	own.flags |= SEGMENT_SYN;
	CHECK(good, in(bench, &own) == 1);
	data.payload = 700;
	data.flags |= PSH;
	data.ack = 1102;
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 700, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
	data.seq += 700;
	CHECK(good, in(bench, &data) == 0);

	/* On the other side's FIN: one record; sent again, it acknowledges nothing new. */
	bench_reset(bench);
	CHECK(good, in(bench, &fin) == 1);
	data = fin_ack;
	data.flags |= FIN;
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 0, HOOK_TC_INGRESS, 0));
	own = fin;
	own.flags = ACK;
	own.seq = 1001;
	own.ack = 2001;
	in(bench, &own);
	CHECK(good, record_is(bench, &own, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));

	/* A RST is a RST. */
	bench_reset(bench);
	CHECK(good, in(bench, &fin) == 1);
	data = fin_ack;
	data.flags |= RST;
	in(bench, &data);
	CHECK(good, record_is(bench, &data, 0, HOOK_TC_INGRESS, 0));
	return good;
}

static bool numbers_wrap(struct bench *bench)
{
	struct frame_plan own = fin, ack = fin_ack;
	bool good = true;

	bench_reset(bench);
	own.seq = UINT32_MAX - 9;
	own.payload = 9;
	ack.ack = 0;
	CHECK(good, in(bench, &own) == 1);
	CHECK(good, in(bench, &ack) == 1);
	own.ipv6 = true;
	ack.ipv6 = true;
	CHECK(good, in(bench, &ack) == 0);
	CHECK(good, in(bench, &own) == 1);
	CHECK(good, in(bench, &ack) == 1);
	return good;
}

static bool retransmitted(struct bench *bench)
{
	struct frame_plan early = fin;
	bool good = true;

	bench_reset(bench);
	early.seq = 900;
	early.payload = 100; /* data and FIN; sent again without the data */
	CHECK(good, in(bench, &early) == 1);
	CHECK(good, in(bench, &fin) == 1);
	for (int i = 0; i < 3; i++) {
		CHECK(good, in(bench, &fin_ack) == 1);
		CHECK(good, in(bench, &fin_ack) == 0);
		CHECK(good, in(bench, &fin) == 1);
	}
	CHECK(good, in(bench, &fin_ack) == 1);
	return good;
}

/* Egress, ingress, XDP: three places. Each shows the FIN and the same acknowledgement once. */
static bool several_hooks(struct bench *bench)
{
	const struct bpf_program *xdp = bench->skeleton->progs.tcpclose_xdp;
	struct frame_plan other = fin_ack;
	bool good = true;

	bench_reset(bench);
	for (int round = 0; round < 2; round++) {
		CHECK(good, out(bench, &fin) == 1);
		CHECK(good, feed(bench, xdp, &fin) == 1);
		CHECK(good, in(bench, &fin) == 1);
		out(bench, &fin_ack);
		CHECK(good, record_is(bench, &fin_ack, 0, HOOK_TC_EGRESS, SEGMENT_ACKS_FIN));
		feed(bench, xdp, &fin_ack);
		CHECK(good, record_is(bench, &fin_ack, 0, HOOK_XDP, SEGMENT_ACKS_FIN));
		other = fin_ack; /* others between two hooks */
		other.payload = 1;
		CHECK(good, in(bench, &other) == 0);
		other.payload = 0;
		other.seq--;
		CHECK(good, in(bench, &other) == 0);
		in(bench, &fin_ack);
		CHECK(good, record_is(bench, &fin_ack, 0, HOOK_TC_INGRESS, SEGMENT_ACKS_FIN));
		CHECK(good,
		      !out(bench, &fin_ack) && !in(bench, &fin_ack) && !feed(bench, xdp, &fin_ack));
	}
	/* One hook sees an aggregate, the next one its first segment. */
	bench_reset(bench);
	CHECK(good, out(bench, &fin) == 1);
	other = fin_ack;
	other.payload = 2800;
	other.flags |= PSH;
	CHECK(good, out(bench, &other) == 1);
	other.payload = 1400;
	other.flags = ACK;
	CHECK(good, in(bench, &other) == 1);
	other.seq += 1400;
	CHECK(good, in(bench, &other) == 0);
	return good;
}

static bool full_bucket(struct bench *bench)
{
	uint64_t before = counted(bench, PACKET_FIN_FORGOTTEN);
	uint64_t passed_over = counted(bench, PACKET_PASSED_OVER);
	struct frame_plan own = fin, ack = fin_ack;
	bool good = true;

	bench_reset(bench);
	/* The same number after the FIN means the same bucket. The first two are acknowledged. */
	for (uint8_t host = 0; host < FIN_WAYS; host++) {
		own.host = ack.host = host;
		CHECK(good, in(bench, &own) == 1);
		if (host < 2)
			CHECK(good, in(bench, &ack) == 1);
	}
	for (uint8_t host = FIN_WAYS; host < FIN_WAYS + 2; host++) {
		own.host = host;
		CHECK(good, in(bench, &own) == 1);
	}
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == before);
	CHECK(good, counted(bench, PACKET_PASSED_OVER) == passed_over);
	/* They belong to no socket: nobody's loss. */
	own.host = FIN_WAYS + 2;
	CHECK(good, in(bench, &own) == 1);
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == before);
	CHECK(good, counted(bench, PACKET_PASSED_OVER) == passed_over + 1);
	ack.host = FIN_WAYS + 2;
	CHECK(good, in(bench, &ack) == 1);
	ack.host = 2; /* came when nobody else waited */
	CHECK(good, in(bench, &ack) == 1);
	return good;
}

static unsigned int passes(const struct settings *settings, const struct frame_plan *plan)
{
	struct bench bench;
	unsigned int count = UINT32_MAX;

	if (!bench_open(&bench, settings)) {
		struct frame_plan reverse = *plan;

		count = in(&bench, plan);
		reverse.from_server = !plan->from_server;
		count += in(&bench, &reverse);
		if (bench.broken)
			count = UINT32_MAX;
	}
	bench_close(&bench);
	return count;
}

static void set_network(struct settings *settings, uint32_t index, const struct frame_plan *plan,
			uint8_t bits)
{
	struct filter_network *network = &settings->filter.networks[index];

	frame_address(plan, true, network->address);
	for (int i = 0; i < 16; i++) {
		int left = bits - i * 8;

		network->mask[i] = left >= 8 ? 0xff : left <= 0 ? 0 : (uint8_t)(0xff << (8 - left));
		network->address[i] &= network->mask[i];
	}
	settings->filter.network_count = index + 1;
}

/* Both directions pass, or none does. */
static bool filters(struct bench *unfiltered)
{
	struct frame_plan fin6 = fin, other = fin;
	struct settings settings = {};
	bool good = true;

	(void)unfiltered;
	fin6.ipv6 = true;
	other.host = 9;
	settings.filter.local_ports[0] = FRAME_CLIENT_PORT;
	settings.filter.remote_ports[0] = 443;
	CHECK(good, passes(&settings, &fin) == 0);
	settings.filter.remote_ports[1] = FRAME_SERVER_PORT;
	CHECK(good, passes(&settings, &fin) == 2);
	settings.filter.family = 4;
	CHECK(good, passes(&settings, &fin) == 2);
	CHECK(good, passes(&settings, &fin6) == 0);
	settings.filter.family = 6;
	CHECK(good, passes(&settings, &fin6) == 2);
	CHECK(good, passes(&settings, &fin) == 0);
	settings = (struct settings){};
	set_network(&settings, 0, &fin, 120);
	CHECK(good, passes(&settings, &fin) == 2);
	CHECK(good, passes(&settings, &other) == 0);
	CHECK(good, passes(&settings, &fin6) == 0);
	set_network(&settings, 1, &fin6, 128);
	CHECK(good, passes(&settings, &fin6) == 2);
	return good;
}

/* All conditions at once, as much as the verifier will ever have to look through. */
static bool filter_by_flow(struct bench *unfiltered)
{
	struct settings settings = {.follow_flows = 1, .filter = {.family = 4}};
	struct flow flow = {.local_port = FRAME_SERVER_PORT, .remote_port = FRAME_CLIENT_PORT};
	struct bench bench;
	uint8_t one = 1;
	bool good = true;

	(void)unfiltered;
	for (uint16_t i = 0; i < FILTER_PORTS; i++) {
		settings.filter.local_ports[i] =
			(uint16_t)(FRAME_CLIENT_PORT - FILTER_PORTS + 1 + i);
		settings.filter.remote_ports[i] = (uint16_t)(FRAME_SERVER_PORT + i);
	}
	for (uint32_t i = 0; i < FILTER_NETWORKS; i++)
		set_network(&settings, i, &fin, (uint8_t)(128 - i));
	CHECK(good, !bench_open(&bench, &settings));
	if (!good)
		goto out;
	CHECK(good, in(&bench, &fin) == 0);
	CHECK(good, in(&bench, &fin_ack) == 0);
	frame_address(&fin, true, flow.local);
	frame_address(&fin, false, flow.remote);
	CHECK(good, !bpf_map_update_elem(bpf_map__fd(bench.skeleton->maps.wanted_flows), &flow,
					 &one, BPF_ANY));
	CHECK(good, in(&bench, &fin) == 1);
	CHECK(good, in(&bench, &fin_ack) == 1);
	CHECK(good, !bench.broken);
out:
	bench_close(&bench);
	return good;
}

#define FIRST_OURS 100
#define OURS (2 * FIN_WAYS + 1)
#define STRANGER 200
#define FORGED 1000

static struct sockaddr_in address_of(uint8_t host, bool server)
{
	const struct frame_plan plan = {.host = host};
	struct sockaddr_in address = {.sin_family = AF_INET};
	uint8_t mapped[16];

	frame_address(&plan, server, mapped);
	memcpy(&address.sin_addr, mapped + 12, sizeof(address.sin_addr));
	address.sin_port = htons(server ? FRAME_SERVER_PORT : FRAME_CLIENT_PORT);
	return address;
}

/* The connections of these frames are there, in a namespace of their own. Open until the end. */
static bool make_sockets(struct bench *bench)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(FRAME_SERVER_PORT)};
	struct stat own;
	int listener;

	if (unshare(CLONE_NEWNET) || stat("/proc/self/ns/net", &own) ||
	    system("ip link set lo up && ip address add 10.0.0.0/16 dev lo"))
		return false;
	bench->netns = (uint32_t)own.st_ino;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, OURS))
		return false;
	for (uint8_t host = FIRST_OURS; host < FIRST_OURS + OURS; host++) {
		struct sockaddr_in here = address_of(host, false), there = address_of(host, true);
		int client = socket(AF_INET, SOCK_STREAM, 0);

		if (bind(client, (struct sockaddr *)&here, sizeof(here)) ||
		    connect(client, (struct sockaddr *)&there, sizeof(there)))
			return false;
	}
	return true;
}

static unsigned int feed_host(struct bench *bench, struct frame_plan plan, uint8_t host)
{
	plan.host = host;
	return in(bench, &plan);
}

/* Those of no socket never cost a socket's acknowledgement. */
static bool strangers_make_room(struct bench *bench)
{
	uint64_t forgotten = counted(bench, PACKET_FIN_FORGOTTEN);
	uint64_t passed_over = counted(bench, PACKET_PASSED_OVER);
	unsigned int acknowledged = 0;
	uint8_t ours = FIRST_OURS;
	bool good = true;

	bench_reset(bench);
	for (uint8_t host = 0; host < FIN_WAYS; host++)
		CHECK(good, feed_host(bench, fin, STRANGER + host) == 1);
	for (; ours < FIRST_OURS + FIN_WAYS - 1; ours++)
		CHECK(good, feed_host(bench, fin, ours) == 1);
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == forgotten);
	CHECK(good, counted(bench, PACKET_PASSED_OVER) == passed_over + FIN_WAYS - 1);
	/* All four wait, the stranger whom nobody asked for, too: the next ones go across, where in
	 * the end two make room for others. */
	for (; ours < FIRST_OURS + OURS; ours++)
		CHECK(good, feed_host(bench, fin, ours) == 1);
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == forgotten + 2);
	CHECK(good, feed_host(bench, fin, STRANGER + FIN_WAYS) == 1);
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == forgotten + 2);
	CHECK(good, counted(bench, PACKET_PASSED_OVER) == passed_over + FIN_WAYS);
	CHECK(good, feed_host(bench, fin_ack, STRANGER + FIN_WAYS) == 0);
	for (ours = FIRST_OURS; ours < FIRST_OURS + OURS; ours++)
		acknowledged += feed_host(bench, fin_ack, ours);
	CHECK(good, acknowledged == OURS - 2);
	return good;
}

/* By somebody who knows its ports: FINs all over the sequence space, then its own. */
static bool forged_of_one(struct bench *bench)
{
	uint64_t forgotten = counted(bench, PACKET_FIN_FORGOTTEN);
	struct frame_plan forged = fin;
	bool good = true;

	bench_reset(bench);
	for (uint32_t i = 1; i < FORGED; i++) {
		forged.seq = fin.seq + i * (UINT32_MAX / FORGED);
		CHECK(good, feed_host(bench, forged, FIRST_OURS) == 1);
	}
	CHECK(good, feed_host(bench, fin, FIRST_OURS) == 1);
	CHECK(good, feed_host(bench, fin_ack, FIRST_OURS) == 1);
	CHECK(good, counted(bench, PACKET_FIN_FORGOTTEN) == forgotten);
	return good;
}

/* Where in the table the FIN stands that this number acknowledges, -1: it does not. */
static int place_of_fin(struct bench *bench, uint32_t end)
{
	for (int i = 0; i < FIN_BUCKETS * FIN_WAYS; i++) {
		const struct fin_bucket *bucket = &bench->skeleton->bss->fin_acks[i / FIN_WAYS];

		if (bucket->ends[i % FIN_WAYS] == htonl(end) && bucket->signatures[i % FIN_WAYS])
			return i;
	}
	return -1;
}

/* Two CPUs that look for room at the same moment find the same: neither FIN may stand where the
 * other goes, whatever stood there before. */
static bool both_ends_at_once(struct bench *bench)
{
	static struct fin_bucket before[FIN_BUCKETS];
	struct frame_plan server_fin = {
		.flags = FIN | ACK, .from_server = true, .seq = 2000, .ack = 1000};
	struct frame_plan acked;
	bool good = true;
	int one, other;

	bench_reset(bench);
	for (uint8_t host = 0; host < 8; host++) {
		memcpy(before, bench->skeleton->bss->fin_acks, sizeof(before));
		CHECK(good, in(bench, &fin) == 1);
		one = place_of_fin(bench, 1001);
		memcpy(bench->skeleton->bss->fin_acks, before, sizeof(before));
		CHECK(good, in(bench, &server_fin) == 1);
		other = place_of_fin(bench, 2001);
		memcpy(bench->skeleton->bss->fin_acks, before, sizeof(before));
		CHECK(good, one >= 0 && other >= 0 && one != other);
		/* And that of a connection before it, of either end in turn. */
		acked = host % 2 ? server_fin : fin;
		acked.host = host + 1;
		acked.seq = 5000;
		CHECK(good, in(bench, &acked) == 1);
		acked.flags = ACK;
		acked.from_server = !acked.from_server;
		acked.ack = 5001;
		CHECK(good, in(bench, &acked) == 1);
	}
	return good;
}

static void run_often(const struct bpf_program *program, struct frame_plan plan, uint8_t host,
		      uint32_t count)
{
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes, .repeat = (int)count);

	plan.host = host;
	frame = frame_make(&plan);
	options.data_size_in = frame.length;
	bpf_prog_test_run_opts(bpf_program__fd(program), &options);
}

static void count_ours(void *context, const struct record *record, size_t length)
{
	unsigned int *counts = context;

	(void)length;
	counts[record->flow.local[14] >= FIRST_OURS && record->flow.local[14] < STRANGER]++;
}

static bool strangers_leave_room(struct bench *bench)
{
	const struct bpf_program *hooks[] = {bench->skeleton->progs.tcpclose_in,
					     bench->skeleton->progs.tcpclose_out,
					     bench->skeleton->progs.tcpclose_xdp};
	int map = bpf_map__fd(bench->skeleton->maps.ring);
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info), room;
	struct frame_plan reset = {.flags = RST, .from_server = true, .seq = 9};
	bool good = true;

	CHECK(good, !bpf_obj_get_info_by_fd(map, &info, &length));
	room = info.max_entries / (sizeof(struct segment_record) + 8);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		uint64_t passed_over = counted(bench, PACKET_PASSED_OVER);
		unsigned int counts[2] = {0, 0};
		struct ring *ring = NULL;

		CHECK(good, !bench_listen(bench, &ring, count_ours, counts));
		if (!good)
			break;
		bench_reset(bench);
		run_often(hooks[i], fin, STRANGER, room);
		run_often(hooks[i], fin, FIRST_OURS, 100);
		run_often(hooks[i], reset, FIRST_OURS + 1, 100);
		ring_drain_all(ring);
		ring_close(ring);
		CHECK(good, counts[0] > room / 3 && counts[0] < room * 2 / 3);
		CHECK(good, counts[1] == 200);
		CHECK(good, counted(bench, PACKET_PASSED_OVER) == passed_over + room - counts[0]);
	}
	return good;
}

/* The last one: it moves to another namespace. */
static bool strangers(struct bench *bench)
{
	bool good = true;

	CHECK(good, make_sockets(bench));
	return good && forged_of_one(bench) && strangers_make_room(bench) &&
	       strangers_leave_room(bench);
}

static const struct bench_test tests[] = {
	{"the first acknowledgement of a FIN, and no other", first_ack_only},
	{"an acknowledgement on data, on a FIN, on a RST", ack_rides},
	{"sequence numbers that wrap", numbers_wrap},
	{"the acknowledgement of each FIN sent again", retransmitted},
	{"a segment that crosses several hooks", several_hooks},
	{"more FINs than a bucket holds", full_bucket},
	{"both ends close at the same moment", both_ends_at_once},
	{"filters by ports, family and networks", filters},
	{"filter by owner, with all others", filter_by_flow},
	{"segments of no socket, where room is short", strangers},
};

int main(void)
{
	return bench_main(tests, sizeof(tests) / sizeof(tests[0]));
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "witness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "filter.h"
#include "host/alongside.h"
#include "host/clock.h"
#include "host/log.h"
#include "kernel/interfaces.h"
#include "kernel/kernel_names.h"
#include "kernel/packet_probe.h"
#include "kernel/plan.h"
#include "kernel/snapshot.h"
#include "kernel/socket_probe.h"
#include "owner/cgroups.h"
#include "owner/holders.h"
#include "refusal.h"
#include "request.h"

#define HOLDERS_KEPT (1 << 20)

/* Of one batch; the next socket in a further one tells of it again. */
#define NEW_NAMESPACES 32

struct new_namespace {
	uint32_t pid;
	uint32_t netns;
};

struct witness {
	const struct options *options;
	const struct features *features;
	struct plan plan;
	struct settings settings;
	struct socket_probe *sockets;
	struct packet_probe *packets;
	struct {
		struct alongside work;
		bool begun;
		struct shared_maps maps;
		int error;
		struct buffer why;
	} packets_load;
	struct interfaces *interfaces;
	struct ring *ring;
	ring_take take;
	void *context; /* of take() */
	struct holders *holders;
	struct cgroups *cgroups;
	struct kernel_names *names;
	struct log_once follow_warning;
	bool scanned; /* /proc, in this batch */
	/* Told by records, to be followed once the ring is drained. */
	struct new_namespace namespaces[NEW_NAMESPACES];
	unsigned int namespace_count;
};

static int list_descriptors(void *context)
{
	const struct witness *witness = context;

	return socket_probe_list(witness->sockets);
}

/* Before anything is attached: a scan of /proc may take a second. */
static void find_holders(struct witness *witness)
{
	const struct descriptors_list list = {list_descriptors, witness};

	if (witness->plan.task_files)
		holders_set_list(witness->holders, &list);
	while (holders_refresh(witness->holders, clock_boot(), UINT64_MAX) == 0)
		;
}

static void *load_packets(void *context)
{
	struct witness *witness = context;

	log_libbpf_forget();
	witness->packets_load.error =
		packet_probe_open(&witness->packets, &witness->plan, &witness->settings,
				  witness->packets_load.maps, &witness->packets_load.why);
	return NULL;
}

/* Verifying takes the kernel as long for either object, so the second is loaded beside the first:
 * most machines have two processors. */
static void begin_loading_packets(struct witness *witness)
{
	if (!witness->plan.packets)
		return;
	buffer_init(&witness->packets_load.why);
	witness->packets_load.maps = socket_probe_maps(witness->sockets);
	witness->packets_load.begun = true;
	alongside_begin(&witness->packets_load.work, load_packets, witness);
}

static enum exit_status open_sockets(struct witness *witness)
{
	struct buffer why;
	int error;

	buffer_init(&why);
	log_libbpf_forget();
	error = socket_probe_open(&witness->sockets, &witness->plan, &witness->settings,
				  witness->options->ring_size, &why);
	if (!error) {
		begin_loading_packets(witness);
		error = socket_probe_load(witness->sockets, &why);
	}
	if (!error)
		find_holders(witness);
	if (!error)
		error = socket_probe_attach(witness->sockets, &witness->plan, &why);
	refusal_tell(witness->features, error, "trace sockets", "tracing", &why);
	return error ? EXIT_NOT_ATTACHED : EXIT_DONE;
}

static void note(void *context, enum interface_note_level level, const char *text)
{
	(void)context;
	if (level == INTERFACE_WARNING)
		log_warning("%s", text);
	else
		log_debug("%s", text);
}

static void namespace_gone(void *context, uint32_t netns)
{
	const struct witness *witness = context;
	struct time_wait_record empty = {
		.header = {.length = sizeof(empty), .kind = RECORD_TIME_WAIT, .netns = netns},
		.event = TIME_WAIT_EMPTY,
	};

	socket_probe_forget_namespace(witness->sockets, netns);
	ring_drain_all(witness->ring);
	empty.header.time = ring_taken_until(witness->ring);
	witness->take(witness->context, &empty.header, sizeof(empty));
}

/* Attaching goes on for long where interfaces are many: the ring must not fill up meanwhile. */
static void drain_meanwhile(void *context)
{
	const struct witness *witness = context;

	ring_drain_all(witness->ring);
}

static int follow_interfaces(struct witness *witness)
{
	const struct settings *settings = &witness->settings;
	const struct interfaces_request request = {
		.probe = witness->packets,
		.names = witness->options->interfaces,
		.name_count = witness->options->interface_count,
		.netns = witness->plan.namespaces || settings->filter.netns ? settings->filter.netns
									    : settings->home_netns,
		.note = note,
		.progress = drain_meanwhile,
		.namespace_gone = namespace_gone,
		.context = witness,
	};

	return interfaces_open(&witness->interfaces, &request);
}

/* One that is down waits until it comes up. */
static bool any_interface(const struct witness *witness)
{
	struct interfaces_counts counts = interfaces_counts(witness->interfaces);

	return counts.attached || counts.waiting;
}

/* A part that the user asked for must work; a default part is left out and says so. */
static enum exit_status open_packets(struct witness *witness)
{
	struct buffer *why = &witness->packets_load.why;
	const char *part = "the packet programs do not load";
	int error;

	if (!witness->packets_load.begun)
		return EXIT_DONE;
	alongside_end(&witness->packets_load.work);
	error = witness->packets_load.error;
	if (!error) {
		part = "interfaces cannot be followed";
		error = follow_interfaces(witness);
	}
	if (!error && witness->options->packets_asked && !any_interface(witness)) {
		part = "no interface could be attached";
		error = -ENODEV;
	}
	if (!why->length)
		buffer_add_string(why, strerror(-error));
	if (error && witness->options->packets_asked)
		log_error("cannot read segments: %s (%.*s); try -v for the reasons", part,
			  (int)why->length, why->data);
	else if (error)
		log_warning("tracing states only, without segments: %s (%.*s)", part,
			    (int)why->length, why->data);
	return error && witness->options->packets_asked ? EXIT_NOT_ATTACHED : EXIT_DONE;
}

static enum exit_status open_ring(struct witness *witness, ring_take take, void *context)
{
	const struct ring_source source = socket_probe_ring(witness->sockets);
	int error = ring_open(&witness->ring, &source, take, context);

	if (!error)
		return EXIT_DONE;
	log_error("cannot read the ring buffer: %s", strerror(-error));
	return EXIT_FAILED;
}

enum exit_status witness_attach(struct witness *witness, ring_take take, void *context)
{
	enum exit_status status = open_sockets(witness);

	witness->take = take;
	witness->context = context;
	if (status == EXIT_DONE)
		status = open_ring(witness, take, context);
	if (status == EXIT_DONE)
		status = open_packets(witness);
	return status;
}

enum exit_status witness_open(struct witness **result, const struct options *options,
			      const struct features *features)
{
	struct plan_request request = request_plan(options);
	struct witness *witness = calloc(1, sizeof(*witness));
	enum exit_status status = EXIT_FAILED;

	if (!witness)
		goto out;
	witness->options = options;
	witness->features = features;
	request.origins = false; /* a leak_watch has them */
	witness->plan = plan_make(features, &request);
	witness->cgroups = cgroups_new();
	witness->holders = holders_new(HOLDERS_KEPT);
	witness->names = kernel_names_new();
	if (!witness->cgroups || !witness->holders || !witness->names)
		goto out;
	status = EXIT_NOT_ATTACHED;
	if (witness->plan.refusal[0]) {
		log_error("%s", witness->plan.refusal);
		goto out;
	}
	if (witness->plan.notice[0])
		log_warning("%s", witness->plan.notice);
	status = EXIT_USAGE;
	if (request_settings(options, features, &witness->plan, witness->cgroups,
			     &witness->settings))
		goto out;
	witness->settings.capture_bytes = options->write != NULL;
	status = EXIT_DONE;
out:
	if (status != EXIT_DONE) {
		witness_close(witness);
		witness = NULL;
	}
	*result = witness;
	return status;
}

void witness_detach(struct witness *witness)
{
	socket_probe_detach(witness->sockets);
}

void witness_close(struct witness *witness)
{
	if (!witness)
		return;
	alongside_end(&witness->packets_load.work);
	buffer_done(&witness->packets_load.why);
	ring_close(witness->ring);
	interfaces_close(witness->interfaces);
	packet_probe_close(witness->packets);
	socket_probe_close(witness->sockets);
	holders_free(witness->holders);
	cgroups_free(witness->cgroups);
	kernel_names_free(witness->names);
	free(witness);
}

/* The filter's conditions that the kernel checks for live records, for one of the snapshot. */
static bool snapshot_passes(const struct witness *witness, const struct record *header,
			    uint64_t cgroup, const struct holder *holder)
{
	const struct filter *filter = &witness->settings.filter;

	if (!filter_socket_flow(filter, &header->flow))
		return false;
	if (filter->netns && filter->netns != header->netns)
		return false;
	if (filter->cgroup && !cgroups_within(witness->cgroups, cgroup, filter->cgroup))
		return false;
	if (filter->pid && (!holder || holder->pid != filter->pid))
		return false;
	return !filter->comm[0] ||
	       (holder && strncmp(holder->comm, filter->comm, sizeof(filter->comm)) == 0);
}

static void want(const struct witness *witness, const struct record *header)
{
	uint8_t wanted = 1;

	if (witness->settings.follow_flows)
		bpf_map_update_elem(socket_probe_maps(witness->sockets).wanted_flows, &header->flow,
				    &wanted, BPF_ANY);
}

/* Sockets found closing, until the ring was drained. */
struct closing {
	struct witness *witness;
	struct state_record *records;
	size_t count;
	size_t capacity;
};

static int keep_closing(struct closing *closing, const struct state_record *record)
{
	if (closing->count == closing->capacity) {
		size_t capacity = closing->capacity ? closing->capacity * 2 : 64;
		struct state_record *records =
			realloc(closing->records, capacity * sizeof(*records));

		if (!records)
			return -ENOMEM;
		closing->records = records;
		closing->capacity = capacity;
	}
	closing->records[closing->count++] = *record;
	return 0;
}

/* It has no owner and no cgroup any more. That its begin may still be in the ring does no harm. */
static int take_mini_socket(const struct witness *witness, const struct record *header)
{
	if (!snapshot_passes(witness, header, 0, NULL))
		return 0;
	want(witness, header);
	socket_probe_expect_taking(witness->sockets, &header->flow, header->netns);
	witness->take(witness->context, header, header->length);
	return 0;
}

/* Every socket's holder is kept for the day it closes; one that is closing already is a record. */
static int take_snapshot(void *context, const struct record *header)
{
	const struct state_record *record = (const struct state_record *)header;
	struct closing *closing = context;
	struct witness *witness = closing->witness;
	struct holder holder;
	bool held;

	if (header->kind == RECORD_TIME_WAIT)
		return take_mini_socket(witness, header);
	held = holders_find(witness->holders, record->inode, &holder);
	if (record->socket && held)
		holders_keep(witness->holders, record->socket, record->inode);
	if (!snapshot_passes(witness, header, record->cgroup, held ? &holder : NULL))
		return 0;
	want(witness, header);
	if (!tcp_state_is_closing(record->to) || !record->socket)
		return 0;
	return keep_closing(closing, record);
}

/* What changed while the list was taken is in the ring and is told first: the core then knows the
 * socket and the list's older word is not heard. */
int witness_snapshot(struct witness *witness, ring_take take, void *context)
{
	const struct snapshot_request request = {
		.time = clock_boot(),
		.contents = SNAPSHOT_SOCKETS | SNAPSHOT_MINI_SOCKETS,
		.sock_diag = witness->plan.snapshot,
	};
	struct closing closing = {.witness = witness};
	struct snapshot_result result;
	int error = snapshot_take(&request, take_snapshot, &closing, &result);

	socket_probe_expected_all(witness->sockets);
	witness_drain_all(witness);
	for (size_t i = 0; i < closing.count; i++) {
		struct state_record *record = &closing.records[i];

		record->header.time = witness_taken_until(witness);
		take(context, &record->header, sizeof(*record));
	}
	free(closing.records);
	return error;
}

int witness_ring(const struct witness *witness)
{
	return ring_descriptor(witness->ring);
}

enum ring_rest witness_drain(struct witness *witness, uint64_t now)
{
	witness->scanned = false;
	return ring_drain(witness->ring, now);
}

void witness_drain_all(struct witness *witness)
{
	witness->scanned = false;
	ring_drain_all(witness->ring);
}

uint64_t witness_taken_until(const struct witness *witness)
{
	return ring_taken_until(witness->ring);
}

struct loss witness_lost(const struct witness *witness)
{
	struct loss loss = {0};

	socket_probe_lost(witness->sockets, &loss);
	if (witness->packets)
		packet_probe_lost(witness->packets, &loss);
	return loss;
}

unsigned int witness_descriptors(const struct witness *witness, struct pollfd *descriptors)
{
	if (!witness->interfaces)
		return 0;
	interfaces_descriptors(witness->interfaces, descriptors);
	return INTERFACES_DESCRIPTORS;
}

void witness_dispatch(struct witness *witness, const struct pollfd *descriptors, unsigned int count)
{
	int error;

	if (!count || !witness->interfaces)
		return;
	for (unsigned int i = 0; i < witness->namespace_count; i++)
		interfaces_add_namespace(witness->interfaces, witness->namespaces[i].pid,
					 witness->namespaces[i].netns);
	witness->namespace_count = 0;
	error = interfaces_dispatch(witness->interfaces, descriptors);
	if (error)
		log_warning_once(&witness->follow_warning,
				 "cannot follow interfaces any more: %s; those that appear from "
				 "now on are not read",
				 strerror(-error));
}

/* A scan of /proc may go on for this long in each batch of records. */
#define SCAN_BUDGET 2000000

static bool find_holder(struct witness *witness, const struct state_record *record,
			struct holder *holder)
{
	if (holders_find_cookie(witness->holders, record->socket, holder))
		return true;
	if (!record->inode)
		return false;
	if (holders_find(witness->holders, record->inode, holder))
		return true;
	if (!witness->scanned)
		holders_refresh(witness->holders, record->header.time, SCAN_BUDGET);
	witness->scanned = true;
	return holders_find(witness->holders, record->inode, holder);
}

static void complete_owner(struct witness *witness, const struct state_record *record,
			   ring_take take, void *context)
{
	struct owner_record owner = {
		.header = record->header,
		.socket = record->socket,
		.owner = {.how = OWNER_HOLDER},
	};
	struct holder holder;

	if (record->owner.pid || !record->socket || !find_holder(witness, record, &holder))
		return;
	owner.header.kind = RECORD_OWNER;
	owner.header.length = sizeof(owner);
	owner.owner.pid = holder.pid;
	memcpy(owner.owner.comm, holder.comm, sizeof(owner.owner.comm));
	take(context, &owner.header, sizeof(owner));
}

static void queue_namespace(struct witness *witness, const struct namespace_record *record)
{
	if (witness->namespace_count == NEW_NAMESPACES) {
		socket_probe_forget_namespace(witness->sockets, record->header.netns);
		return;
	}
	witness->namespaces[witness->namespace_count++] =
		(struct new_namespace){record->pid, record->header.netns};
}

void witness_complete(struct witness *witness, const struct record *record, ring_take take,
		      void *context)
{
	if (record->kind == RECORD_STATE)
		complete_owner(witness, (const struct state_record *)record, take, context);
	if (record->kind == RECORD_NAMESPACE)
		queue_namespace(witness, (const struct namespace_record *)record);
}

static const char *cgroup_path(void *context, uint64_t cgroup)
{
	const struct witness *witness = context;

	return cgroups_path(witness->cgroups, cgroup);
}

static const char *reset_reason(void *context, uint32_t reason)
{
	const struct witness *witness = context;

	return kernel_names_reset_reason(witness->names, reason);
}

static const char *name_of_interface(void *context, uint32_t netns, uint32_t interface)
{
	const struct witness *witness = context;

	if (!witness->interfaces)
		return NULL;
	return interface_name(witness->interfaces, netns, interface);
}

bool witness_can_look(const struct witness *witness)
{
	return witness->plan.snapshot;
}

/* With a filter the kernel has more of them in a namespace than the core knows of. */
bool witness_must_look(const struct witness *witness)
{
	static const struct filter none;
	struct filter filter = witness->settings.filter;

	filter.netns = 0;
	return witness_can_look(witness) && !witness->plan.tw_kill &&
	       !memcmp(&filter, &none, sizeof(none));
}

struct cgroups *witness_cgroups(const struct witness *witness)
{
	return witness->cgroups;
}

uint32_t witness_home(const struct witness *witness)
{
	return witness->settings.home_netns;
}

struct output_lookup witness_lookup(struct witness *witness)
{
	return (struct output_lookup){
		.context = witness,
		.interface_name = name_of_interface,
		.cgroup_path = cgroup_path,
		.reset_reason = reset_reason,
	};
}

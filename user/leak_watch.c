// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "leak_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "host/clock.h"
#include "host/log.h"
#include "kernel/close_wait_probe.h"
#include "kernel/listeners.h"
#include "kernel/plan.h"
#include "kernel/snapshot.h"
#include "kernel/task_files_probe.h"
#include "owner/holdings.h"
#include "refusal.h"
#include "request.h"
#include "symbols/symbolizer.h"

#define MS 1000000ull
#define S (1000 * MS)
#define THRESHOLD (30 * S)
#define SOCKETS_KEPT (1 << 18)
#define STACKS_KEPT 8192
/* Looks and scans of /proc take no more than a twentieth of the time. */
#define REST 20
/* While there are no suspects: so often, and never more than a 500th of the time. */
#define CALM_PAUSE (5 * S)
#define CALM_REST 500
#define LOOK_PAUSE (100 * MS)
/* What the symbolizer is given before the last view. */
#define SYMBOLS_PATIENCE (10 * S)

struct leak_watch {
	const struct options *options;
	const struct features *features;
	struct plan plan;
	struct settings settings;
	uint64_t threshold;
	struct cgroups *cgroups;
	struct close_wait_probe *probe; /* NULL: nothing is attached */
	struct task_files_probe *files; /* what lists descriptors, where nothing else is loaded */
	struct close_wait *close_wait;
	struct close_wait_lookup lookup;
	struct holdings *holdings;
	struct symbolizer *symbolizer;
	struct listeners *listeners;
	uint64_t *scanned; /* inodes that the last scan of /proc was for, sorted */
	size_t scanned_count;
	uint64_t next_scan;
	struct close_wait_holder *holders; /* of the view */
	size_t holder_count;
	size_t holder_capacity;
	uint64_t looked;    /* when */
	uint64_t look_cost; /* ns */
	bool waiting;       /* something is not shown yet: for the next scan */
	bool changed;       /* the symbolizer has answered since the last view */
	struct log_once unread_warning;
	uint64_t lost;
};

static bool find_origin(void *context, const struct close_wait_found *found,
			struct close_wait_origin *origin)
{
	const struct leak_watch *watch = context;

	return watch->probe && close_wait_probe_origin(watch->probe, found, origin);
}

static bool is_alive(uint32_t pid)
{
	return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* Asks for the names in a stack. A process that ended may have been one of several with the same
 * code in the same place: forked workers. */
static const struct stack *ask(struct leak_watch *watch, uint32_t pid, uint64_t key)
{
	uint64_t chain[CLOSE_WAIT_FRAMES];
	struct close_wait_stack found;
	struct raw_stack raw;

	if (!watch->probe || !close_wait_probe_stack(watch->probe, key, &found))
		return NULL;
	memcpy(chain, found.chain, sizeof(chain));
	raw = (struct raw_stack){
		.key = key,
		.pid = pid,
		.ip = found.ip,
		.sp = found.sp,
		.fp = found.fp,
		.lr = found.lr,
		.chain = chain,
		.chain_count = found.frames,
		.chain_limit = CLOSE_WAIT_FRAMES,
		.copy = found.copy,
		.copied = found.copied,
	};
	if (!is_alive(pid) && is_alive(found.pid))
		raw.pid = found.pid;
	return symbolizer_ask(watch->symbolizer, &raw);
}

static const struct stack *find_stack(void *context, uint32_t pid, uint64_t key)
{
	struct leak_watch *watch = context;
	const struct stack *stack = symbolizer_find(watch->symbolizer, pid, key);

	return stack ? stack : ask(watch, pid, key);
}

/* Before accept() it has no file: its listener's is the one to look for. 0: none is known. */
static uint64_t inode_of(const struct leak_watch *watch, const struct close_wait_found *found)
{
	return found->inode ? found->inode
			    : listeners_find(watch->listeners, found->netns, &found->flow);
}

static int compare_inodes(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static bool was_scanned(const struct leak_watch *watch, uint64_t inode)
{
	return !inode ||
	       (watch->scanned_count && bsearch(&inode, watch->scanned, watch->scanned_count,
						sizeof(*watch->scanned), compare_inodes));
}

static struct close_wait_holder holder_of(const struct holding *holding)
{
	const struct holding_process *process = holding->process;
	struct close_wait_holder holder = {
		.pid = process->pid,
		.fd = holding->descriptor,
		.cgroup = process->cgroup,
		.container = process->container,
		.engine = process->engine,
		.unit = process->unit,
		.pod = process->pod,
		.foreign = process->foreign,
		.stopped = process->stopped,
	};

	memcpy(holder.comm, process->comm, sizeof(holder.comm));
	return holder;
}

static bool process_passes(const struct filter *filter, const struct close_wait_facts *facts)
{
	if (!filter->pid && !filter->comm[0])
		return true;
	for (uint32_t i = 0; i < facts->holder_count; i++) {
		const struct close_wait_holder *holder = &facts->holders[i];

		if ((!filter->pid || holder->pid == filter->pid) &&
		    (!filter->comm[0] ||
		     !strncmp(holder->comm, filter->comm, sizeof(filter->comm))))
			return true;
	}
	return false;
}

static void find_facts(void *context, const struct close_wait_found *found,
		       struct close_wait_facts *facts)
{
	struct leak_watch *watch = context;
	uint64_t inode = inode_of(watch, found);
	const struct holding *holdings;
	size_t count;

	facts->listened = listeners_find(watch->listeners, found->netns, &found->flow);
	if (!was_scanned(watch, inode)) {
		watch->waiting = true;
		facts->unwanted = true;
		return;
	}
	holdings = holdings_of(watch->holdings, inode, &count);
	/* Nobody is only nobody if all could be looked into. */
	facts->holders_known = inode && (count || watch->plan.all_processes);
	facts->holders = watch->holders + watch->holder_count;
	for (size_t i = 0; i < count && watch->holder_count < watch->holder_capacity; i++) {
		watch->holders[watch->holder_count++] = holder_of(&holdings[i]);
		facts->holder_count++;
	}
	facts->unwanted = !process_passes(&watch->settings.filter, facts);
}

/* Plans for what a look needs; live timelines have a plan of their own for the rest. */
static enum exit_status prepare(struct leak_watch *watch, const struct features *features)
{
	struct plan_request request = request_plan(watch->options);

	watch->features = features;
	request.packets = PACKETS_NONE;
	request.only_origins = true;
	watch->plan = plan_make(features, &request);
	if (request_settings(watch->options, features, &watch->plan, watch->cgroups,
			     &watch->settings))
		return EXIT_USAGE;
	watch->threshold = watch->options->threshold ? watch->options->threshold : THRESHOLD;
	watch->lookup = (struct close_wait_lookup){
		.context = watch,
		.origin = find_origin,
		.stack = find_stack,
		.facts = find_facts,
	};
	watch->close_wait = close_wait_new(watch->threshold, SOCKETS_KEPT,
					   watch->settings.home_netns, &watch->lookup);
	watch->listeners = listeners_new(watch->plan.snapshot);
	watch->holdings = holdings_new();
	watch->symbolizer = symbolizer_new();
	/* Else it is in the live view's notice, too. */
	if (watch->options->command == COMMAND_LEAKS && watch->plan.notice[0])
		log_warning("%s", watch->plan.notice);
	if (watch->close_wait && watch->listeners && watch->holdings && watch->symbolizer)
		return EXIT_DONE;
	log_error("cannot start: %s", strerror(ENOMEM));
	return EXIT_FAILED;
}

enum exit_status leak_watch_open(struct leak_watch **result, const struct options *options,
				 const struct features *features, struct cgroups *cgroups)
{
	struct leak_watch *watch = calloc(1, sizeof(*watch));
	enum exit_status status;

	if (!watch) {
		log_error("cannot start: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	watch->options = options;
	watch->cgroups = cgroups;
	status = prepare(watch, features);
	if (status != EXIT_DONE) {
		leak_watch_close(watch);
		watch = NULL;
	}
	*result = watch;
	return status;
}

void leak_watch_close(struct leak_watch *watch)
{
	if (!watch)
		return;
	close_wait_free(watch->close_wait);
	close_wait_probe_close(watch->probe);
	task_files_probe_close(watch->files);
	symbolizer_free(watch->symbolizer);
	holdings_free(watch->holdings);
	listeners_free(watch->listeners);
	free(watch->scanned);
	free(watch->holders);
	free(watch);
}

void leak_watch_set_progress(struct leak_watch *watch, void (*progress)(void *context),
			     void *context)
{
	holdings_set_progress(watch->holdings, progress, context);
}

static int list_of_probe(void *context)
{
	return close_wait_probe_list(context);
}

static int list_alone(void *context)
{
	return task_files_probe_list(context);
}

static int attach_all(struct leak_watch *watch, struct buffer *why)
{
	int error = close_wait_probe_open(&watch->probe, &watch->plan, &watch->settings, why);

	if (!error)
		error = close_wait_probe_attach(watch->probe, why);
	if (!error && watch->plan.task_files)
		holdings_set_list(watch->holdings,
				  &(struct descriptors_list){list_of_probe, watch->probe});
	return error;
}

static int attach_list(struct leak_watch *watch, struct buffer *why)
{
	int error = watch->plan.task_files ? task_files_probe_open(&watch->files, why) : 0;

	if (watch->files)
		holdings_set_list(watch->holdings,
				  &(struct descriptors_list){list_alone, watch->files});
	return error;
}

enum exit_status leak_watch_attach(struct leak_watch *watch)
{
	bool once = request_looks_once(watch->options);
	struct buffer why;
	int error;

	if (!once && watch->plan.refusal[0]) {
		log_error("%s", watch->plan.refusal);
		return EXIT_NOT_ATTACHED;
	}
	buffer_init(&why);
	log_libbpf_forget();
	error = once ? attach_list(watch, &why) : attach_all(watch, &why);
	refusal_tell(watch->features, error, "watch CLOSE_WAIT", "watching CLOSE_WAIT", &why);
	return error ? EXIT_NOT_ATTACHED : EXIT_DONE;
}

/* What does not need to know its holders. */
static bool socket_passes(const struct leak_watch *watch, const struct close_wait_found *found)
{
	const struct filter *filter = &watch->settings.filter;

	return filter_socket_flow(filter, &found->flow) &&
	       (!filter->cgroup || cgroups_within(watch->cgroups, found->cgroup, filter->cgroup));
}

static int take_found(void *context, const struct close_wait_found *found)
{
	const struct leak_watch *watch = context;

	if (socket_passes(watch, found))
		close_wait_add(watch->close_wait, found);
	return 0;
}

/* Who holds the suspects. */
static int scan(struct leak_watch *watch)
{
	size_t count = close_wait_suspects(watch->close_wait);
	uint64_t *inodes = realloc(watch->scanned, (count + 1) * sizeof(*inodes));
	int error;

	if (!inodes)
		return -ENOMEM;
	watch->scanned = inodes;
	watch->scanned_count = count;
	for (size_t i = 0; i < count; i++)
		inodes[i] = inode_of(watch, close_wait_suspect(watch->close_wait, i));
	qsort(inodes, count, sizeof(*inodes), compare_inodes);
	error = holdings_scan(watch->holdings, inodes, count);
	watch->next_scan = clock_boot() + holdings_cost(watch->holdings) * REST;
	return error;
}

static int find_holders(struct leak_watch *watch, bool final)
{
	int error;

	if (!close_wait_suspects(watch->close_wait) || (clock_boot() < watch->next_scan && !final))
		return 0;
	error = listeners_read(watch->listeners, watch->settings.filter.netns);
	return error ? error : scan(watch);
}

static void note_losses(struct leak_watch *watch)
{
	struct close_wait_losses losses;

	watch->lost = holdings_dropped(watch->holdings);
	if (!watch->probe)
		return;
	losses = close_wait_probe_losses(watch->probe);
	close_wait_note_losses(watch->close_wait, losses.origins, losses.stacks);
	watch->lost += losses.origins + losses.stacks;
}

int leak_watch_look(struct leak_watch *watch, bool final)
{
	const struct snapshot_request request = {
		.time = clock_boot(),
		.netns = watch->settings.filter.netns,
		.sock_diag = watch->plan.snapshot,
	};
	uint64_t spent = clock_thread();
	struct snapshot_result result;
	int error;

	close_wait_begin(watch->close_wait, request.time);
	error = snapshot_close_wait(&request, take_found, watch, &result);
	if (error)
		return error;
	if (result.unread)
		log_warning_once(&watch->unread_warning,
				 "cannot list the sockets of %u network namespaces: %s; those are "
				 "missing",
				 result.unread, strerror(-result.error));
	close_wait_end(watch->close_wait);
	error = find_holders(watch, final);
	note_losses(watch);
	if (!error && watch->probe)
		error = close_wait_probe_sweep(watch->probe);
	symbolizer_sweep(watch->symbolizer, STACKS_KEPT);
	watch->looked = request.time;
	watch->look_cost = clock_thread() - spent;
	return error;
}

static bool make_room_for_holders(struct leak_watch *watch)
{
	size_t suspects = close_wait_suspects(watch->close_wait), total = 0;
	struct close_wait_holder *holders;

	for (size_t i = 0; i < suspects; i++) {
		size_t count;

		holdings_of(watch->holdings,
			    inode_of(watch, close_wait_suspect(watch->close_wait, i)), &count);
		total += count;
	}
	watch->holder_count = 0;
	if (total <= watch->holder_capacity)
		return true;
	holders = realloc(watch->holders, total * sizeof(*holders));
	if (!holders)
		return false;
	watch->holders = holders;
	watch->holder_capacity = total;
	return true;
}

const struct close_wait_view *leak_watch_view(struct leak_watch *watch, bool final)
{
	if (final)
		symbolizer_wait(watch->symbolizer, clock_boot() + SYMBOLS_PATIENCE);
	else
		symbolizer_take(watch->symbolizer);
	watch->changed = false;
	watch->waiting = false;
	if (!make_room_for_holders(watch))
		return NULL;
	return close_wait_view(watch->close_wait, final);
}

void leak_watch_told(struct leak_watch *watch)
{
	close_wait_told(watch->close_wait);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A socket that comes right after a look becomes a suspect a threshold later. */
uint64_t leak_watch_deadline(const struct leak_watch *watch)
{
	uint64_t pause = watch->look_cost * REST;
	uint64_t soonest = watch->looked + (pause > LOOK_PAUSE ? pause : LOOK_PAUSE);
	uint64_t due =
		earliest(close_wait_deadline(watch->close_wait), watch->looked + watch->threshold);

	if (watch->waiting)
		due = earliest(due, watch->next_scan);
	if (watch->changed)
		due = soonest;
	return due > soonest ? due : soonest;
}

uint64_t leak_watch_rest(const struct leak_watch *watch)
{
	uint64_t calm = earliest(watch->threshold / 3, CALM_PAUSE);
	uint64_t pause = watch->look_cost * CALM_REST;

	if (close_wait_suspects(watch->close_wait) || watch->waiting || watch->changed)
		return watch->looked + watch->look_cost * REST;
	return earliest(leak_watch_deadline(watch), watch->looked + (pause > calm ? pause : calm));
}

int leak_watch_descriptor(const struct leak_watch *watch)
{
	return symbolizer_descriptor(watch->symbolizer);
}

void leak_watch_dispatch(struct leak_watch *watch)
{
	watch->changed |= symbolizer_take(watch->symbolizer);
}

uint64_t leak_watch_lost(const struct leak_watch *watch)
{
	return watch->lost;
}

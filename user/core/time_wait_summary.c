// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/time_wait_summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/destinations.h"

#define MS 1000000ull
/* Groups that readings no longer have are kept up to here, so that their counts stay in place. */
#define GROUPS_KEPT (2 * POPULATION_GROUPS)

struct group {
	struct map_link link; /* by key */
	struct group *next;
	struct population_group_key key;
	struct population_group before; /* counted before its counters began anew */
	struct population_group last;   /* by the last reading that had it */
	uint64_t reading;               /* number of that */
	uint64_t entered_lately;
	uint64_t left_lately;
	struct destination *destination; /* of a client */
};

struct time_wait_summary {
	struct map map;
	struct group *first;
	size_t count;
	uint64_t reading;
	uint64_t viewed; /* time of the last reading that was shown, or of the first one */
	bool shown;      /* the last one was */
	struct destinations destinations;
	struct population_durations durations;
	struct time_wait_view view;
	struct buffer advice[PORT_ROWS + 1]; /* the last one is that of all */
};

uint64_t time_wait_rate(uint64_t count, uint64_t ns)
{
	uint64_t ms = ns / MS;

	return ms ? count * 1000000 / ms : 0;
}

struct time_wait_summary *time_wait_summary_new(void)
{
	struct time_wait_summary *summary = calloc(1, sizeof(*summary));

	if (!summary)
		return NULL;
	for (size_t i = 0; i <= PORT_ROWS; i++)
		buffer_init(&summary->advice[i]);
	if (map_init(&summary->map) || destinations_init(&summary->destinations)) {
		time_wait_summary_free(summary);
		return NULL;
	}
	return summary;
}

void time_wait_summary_free(struct time_wait_summary *summary)
{
	if (!summary)
		return;
	for (struct group *next, *at = summary->first; at; at = next) {
		next = at->next;
		free(at);
	}
	map_done(&summary->map);
	destinations_done(&summary->destinations);
	for (size_t i = 0; i < TIME_WAIT_TABLES; i++)
		tally_table_done(&summary->view.tables[i]);
	for (size_t i = 0; i <= PORT_ROWS; i++)
		buffer_done(&summary->advice[i]);
	free(summary);
}

static uint64_t hash_key(const struct population_group_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = 0;

	_Static_assert(sizeof(words) == sizeof(*key), "all of the key is hashed");
	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = hash_join(hash, words[i]);
	return hash;
}

static struct group *find_group(struct time_wait_summary *summary,
				const struct population_group_key *key)
{
	uint64_t hash = hash_key(key);
	struct group *group;

	for (struct map_link *link = map_first(&summary->map, hash); link; link = map_next(link)) {
		group = container_of(link, struct group, link);
		if (!memcmp(&group->key, key, sizeof(*key)))
			return group;
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = *key;
	if (key->role == ROLE_CLIENT) {
		group->destination = destinations_take(&summary->destinations, key);
		if (!group->destination) {
			free(group);
			return NULL;
		}
	}
	group->next = summary->first;
	summary->first = group;
	summary->count++;
	map_add(&summary->map, &group->link, hash);
	return group;
}

/* Those that never began did not enter either. */
static uint64_t left_of(const struct population_group *counts)
{
	uint64_t left = 0;

	for (unsigned int end = 0; end < TIME_WAIT_ENDS; end++)
		if (end != TIME_WAIT_NEVER)
			left += counts->ended[end];
	return left;
}

static void add_counts(struct population_group *sum, const struct population_group *counts)
{
	sum->entered += counts->entered;
	for (unsigned int end = 0; end < TIME_WAIT_ENDS; end++)
		sum->ended[end] += counts->ended[end];
}

static bool began_anew(const struct population_group *last, const struct population_group *counts)
{
	bool less = counts->entered < last->entered;

	for (unsigned int end = 0; end < TIME_WAIT_ENDS; end++)
		less |= counts->ended[end] < last->ended[end];
	return less;
}

static struct tally tally_of(const struct time_wait_summary *summary, const struct group *group)
{
	struct population_group counts = group->before;
	struct tally tally;

	add_counts(&counts, &group->last);
	tally = (struct tally){.entered = counts.entered, .left = left_of(&counts)};
	memcpy(tally.ended, counts.ended, sizeof(tally.ended));
	if (group->reading != summary->reading)
		return tally;
	/* A counter may be read a moment after the other. */
	tally.now = tally.entered > tally.left ? tally.entered - tally.left : 0;
	tally.entered_lately = group->entered_lately;
	tally.left_lately = group->left_lately;
	return tally;
}

static int take_group(struct time_wait_summary *summary, const struct population_entry *entry)
{
	struct group *group = find_group(summary, &entry->key);
	uint64_t entered, left, by_timer;

	if (!group)
		return -ENOMEM;
	if (began_anew(&group->last, &entry->counts)) {
		add_counts(&group->before, &group->last);
		group->last = (struct population_group){0};
	}
	entered = entry->counts.entered - group->last.entered;
	left = left_of(&entry->counts) - left_of(&group->last);
	by_timer = entry->counts.ended[TIME_WAIT_BY_TIMER] - group->last.ended[TIME_WAIT_BY_TIMER];
	group->last = entry->counts;
	group->reading = summary->reading;
	/* What the first reading has did not enter in an interval. */
	if (summary->reading == 1)
		entered = left = by_timer = 0;
	group->entered_lately += entered;
	group->left_lately += left;
	if (group->destination)
		destinations_add(&summary->destinations, group->destination, group->key.comm,
				 tally_of(summary, group).now, entered, left - by_timer);
	return 0;
}

/* Groups that are gone go into the one of those without a group of their own. */
static int fold_groups(struct time_wait_summary *summary)
{
	static const struct population_group_key rest_key;
	struct group *rest = find_group(summary, &rest_key);
	struct group **at = &summary->first;

	if (!rest)
		return -ENOMEM;
	while (*at) {
		struct group *group = *at;

		if (group == rest || group->reading == summary->reading) {
			at = &group->next;
			continue;
		}
		add_counts(&rest->before, &group->before);
		add_counts(&rest->before, &group->last);
		/* Whoever of them had not ended waits no more, as far as is known. */
		rest->before.ended[TIME_WAIT_ENDED] += group->before.entered + group->last.entered -
						       left_of(&group->before) -
						       left_of(&group->last);
		*at = group->next;
		summary->count--;
		map_remove(&summary->map, &group->link);
		if (group->destination)
			group->destination->users--;
		free(group);
	}
	destinations_sweep(&summary->destinations);
	return 0;
}

/* What enters and leaves from here on is of the next view. */
static void begin_interval(struct time_wait_summary *summary, uint64_t first)
{
	summary->viewed = summary->reading == 1 ? first : summary->view.time;
	summary->shown = false;
	for (struct group *group = summary->first; group; group = group->next)
		group->entered_lately = group->left_lately = 0;
}

int time_wait_summary_feed(struct time_wait_summary *summary,
			   const struct time_wait_reading *reading)
{
	struct time_wait_view *view = &summary->view;
	int error = 0;

	summary->reading++;
	if (summary->shown || summary->reading == 1)
		begin_interval(summary, reading->time);
	destinations_begin(&summary->destinations, reading->time);
	for (size_t i = 0; i < reading->group_count && !error; i++) {
		error = take_group(summary, &reading->groups[i]);
		if (summary->reading == 1)
			view->found += reading->groups[i].counts.entered;
	}
	destinations_end(&summary->destinations);
	if (!error && summary->count > GROUPS_KEPT)
		error = fold_groups(summary);
	if (summary->reading > 1)
		view->running += reading->time - view->time;
	view->time = reading->time;
	view->interval = reading->time - summary->viewed;
	view->crowded_out = reading->crowded_out;
	view->missed = reading->missed;
	view->inferred = reading->inferred;
	summary->durations = *reading->durations;
	return error;
}

bool time_wait_summary_unsure(const struct time_wait_summary *summary)
{
	return destinations_unsure(&summary->destinations);
}

/* Which row of a table a group belongs to. */
static struct tally_key row_key(enum time_wait_table table, const struct population_group_key *key)
{
	struct tally_key row = {0};

	switch (table) {
	case TABLE_LOCAL_PORTS:
		row.netns = key->netns;
		row.role = key->role == ROLE_CLIENT ? ROLE_CLIENT : ROLE_SERVER;
		row.port = key->role == ROLE_CLIENT ? 0 : key->port;
		break;
	case TABLE_REMOTES:
		memcpy(row.address, key->remote, sizeof(row.address));
		row.port = key->role == ROLE_CLIENT ? key->port : 0;
		break;
	default:
		memcpy(row.comm, key->comm, strnlen(key->comm, sizeof(row.comm)));
	}
	return row;
}

static int fill_tables(struct time_wait_summary *summary)
{
	static const struct population_group_key rest_key;
	struct time_wait_view *view = &summary->view;
	struct tally before;

	for (unsigned int i = 0; i < TIME_WAIT_TABLES; i++)
		if (tally_table_begin(&view->tables[i], summary->count))
			return -ENOMEM;
	before = view->total;
	view->total = (struct tally){0};
	memset(view->by_role, 0, sizeof(view->by_role));
	for (const struct group *group = summary->first; group; group = group->next) {
		struct tally tally = tally_of(summary, group);
		bool rest = !memcmp(&group->key, &rest_key, sizeof(rest_key));

		tally_add(&view->total, &tally);
		view->by_role[group->key.role < 3 ? group->key.role : 0] += tally.now;
		for (unsigned int i = 0; i < TIME_WAIT_TABLES; i++) {
			struct tally_key key = row_key((enum time_wait_table)i, &group->key);

			if (rest)
				tally_add(&view->tables[i].others, &tally);
			else
				tally_table_add(&view->tables[i], &key, &tally);
		}
	}
	for (unsigned int i = 0; i < TIME_WAIT_TABLES; i++)
		tally_table_end(&view->tables[i]);
	for (unsigned int end = 0; end < TIME_WAIT_ENDS; end++)
		view->ended_lately[end] = view->total.ended[end] - before.ended[end];
	return 0;
}

/* Known ones before others; then what runs out first; then what is fullest. */
static int compare_ports(const void *left, const void *right)
{
	const struct port_row *a = left, *b = right;
	double full_a, full_b;

	if (a->known != b->known)
		return a->known ? -1 : 1;
	if (a->forecast.exhausts != b->forecast.exhausts)
		return a->forecast.exhausts ? -1 : 1;
	if (a->forecast.exhausted_in != b->forecast.exhausted_in)
		return a->forecast.exhausted_in < b->forecast.exhausted_in ? -1 : 1;
	full_a = (double)a->demand.in_time_wait / (a->limits.usable ? a->limits.usable : 1);
	full_b = (double)b->demand.in_time_wait / (b->limits.usable ? b->limits.usable : 1);
	if (full_a > full_b || full_a < full_b)
		return full_a > full_b ? -1 : 1;
	return memcmp(a->demand.remote, b->demand.remote, sizeof(a->demand.remote));
}

static void fill_port(struct port_row *row, const struct port_lookup *lookup, struct buffer *advice)
{
	struct port_demand *demand = &row->demand;

	row->known = lookup->limits(lookup->context, demand->netns, &row->limits);
	if (lookup->in_use)
		demand->in_use = lookup->in_use(lookup->context, demand);
	if (row->known) {
		row->forecast = port_forecast(&row->limits, demand);
		row->advice_count = port_advice(advice, &row->limits, demand, &row->forecast);
	}
	if (advice->failed)
		row->advice_count = 0;
	row->advice = advice->data;
	demand->leaving = NULL;
	demand->leaving_count = 0;
}

static void fill_ports(struct time_wait_summary *summary, const struct port_lookup *lookup)
{
	struct destination *top[PORT_ROWS];
	struct port_leaving leaving[DESTINATION_LEAVING];
	struct time_wait_view *view = &summary->view;
	uint64_t wait = view->wait ? view->wait : TIME_WAIT_EXPECTED;
	size_t count = destinations_top(&summary->destinations, wait, top, PORT_ROWS);

	view->turning = false;
	for (size_t i = 0; i < count; i++) {
		buffer_clear(&summary->advice[i]);
		view->ports[i] = (struct port_row){
			.demand = destination_demand(&summary->destinations, top[i], wait, leaving),
		};
		fill_port(&view->ports[i], lookup, &summary->advice[i]);
		top[i]->usable = view->ports[i].known ? view->ports[i].limits.usable : 0;
		view->turning |=
			destination_turns(&summary->destinations, top[i], 2 * view->interval);
	}
	qsort(view->ports, count, sizeof(view->ports[0]), compare_ports);
	view->port_count = (unsigned int)count;
	view->destinations = summary->destinations.count;
}

static void add_number(struct buffer *out, const char *before, uint64_t number, const char *after)
{
	buffer_add_string(out, before);
	buffer_add_unsigned(out, number);
	buffer_add_string(out, after);
}

/* The namespace with the most of them, and how many. */
static uint64_t fullest_namespace(struct time_wait_summary *summary, uint32_t *netns)
{
	const struct tally_table *ports = &summary->view.tables[TABLE_LOCAL_PORTS];
	uint64_t now = 0;

	*netns = ports->top_count ? ports->top[0]->key.netns : 0;
	for (const struct group *group = summary->first; group; group = group->next)
		if (group->key.netns == *netns)
			now += tally_of(summary, group).now;
	return now;
}

static void advise(struct time_wait_summary *summary, const struct port_lookup *lookup)
{
	struct buffer *out = &summary->advice[PORT_ROWS];
	struct time_wait_view *view = &summary->view;
	uint64_t servers = view->by_role[ROLE_SERVER], never = view->total.ended[TIME_WAIT_NEVER];
	struct port_limits limits;
	uint32_t netns;
	uint64_t now = fullest_namespace(summary, &netns);

	view->advice_count = 0;
	buffer_clear(out);
	if (!netns || !lookup->limits(lookup->context, netns, &limits))
		return;
	if (never) {
		add_number(out, "", never, " never waited: net.ipv4.tcp_max_tw_buckets is ");
		add_number(out, "", limits.max_tw_count,
			   " and was reached; a late segment of theirs may hit the next connection "
			   "of the same ports");
		buffer_add_char(out, '\0');
		view->advice_count++;
	}
	if (servers && servers * 2 >= view->total.now && limits.max_tw_count) {
		add_number(out, "", servers,
			   " wait at services here, which closed first: no ports run out by these, "
			   "they only take memory; net.ipv4.tcp_max_tw_buckets is ");
		add_number(out, "", limits.max_tw_count, ", of which ");
		add_number(out, "", now * 100 / limits.max_tw_count, " % are taken");
		buffer_add_char(out, '\0');
		view->advice_count++;
	}
	view->advice = out->data;
	if (out->failed)
		view->advice_count = 0;
}

const struct time_wait_view *time_wait_summary_view(struct time_wait_summary *summary,
						    const struct port_lookup *lookup, bool final)
{
	struct time_wait_view *view = &summary->view;

	if (fill_tables(summary))
		return NULL;
	summary->shown = true;
	view->final = final;
	view->entered_rate = time_wait_rate(view->total.entered_lately, view->interval);
	view->left_rate = time_wait_rate(view->total.left_lately, view->interval);
	view->wait = duration_mean_of_longest(&summary->durations,
					      view->total.ended[TIME_WAIT_BY_TIMER]);
	view->linear_count = duration_rows_linear(&summary->durations, view->linear);
	view->log_count = duration_rows_log(&summary->durations, view->log);
	fill_ports(summary, lookup);
	advise(summary, lookup);
	return view;
}

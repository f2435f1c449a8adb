// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/close_wait_groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/map.h"
#include "core/close_wait_advice.h"

/* How a group developed, kept while it has members and for a while after. */
struct history {
	struct map_link link;
	uint64_t key;
	uint64_t last; /* something happened */
	struct trend trend;
};

#define HISTORIES 4096
#define FORGET_AFTER (3600ull * 1000000000)

struct close_wait_groups {
	uint32_t home_netns;
	struct map histories;
	struct close_wait_group *list;
	size_t count;
	size_t capacity;
	struct buffer text; /* advice and commands, as offsets until all is written */
	uint32_t *pids;     /* of one group, while it is made */
	size_t pid_capacity;
	const uint8_t **addresses;
	size_t address_capacity;
};

struct close_wait_groups *close_wait_groups_new(uint32_t home_netns)
{
	struct close_wait_groups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return NULL;
	groups->home_netns = home_netns;
	buffer_init(&groups->text);
	if (map_init(&groups->histories)) {
		free(groups);
		return NULL;
	}
	return groups;
}

static void forget(struct close_wait_groups *groups, struct history *history)
{
	map_remove(&groups->histories, &history->link);
	free(history);
}

/* All that nothing happened in for that long. */
static void forget_idle(struct close_wait_groups *groups, uint64_t now, uint64_t idle)
{
	for (size_t i = 0; groups->histories.buckets && i < map_buckets(&groups->histories); i++) {
		struct map_link *link = groups->histories.buckets[i];

		while (link) {
			struct history *history = container_of(link, struct history, link);

			link = link->next;
			if (now - history->last >= idle)
				forget(groups, history);
		}
	}
}

void close_wait_groups_free(struct close_wait_groups *groups)
{
	if (!groups)
		return;
	forget_idle(groups, UINT64_MAX, 0);
	map_done(&groups->histories);
	buffer_done(&groups->text);
	free(groups->list);
	free(groups->pids);
	free(groups->addresses);
	free(groups);
}

static uint64_t hash_string(uint64_t hash, const char *string, size_t limit)
{
	for (size_t i = 0; i < limit && string[i]; i++)
		hash = hash_join(hash, (unsigned char)string[i]);
	return hash_mix(hash);
}

/* By module and place in it: the same code in another process is elsewhere in memory. */
static uint64_t hash_stack(uint64_t hash, const struct stack *stack)
{
	for (uint32_t i = 0; i < stack->count; i++) {
		const struct stack_frame *frame = &stack->frames[i];

		if (frame->module)
			hash = hash_string(hash_join(hash, frame->offset), frame->module, SIZE_MAX);
		else
			hash = hash_join(hash, frame->address);
	}
	return hash;
}

/* 0: not known. */
static uint16_t service_port(const struct group_member *member)
{
	const struct close_wait_report *report = member->report;
	bool server = report->created.how == OWNER_ACCEPT || !report->accepted ||
		      (!report->created.how && member->listened);

	return server ? report->flow.local_port : report->flow.remote_port;
}

static bool is_held(const struct close_wait_report *report)
{
	return report->holder_count || !report->holders_known;
}

uint64_t close_wait_groups_key(const struct group_member *member)
{
	const struct close_wait_report *report = member->report;
	uint64_t hash = hash_join(report->accepted, report->created.how);

	hash = hash_join(hash, is_held(report));
	if (report->holder_count)
		hash = hash_string(hash, report->holders[0].comm, RECORD_COMM_LENGTH);
	if (report->created.stack)
		hash = hash_stack(hash, report->created.stack);
	else
		hash = hash_join(hash, service_port(member));
	return hash ? hash : 1;
}

static struct history *find_history(const struct close_wait_groups *groups, uint64_t key)
{
	struct map_link *link = map_first(&groups->histories, hash_mix(key));

	while (link && container_of(link, struct history, link)->key != key)
		link = map_next(link);
	return link ? container_of(link, struct history, link) : NULL;
}

static struct history *history_of(struct close_wait_groups *groups, uint64_t key, uint64_t since,
				  uint64_t now)
{
	struct history *history = find_history(groups, key);

	if (history)
		return history;
	if (groups->histories.count >= HISTORIES)
		forget_idle(groups, now, FORGET_AFTER);
	if (groups->histories.count < HISTORIES)
		history = calloc(1, sizeof(*history));
	if (!history)
		return NULL;
	history->key = key;
	trend_init(&history->trend, since);
	map_add(&groups->histories, &history->link, hash_mix(key));
	return history;
}

void close_wait_groups_came(struct close_wait_groups *groups, uint64_t key, uint64_t watched_since,
			    uint64_t now, bool counted)
{
	struct history *history = history_of(groups, key, watched_since, now);

	if (!history)
		return;
	history->last = now;
	trend_add(&history->trend, now, counted, 0);
}

void close_wait_groups_left(struct close_wait_groups *groups, uint64_t key, uint64_t now)
{
	struct history *history = find_history(groups, key);

	if (!history)
		return;
	history->last = now;
	trend_add(&history->trend, now, 0, 1);
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Groups one after the other, in each the oldest first. */
static int compare_members(const void *a, const void *b)
{
	const struct group_member *left = a, *right = b;
	int order = compare(left->key, right->key);

	return order ? order : compare(right->report->age, left->report->age);
}

static int compare_pids(const void *a, const void *b)
{
	return compare(*(const uint32_t *)a, *(const uint32_t *)b);
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, 16);
}

static int compare_groups(const void *a, const void *b)
{
	const struct close_wait_group *left = a, *right = b;
	int order = compare(right->count, left->count);

	return order ? order : compare(right->oldest, left->oldest);
}

/* The processes that hold them, sorted, one for each descriptor or, if `named`, only the one by
 * which a socket's program is named. How many there are, SIZE_MAX without memory. */
static size_t list_processes(struct close_wait_groups *groups, const struct group_member *members,
			     size_t count, bool named)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += members[i].report->holder_count;
	if (total > groups->pid_capacity) {
		uint32_t *pids = realloc(groups->pids, total * sizeof(*pids));

		if (!pids)
			return SIZE_MAX;
		groups->pids = pids;
		groups->pid_capacity = total;
	}
	total = 0;
	for (size_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < members[i].report->holder_count && !(named && j); j++)
			groups->pids[total++] = members[i].report->holders[j].pid;
	if (total)
		qsort(groups->pids, total, sizeof(*groups->pids), compare_pids);
	return total;
}

static bool is_first(const struct close_wait_groups *groups, size_t i)
{
	return !i || groups->pids[i] != groups->pids[i - 1];
}

/* Who holds them, and who of the name that the group has most of them. */
static bool count_processes(struct close_wait_groups *groups, struct close_wait_group *group,
			    const struct group_member *members, size_t count)
{
	size_t total = list_processes(groups, members, count, true), best = 0, run = 0;

	if (total == SIZE_MAX)
		return false;
	for (size_t i = 0; i < total; i++) {
		run = is_first(groups, i) ? 1 : run + 1;
		if (run > best) {
			best = run;
			group->pid = groups->pids[i];
		}
	}
	total = list_processes(groups, members, count, false);
	for (size_t i = 0; i < total; i++)
		group->processes += is_first(groups, i);
	return true;
}

/* Keeps the largest, in order. */
static void add_peer(struct close_wait_group *group, const uint8_t address[16], uint64_t count)
{
	uint32_t at = group->peer_count;

	group->all_peers++;
	while (at && group->peers[at - 1].count < count)
		at--;
	if (at == CLOSE_WAIT_PEERS)
		return;
	if (group->peer_count < CLOSE_WAIT_PEERS)
		group->peer_count++;
	memmove(&group->peers[at + 1], &group->peers[at],
		(group->peer_count - 1 - at) * sizeof(group->peers[0]));
	memcpy(group->peers[at].address, address, 16);
	group->peers[at].count = count;
}

static bool count_peers(struct close_wait_groups *groups, struct close_wait_group *group,
			const struct group_member *members, size_t count)
{
	size_t start = 0;

	if (count > groups->address_capacity) {
		const uint8_t **addresses =
			realloc(groups->addresses, count * sizeof(*groups->addresses));

		if (!addresses)
			return false;
		groups->addresses = addresses;
		groups->address_capacity = count;
	}
	for (size_t i = 0; i < count; i++)
		groups->addresses[i] = members[i].report->flow.remote;
	qsort(groups->addresses, count, sizeof(*groups->addresses), compare_addresses);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && !memcmp(groups->addresses[i], groups->addresses[start], 16))
			continue;
		add_peer(group, groups->addresses[start], i - start);
		start = i;
	}
	return true;
}

static void add_member(struct close_wait_group *group, const struct group_member *member)
{
	const struct close_wait_report *report = member->report;

	group->eof_read += report->eof_read;
	group->unread_bytes += report->unread_bytes;
	if (group->port != service_port(member))
		group->port = 0;
	if (group->netns != report->netns)
		group->netns = 0;
}

static void judge(const struct close_wait_groups *groups, struct close_wait_group *group,
		  uint64_t key, uint64_t now)
{
	const struct history *history = find_history(groups, key);
	struct trend_judgement judgement;

	if (!history)
		return;
	judgement = trend_judge(&history->trend, now);
	group->trend = judgement.direction;
	group->growth_per_min = judgement.per_min;
}

static bool make_group(struct close_wait_groups *groups, struct close_wait_group *group,
		       const struct group_member *members, size_t count, uint64_t now)
{
	const struct close_wait_report *oldest = members[0].report;

	*group = (struct close_wait_group){
		.holders_known = oldest->holders_known,
		.held = is_held(oldest),
		.accepted = oldest->accepted,
		.how = oldest->created.how,
		.stack = oldest->created.stack,
		.count = count,
		.oldest = oldest->age,
		.oldest_at_least = !oldest->since,
		.port = service_port(&members[0]),
		.netns = oldest->netns,
		.example = oldest,
	};
	if (oldest->holder_count)
		memcpy(group->comm, oldest->holders[0].comm, sizeof(group->comm));
	for (size_t i = 0; i < count; i++)
		add_member(group, &members[i]);
	judge(groups, group, members[0].key, now);
	return count_processes(groups, group, members, count) &&
	       count_peers(groups, group, members, count);
}

static struct close_wait_group *next_group(struct close_wait_groups *groups)
{
	if (groups->count == groups->capacity) {
		size_t capacity = groups->capacity ? groups->capacity * 2 : 16;
		struct close_wait_group *list =
			realloc(groups->list, capacity * sizeof(*groups->list));

		if (!list)
			return NULL;
		groups->list = list;
		groups->capacity = capacity;
	}
	return &groups->list[groups->count++];
}

/* Texts end with a NUL each, in the order of the groups. */
static bool advise(struct close_wait_groups *groups)
{
	const char *text;

	buffer_clear(&groups->text);
	for (size_t i = 0; i < groups->count; i++) {
		close_wait_advise(&groups->text, &groups->list[i]);
		buffer_add_char(&groups->text, '\0');
		close_wait_add_kill(&groups->text, &groups->list[i], groups->home_netns);
		buffer_add_char(&groups->text, '\0');
	}
	if (groups->text.failed)
		return false;
	text = groups->text.data;
	for (size_t i = 0; i < groups->count; i++) {
		struct close_wait_group *group = &groups->list[i];

		group->advice = text;
		text += strlen(text) + 1;
		group->kill = *text ? text : NULL;
		text += strlen(text) + 1;
	}
	return true;
}

size_t close_wait_groups_make(struct close_wait_groups *groups, struct group_member *members,
			      size_t count, uint64_t now, const struct close_wait_group **made)
{
	size_t start = 0;

	groups->count = 0;
	if (count)
		qsort(members, count, sizeof(*members), compare_members);
	for (size_t i = 1; i <= count; i++) {
		struct close_wait_group *group;

		if (i < count && members[i].key == members[start].key)
			continue;
		group = next_group(groups);
		if (!group || !make_group(groups, group, members + start, i - start, now))
			return SIZE_MAX;
		start = i;
	}
	if (groups->count)
		qsort(groups->list, groups->count, sizeof(*groups->list), compare_groups);
	if (groups->count && !advise(groups))
		return SIZE_MAX;
	*made = groups->list;
	return groups->count;
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/close_wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/map.h"
#include "core/close_wait_groups.h"

/* How long a suspect waits for its stack before it is told of without. */
#define STACK_PATIENCE (10ull * 1000000000)

/* A socket in CLOSE_WAIT. */
struct entry {
	struct map_link link;
	struct close_wait_found found;
	struct close_wait_origin origin;
	uint64_t seen;    /* number of the last look that found it */
	uint64_t entered; /* it was in CLOSE_WAIT at this time already */
	uint64_t group;   /* in which it was shown, 0: not yet */
	bool asked;       /* for its origin */
	bool told;        /* of this suspect */
	bool at_start;    /* the first look found it: it did not come while we watched */
	struct close_wait_report report; /* of a suspect */
};

struct close_wait {
	const struct close_wait_lookup *lookup;
	uint64_t threshold;
	size_t limit;
	struct map entries;
	uint64_t look; /* number */
	uint64_t first;
	uint64_t now;
	uint64_t deadline;
	struct entry **suspects;
	size_t suspect_count;
	size_t suspect_capacity;
	const struct close_wait_report **fresh;
	struct group_member *members;
	size_t member_capacity;
	struct close_wait_groups *groups;
	struct close_wait_view view;
};

struct close_wait *close_wait_new(uint64_t threshold, size_t limit, uint32_t home_netns,
				  const struct close_wait_lookup *lookup)
{
	struct close_wait *close_wait = calloc(1, sizeof(*close_wait));

	if (!close_wait)
		return NULL;
	close_wait->lookup = lookup;
	close_wait->threshold = threshold;
	close_wait->limit = limit;
	close_wait->groups = close_wait_groups_new(home_netns);
	if (!close_wait->groups || map_init(&close_wait->entries)) {
		close_wait_free(close_wait);
		return NULL;
	}
	close_wait->view.threshold = threshold;
	return close_wait;
}

static void remove_entry(struct close_wait *close_wait, struct entry *entry)
{
	map_remove(&close_wait->entries, &entry->link);
	free(entry);
}

void close_wait_free(struct close_wait *close_wait)
{
	struct map_link *link;
	size_t bucket = 0;

	if (!close_wait)
		return;
	while ((link = map_any(&close_wait->entries, &bucket)))
		remove_entry(close_wait, container_of(link, struct entry, link));
	map_done(&close_wait->entries);
	close_wait_groups_free(close_wait->groups);
	free(close_wait->suspects);
	free(close_wait->fresh);
	free(close_wait->members);
	free(close_wait);
}

static bool is_same(const struct close_wait_found *a, const struct close_wait_found *b)
{
	return a->socket == b->socket && a->netns == b->netns &&
	       !memcmp(&a->flow, &b->flow, sizeof(a->flow));
}

static uint64_t hash_of(const struct close_wait_found *found)
{
	uint64_t hash = hash_join(found->netns, found->socket), word;
	const char *flow = (const char *)&found->flow;

	for (size_t i = 0; i + sizeof(word) <= sizeof(found->flow); i += sizeof(word)) {
		memcpy(&word, flow + i, sizeof(word));
		hash = hash_join(hash, word);
	}
	return hash_join(hash, (uint64_t)found->flow.local_port << 16 | found->flow.remote_port);
}

void close_wait_begin(struct close_wait *close_wait, uint64_t now)
{
	if (!close_wait->look++)
		close_wait->first = now;
	close_wait->now = now;
	close_wait->suspect_count = 0;
	close_wait->view.dropped = 0;
}

static struct entry *find(const struct close_wait *close_wait, const struct close_wait_found *found,
			  uint64_t hash)
{
	struct map_link *link = map_first(&close_wait->entries, hash);

	for (; link; link = map_next(link)) {
		struct entry *entry = container_of(link, struct entry, link);

		if (is_same(&entry->found, found))
			return entry;
	}
	return NULL;
}

static struct entry *find_or_add(struct close_wait *close_wait,
				 const struct close_wait_found *found)
{
	uint64_t hash = hash_of(found);
	struct entry *entry = find(close_wait, found, hash);

	if (entry)
		return entry;
	if (close_wait->entries.count < close_wait->limit)
		entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->entered = UINT64_MAX;
	entry->at_start = close_wait->look == 1;
	map_add(&close_wait->entries, &entry->link, hash);
	return entry;
}

static const struct stack *stack_of(const struct close_wait *close_wait,
				    const struct close_wait_call *call)
{
	const struct close_wait_lookup *lookup = close_wait->lookup;

	if (!call->stack || !lookup->stack)
		return NULL;
	return lookup->stack(lookup->context, call->task.pid, call->stack);
}

/* Asked of each once, of suspects at every look: who reads from it may change. A stack is asked
 * for long before it is shown, as its process may end. */
static void ask_origin(const struct close_wait *close_wait, struct entry *entry)
{
	const struct close_wait_lookup *lookup = close_wait->lookup;
	bool again = entry->asked;

	entry->asked = true;
	if (!lookup->origin || !lookup->origin(lookup->context, &entry->found, &entry->origin) ||
	    again)
		return;
	stack_of(close_wait, &entry->origin.created);
	stack_of(close_wait, &entry->origin.read);
}

void close_wait_add(struct close_wait *close_wait, const struct close_wait_found *found)
{
	struct entry *entry = find_or_add(close_wait, found);

	if (!entry) {
		close_wait->view.dropped++;
		return;
	}
	entry->found = *found;
	entry->seen = close_wait->look;
	if (found->by < entry->entered)
		entry->entered = found->by;
	if (!entry->asked)
		ask_origin(close_wait, entry);
}

static uint64_t begin_of(const struct entry *entry)
{
	return entry->origin.since ? entry->origin.since : entry->entered;
}

static uint64_t age_of(const struct close_wait *close_wait, const struct entry *entry)
{
	uint64_t begin = begin_of(entry);

	return close_wait->now > begin ? close_wait->now - begin : 0;
}

static bool add_suspect(struct close_wait *close_wait, struct entry *entry)
{
	if (close_wait->suspect_count == close_wait->suspect_capacity) {
		size_t capacity =
			close_wait->suspect_capacity ? close_wait->suspect_capacity * 2 : 64;
		struct entry **suspects =
			realloc(close_wait->suspects, capacity * sizeof(struct entry *));

		if (!suspects)
			return false;
		close_wait->suspects = suspects;
		close_wait->suspect_capacity = capacity;
	}
	close_wait->suspects[close_wait->suspect_count++] = entry;
	return true;
}

static void sort_out(struct close_wait *close_wait, struct entry *entry)
{
	uint64_t due = begin_of(entry) + close_wait->threshold;

	if (entry->seen != close_wait->look) {
		if (entry->group)
			close_wait_groups_left(close_wait->groups, entry->group, close_wait->now);
		remove_entry(close_wait, entry);
		return;
	}
	if (age_of(close_wait, entry) < close_wait->threshold) {
		if (due < close_wait->deadline)
			close_wait->deadline = due;
		return;
	}
	if (!add_suspect(close_wait, entry))
		close_wait->view.dropped++;
	else
		ask_origin(close_wait, entry);
}

void close_wait_end(struct close_wait *close_wait)
{
	close_wait->deadline = UINT64_MAX;
	for (size_t i = 0; i < map_buckets(&close_wait->entries); i++) {
		struct map_link *link = close_wait->entries.buckets[i];

		while (link) {
			struct map_link *next = link->next;

			sort_out(close_wait, container_of(link, struct entry, link));
			link = next;
		}
	}
}

size_t close_wait_suspects(const struct close_wait *close_wait)
{
	return close_wait->suspect_count;
}

const struct close_wait_found *close_wait_suspect(const struct close_wait *close_wait, size_t index)
{
	return &close_wait->suspects[index]->found;
}

uint64_t close_wait_deadline(const struct close_wait *close_wait)
{
	return close_wait->deadline;
}

void close_wait_note_losses(struct close_wait *close_wait, uint64_t origins, uint64_t stacks)
{
	close_wait->view.origins_lost = origins;
	close_wait->view.stacks_lost = stacks;
}

static struct close_wait_step step_of(const struct close_wait *close_wait,
				      const struct close_wait_call *call, uint8_t how)
{
	return (struct close_wait_step){
		.how = how,
		.task = call->task,
		.time = call->time,
		.stack = stack_of(close_wait, call),
	};
}

/* The peer's FIN is the last of what was not read (RFC 9293, 3.4: it takes a number). */
static void fill_report(const struct close_wait *close_wait, struct entry *entry,
			const struct close_wait_facts *facts)
{
	const struct close_wait_found *found = &entry->found;
	const struct close_wait_origin *origin = &entry->origin;

	entry->report = (struct close_wait_report){
		.time = close_wait->now,
		.flow = found->flow,
		.netns = found->netns,
		.uid = found->uid,
		.cgroup = found->cgroup,
		.since = origin->since,
		.age = age_of(close_wait, entry),
		.unread_bytes = found->queued ? found->queued - 1 : 0,
		.eof_read = !found->queued,
		.accepted = found->inode || origin->created.time,
		.holders = facts->holders,
		.holder_count = facts->holder_count,
		.holders_known = facts->holders_known,
		.created = step_of(close_wait, &origin->created, origin->how),
		.last_read = step_of(close_wait, &origin->read, 0),
		.last_read_bytes = origin->read_bytes,
	};
}

static bool is_pending(const struct stack *stack)
{
	return stack && stack->end == STACK_PENDING;
}

/* It is told of once, so with its stacks if they are to be had. */
static bool is_ready(const struct close_wait *close_wait, const struct entry *entry, bool final)
{
	const struct close_wait_report *report = &entry->report;

	if (!is_pending(report->created.stack) && !is_pending(report->last_read.stack))
		return true;
	return final || entry->group || report->age >= close_wait->threshold + STACK_PATIENCE;
}

static bool make_room(struct close_wait *close_wait)
{
	size_t count = close_wait->suspect_count + 1;
	const struct close_wait_report **fresh;
	struct group_member *members;

	if (count <= close_wait->member_capacity)
		return true;
	fresh = realloc(close_wait->fresh, count * sizeof(struct close_wait_report *));
	if (fresh)
		close_wait->fresh = fresh;
	members = realloc(close_wait->members, count * sizeof(*members));
	if (members)
		close_wait->members = members;
	if (!fresh || !members)
		return false;
	close_wait->member_capacity = count;
	return true;
}

static void join(struct close_wait *close_wait, struct entry *entry, struct group_member *member,
		 const struct close_wait_facts *facts)
{
	struct close_wait_view *view = &close_wait->view;

	member->report = &entry->report;
	member->listened = facts->listened;
	member->key = close_wait_groups_key(member);
	if (!entry->told)
		close_wait->fresh[view->fresh_count++] = &entry->report;
	if (!entry->group)
		close_wait_groups_came(close_wait->groups, member->key,
				       close_wait->first + close_wait->threshold, close_wait->now,
				       !entry->at_start);
	entry->group = member->key;
}

void close_wait_told(struct close_wait *close_wait)
{
	for (size_t i = 0; i < close_wait->suspect_count; i++)
		close_wait->suspects[i]->told |= close_wait->suspects[i]->group != 0;
}

static void count_suspect(struct close_wait_view *view, const struct close_wait_report *report)
{
	view->suspects++;
	if (report->age < view->oldest)
		return;
	view->oldest = report->age;
	view->oldest_at_least = !report->since;
}

/* The oldest first. */
static int compare_reports(const void *a, const void *b)
{
	const struct close_wait_report *left = *(const struct close_wait_report *const *)a;
	const struct close_wait_report *right = *(const struct close_wait_report *const *)b;

	return (left->age < right->age) - (left->age > right->age);
}

const struct close_wait_view *close_wait_view(struct close_wait *close_wait, bool final)
{
	const struct close_wait_lookup *lookup = close_wait->lookup;
	struct close_wait_view *view = &close_wait->view;

	if (!make_room(close_wait))
		return NULL;
	view->time = close_wait->now;
	view->in_close_wait = close_wait->entries.count;
	view->suspects = view->oldest = 0;
	view->oldest_at_least = false;
	view->fresh_count = 0;
	view->final = final;
	for (size_t i = 0; i < close_wait->suspect_count; i++) {
		struct entry *entry = close_wait->suspects[i];
		struct close_wait_facts facts = {0};

		if (lookup->facts)
			lookup->facts(lookup->context, &entry->found, &facts);
		if (facts.unwanted)
			continue;
		fill_report(close_wait, entry, &facts);
		if (!is_ready(close_wait, entry, final))
			continue;
		join(close_wait, entry, &close_wait->members[view->suspects], &facts);
		count_suspect(view, &entry->report);
	}
	if (view->fresh_count)
		qsort(close_wait->fresh, view->fresh_count, sizeof(close_wait->fresh[0]),
		      compare_reports);
	view->fresh = close_wait->fresh;
	view->group_count = close_wait_groups_make(close_wait->groups, close_wait->members,
						   view->suspects, close_wait->now, &view->groups);
	return view->group_count == SIZE_MAX ? NULL : view;
}

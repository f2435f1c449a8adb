// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Sockets in CLOSE_WAIT from look to look: suspects, ages, groups, trends, advice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/close_wait.h"

#define SECOND 1000000000ull
#define START (1000 * SECOND)
#define THRESHOLD (30 * SECOND)
#define HOME 4026531840u
#define LIMIT 512

/* The world: what each socket's cookie is answered with. */
struct socket {
	struct close_wait_found found;
	struct close_wait_origin origin;
	struct close_wait_holder holders[3];
	uint32_t holder_count;
	bool known;
	bool there;
	bool unwanted;
};

static struct socket sockets[LIMIT];
static size_t count;
static struct close_wait *close_wait;
static struct stack stacks[4];
static struct stack_frame frames[4][3];
static unsigned int stack_questions;

static bool find_origin(void *context, const struct close_wait_found *found,
			struct close_wait_origin *origin)
{
	(void)context;
	if (found->socket > count)
		return false;
	*origin = sockets[found->socket - 1].origin;
	return origin->since || origin->created.time;
}

static const struct stack *find_stack(void *context, uint32_t pid, uint64_t key)
{
	(void)context;
	(void)pid;
	stack_questions++;
	return key && key <= 4 ? &stacks[key - 1] : NULL;
}

static void find_facts(void *context, const struct close_wait_found *found,
		       struct close_wait_facts *facts)
{
	const struct socket *socket = &sockets[found->socket - 1];

	(void)context;
	facts->holders = socket->holders;
	facts->holder_count = socket->holder_count;
	facts->holders_known = socket->known;
	facts->unwanted = socket->unwanted;
	facts->listened = found->flow.local_port == 8080;
}

static const struct close_wait_lookup lookup = {
	.origin = find_origin, .stack = find_stack, .facts = find_facts};

static int setup(void **state)
{
	(void)state;
	memset(sockets, 0, sizeof(sockets));
	memset(stacks, 0, sizeof(stacks));
	memset(frames, 0, sizeof(frames));
	count = stack_questions = 0;
	close_wait = close_wait_new(THRESHOLD, LIMIT, HOME, &lookup);
	assert_non_null(close_wait);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_wait_free(close_wait);
	return 0;
}

/* One of a server on port 8080 that server[812] holds, its end of file read. */
static struct socket *add(uint64_t since)
{
	struct socket *socket = &sockets[count++];

	assert_true(count <= LIMIT);
	socket->there = socket->known = true;
	socket->found.socket = count;
	socket->found.netns = HOME;
	socket->found.inode = 5000 + (uint32_t)count;
	socket->found.flow.local_port = 8080;
	socket->found.flow.remote_port = (__u16)(40000 + count);
	socket->found.flow.local[10] = socket->found.flow.local[11] = 0xff;
	socket->found.flow.remote[10] = socket->found.flow.remote[11] = 0xff;
	socket->found.flow.remote[15] = 1;
	socket->found.by = since ? since : UINT64_MAX;
	socket->origin.since = since;
	socket->holder_count = 1;
	socket->holders[0] = (struct close_wait_holder){.pid = 812, .fd = 9, .comm = "server"};
	return socket;
}

static void create(struct socket *socket, uint8_t how, uint64_t stack)
{
	socket->origin.how = how;
	socket->origin.created.time = 1;
	socket->origin.created.stack = stack;
	socket->origin.created.task.pid = 812;
	memcpy(socket->origin.created.task.comm, "server", 7);
}

static void look(uint64_t now)
{
	close_wait_begin(close_wait, now);
	for (size_t i = 0; i < count; i++)
		if (sockets[i].there)
			close_wait_add(close_wait, &sockets[i].found);
	close_wait_end(close_wait);
}

static const struct close_wait_view *view(uint64_t now)
{
	const struct close_wait_view *found;

	look(now);
	found = close_wait_view(close_wait, false);
	assert_non_null(found);
	close_wait_told(close_wait);
	return found;
}

/* With names in module "server" at these places. */
static void make_stack(unsigned int index, uint64_t base, uint64_t offset, const char *function)
{
	frames[index][0] = (struct stack_frame){.address = base + 0x100,
						.offset = 0x100,
						.module = "/lib/libc.so.6",
						.function = "accept4"};
	frames[index][1] = (struct stack_frame){.address = base + offset,
						.offset = offset,
						.module = "/usr/bin/server",
						.function = function,
						.file = "/src/server.c",
						.line = 42};
	stacks[index] = (struct stack){.frames = frames[index], .count = 2};
}

static void none_is_a_suspect_before_the_threshold(void **state)
{
	(void)state;
	add(START);
	assert_int_equal(view(START + THRESHOLD - 1)->suspects, 0);
	assert_int_equal(close_wait_deadline(close_wait), START + THRESHOLD);
	assert_int_equal(view(START + THRESHOLD)->suspects, 1);
	assert_true(close_wait_deadline(close_wait) == UINT64_MAX);
}

static void each_is_told_of_once(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	add(START);
	found = view(START + THRESHOLD);
	assert_int_equal(found->fresh_count, 1);
	assert_int_equal(found->fresh[0]->age, THRESHOLD);
	assert_int_equal(found->fresh[0]->since, START);
	add(START + 1);
	found = view(START + THRESHOLD + SECOND);
	assert_int_equal(found->fresh_count, 1);
	assert_int_equal(found->fresh[0]->flow.remote_port, 40002);
	assert_int_equal(found->suspects, 2);
}

static void what_was_not_told_of_stays_fresh(void **state)
{
	(void)state;
	add(START);
	look(START + THRESHOLD);
	assert_int_equal(close_wait_view(close_wait, false)->fresh_count, 1);
	look(START + THRESHOLD + SECOND);
	assert_int_equal(close_wait_view(close_wait, true)->fresh_count, 1);
	close_wait_told(close_wait);
	assert_int_equal(view(START + THRESHOLD + 2 * SECOND)->fresh_count, 0);
}

static void one_that_leaves_vanishes(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	add(START);
	add(START);
	assert_int_equal(view(START + THRESHOLD)->groups[0].count, 2);
	sockets[0].there = false;
	found = view(START + THRESHOLD + SECOND);
	assert_int_equal(found->groups[0].count, 1);
	assert_int_equal(found->in_close_wait, 1);
	sockets[1].there = false;
	found = view(START + THRESHOLD + 2 * SECOND);
	assert_int_equal(found->group_count, 0);
	assert_int_equal(found->suspects, 0);
}

static void older_ones_have_a_lower_bound(void **state)
{
	const struct close_wait_view *found;
	struct socket *socket;

	(void)state;
	socket = add(0);
	socket->found.by = START - 10 * SECOND;
	assert_int_equal(view(START)->suspects, 0);
	/* A keepalive was answered: what is known stays known. */
	socket->found.by = START + 19 * SECOND;
	found = view(START + 20 * SECOND);
	assert_int_equal(found->suspects, 1);
	assert_int_equal(found->fresh[0]->since, 0);
	assert_int_equal(found->fresh[0]->age, 30 * SECOND);
	assert_true(found->groups[0].oldest_at_least && found->oldest_at_least);
}

static void what_was_read(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	add(START);
	add(START - 1)->found.queued = 1;
	add(START - 2)->found.queued = 6;
	found = view(START + THRESHOLD);
	assert_int_equal(found->groups[0].eof_read, 1);
	assert_int_equal(found->groups[0].unread_bytes, 5);
	assert_false(found->groups[0].example->eof_read);
	assert_int_equal(found->groups[0].example->unread_bytes, 5);
}

static void groups_by_program_and_stack(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	make_stack(0, 0x10000, 0x500, "accept_client");
	make_stack(1, 0x90000, 0x500, "accept_client"); /* the same code elsewhere */
	make_stack(2, 0x10000, 0x700, "accept_admin");
	for (int i = 0; i < 5; i++)
		create(add(START), OWNER_ACCEPT, i < 3 ? 1 : 2);
	create(add(START), OWNER_ACCEPT, 3);
	memcpy(sockets[4].holders[0].comm, "server", 7);
	sockets[4].holders[0].pid = 813;
	found = view(START + THRESHOLD);
	assert_int_equal(found->group_count, 2);
	assert_int_equal(found->groups[0].count, 5);
	assert_int_equal(found->groups[0].pid, 812);
	assert_int_equal(found->groups[0].processes, 2);
	assert_int_equal(found->groups[0].port, 8080);
	assert_string_equal(found->groups[0].stack->frames[1].function, "accept_client");
	assert_int_equal(found->groups[1].count, 1);
	memcpy(sockets[4].holders[0].comm, "other", 6);
	assert_int_equal(view(START + THRESHOLD + SECOND)->group_count, 3);
}

/* Two processes hold each, and the second one has it twice. */
static void the_pid_of_a_group_is_of_its_name(void **state)
{
	const struct close_wait_group *group;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct socket *socket = add(START);

		socket->holders[1] =
			(struct close_wait_holder){.pid = 900, .fd = 9, .comm = "child"};
		socket->holders[2] =
			(struct close_wait_holder){.pid = 900, .fd = 10, .comm = "child"};
		socket->holder_count = 3;
	}
	group = view(START + THRESHOLD)->groups;
	assert_string_equal(group->comm, "server");
	assert_int_equal(group->pid, 812);
	assert_int_equal(group->processes, 2);
}

static void without_a_stack_groups_by_service(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct socket *socket = add(START);

		if (i < 2)
			continue;
		/* Ours connected: each has a local port of its own. */
		socket->found.flow.local_port = (__u16)(50000 + i);
		socket->found.flow.remote_port = 5432;
	}
	found = view(START + THRESHOLD);
	assert_int_equal(found->group_count, 2);
	assert_int_equal(found->groups[0].count, 2);
	assert_int_equal(found->groups[1].count, 2);
	assert_int_equal(found->groups[0].port + found->groups[1].port, 8080 + 5432);
}

static void peers_the_most_first(void **state)
{
	const struct close_wait_group *group;

	(void)state;
	for (int i = 0; i < 40; i++)
		add(START)->found.flow.remote[15] = (__u8)(i < 30 ? i % 4 : 10 + i);
	group = view(START + THRESHOLD)->groups;
	assert_int_equal(group->all_peers, 14);
	assert_int_equal(group->peer_count, CLOSE_WAIT_PEERS);
	assert_int_equal(group->peers[0].count, 8);
	assert_int_equal(group->peers[2].count, 7);
	assert_int_equal(group->peers[4].count, 1);
}

static void a_filter_leaves_out(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	add(START)->unwanted = true;
	add(START);
	found = view(START + THRESHOLD);
	assert_int_equal(found->suspects, 1);
	assert_int_equal(found->in_close_wait, 2);
	assert_int_equal(close_wait_suspects(close_wait), 2);
}

static void a_stack_is_asked_for_early_and_waited_for(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	create(add(START), OWNER_ACCEPT, 1);
	stacks[0].end = STACK_PENDING;
	look(START + SECOND);
	assert_int_equal(stack_questions, 1);
	assert_int_equal(view(START + THRESHOLD)->suspects, 0);
	stacks[0].end = STACK_WHOLE;
	assert_int_equal(view(START + THRESHOLD + SECOND)->fresh_count, 1);
	/* Not for ever, and not at the end. */
	create(add(START), OWNER_ACCEPT, 2);
	stacks[1].end = STACK_PENDING;
	assert_int_equal(view(START + THRESHOLD + 2 * SECOND)->suspects, 1);
	look(START + THRESHOLD + 3 * SECOND);
	found = close_wait_view(close_wait, true);
	assert_int_equal(found->suspects, 2);
	create(add(START), OWNER_ACCEPT, 2);
	assert_int_equal(view(START + THRESHOLD + 10 * SECOND)->suspects, 3);
}

static void no_more_than_the_limit(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	close_wait_free(close_wait);
	close_wait = close_wait_new(THRESHOLD, 10, HOME, &lookup);
	for (int i = 0; i < 15; i++)
		add(START);
	found = view(START + THRESHOLD);
	assert_int_equal(found->suspects, 10);
	assert_int_equal(found->dropped, 5);
	assert_int_equal(view(START + THRESHOLD + SECOND)->fresh_count, 0);
}

/* The addresses of one that is over may come again, with another cookie. */
static void the_same_addresses_again_are_another_socket(void **state)
{
	(void)state;
	add(START);
	assert_int_equal(view(START + THRESHOLD)->fresh_count, 1);
	sockets[0].there = false;
	add(START + THRESHOLD)->found.flow = sockets[0].found.flow;
	assert_int_equal(view(START + THRESHOLD + SECOND)->suspects, 0);
	assert_int_equal(view(START + 2 * THRESHOLD)->fresh_count, 1);
}

static const struct close_wait_group *leak_for(unsigned int seconds, unsigned int each)
{
	const struct close_wait_view *found = NULL;

	look(START - THRESHOLD);
	for (unsigned int i = 1; i <= seconds; i++) {
		for (unsigned int j = 0; j < each; j++)
			add(START + i * SECOND - THRESHOLD);
		found = view(START + i * SECOND);
	}
	return found->groups;
}

static void one_after_the_other_is_growing(void **state)
{
	const struct close_wait_group *group = leak_for(20, 2);

	(void)state;
	assert_int_equal(group->trend, TREND_GROWING);
	assert_in_range((uint64_t)group->growth_per_min, 110000, 130000);
}

static void a_slow_leak_is_growing_too(void **state)
{
	const struct close_wait_view *found = NULL;

	(void)state;
	look(START - THRESHOLD);
	for (unsigned int i = 1; i <= 300; i++) {
		if (i % 20 == 0)
			add(START + i * SECOND - THRESHOLD);
		found = view(START + i * SECOND);
	}
	assert_int_equal(found->groups[0].trend, TREND_GROWING);
	assert_in_range((uint64_t)found->groups[0].growth_per_min, 2500, 3500);
}

static void a_burst_is_not_growing_and_drains(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	look(START - THRESHOLD);
	for (int i = 0; i < 50; i++)
		add(START + 5 * SECOND - THRESHOLD);
	for (unsigned int i = 5; i < 12; i++) {
		found = view(START + i * SECOND);
		assert_int_not_equal(found->groups[0].trend, TREND_GROWING);
	}
	for (unsigned int i = 12; i < 36; i++) {
		sockets[2 * (i - 12)].there = sockets[2 * (i - 12) + 1].there = false;
		found = view(START + i * SECOND);
		assert_int_not_equal(found->groups[0].trend, TREND_GROWING);
	}
	assert_int_equal(found->groups[0].trend, TREND_DRAINING);
	assert_true(found->groups[0].growth_per_min < 0);
}

/* All of it within the shortest window. */
static void a_short_burst_drains_too(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	look(START - THRESHOLD);
	for (int i = 0; i < 120; i++)
		add(START + 4 * SECOND - THRESHOLD);
	assert_int_equal(view(START + 4 * SECOND)->groups[0].trend, TREND_STEADY);
	for (unsigned int i = 0; i < 5; i++) {
		for (unsigned int j = 0; j < 23; j++)
			sockets[i * 23 + j].there = false;
		found = view(START + (6 + i) * SECOND);
		if (i > 1) /* those that came are 4 s ago */
			assert_int_equal(found->groups[0].trend, TREND_DRAINING);
		else
			assert_int_not_equal(found->groups[0].trend, TREND_GROWING);
	}
}

static void what_was_there_at_the_start_has_no_trend(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	for (int i = 0; i < 50; i++)
		add(0)->found.by = START - (__u64)(i % 20) * SECOND;
	look(START);
	for (unsigned int i = 1; i < 40; i++) {
		found = view(START + i * SECOND);
		for (size_t j = 0; j < found->group_count; j++)
			assert_int_not_equal(found->groups[j].trend, TREND_GROWING);
	}
	assert_int_equal(found->groups[0].count, 50);
	assert_int_equal(found->groups[0].growth_per_min, 0);
	assert_int_equal(found->groups[0].trend, TREND_STEADY);
}

static void assert_advice(const char *part)
{
	const struct close_wait_view *found = view(START + THRESHOLD);

	assert_int_equal(found->group_count, 1);
	if (!strstr(found->groups[0].advice, part))
		fail_msg("advice: %s", found->groups[0].advice);
}

static void advice_when_it_was_read(void **state)
{
	(void)state;
	make_stack(0, 0x10000, 0x500, "accept_client");
	make_stack(1, 0x10000, 0x900, "read_request");
	create(add(START), OWNER_ACCEPT, 1);
	assert_advice("server read the end of file and did not close: each way on after read() "
		      "returns 0 must end in close(); see what becomes of the sockets of "
		      "accept_client() (server.c:42)");
	sockets[0].origin.read.time = 1;
	sockets[0].origin.read.stack = 2;
	assert_advice("the read in read_request() (server.c:42) returned 0, and what follows "
		      "must close()");
}

static void advice_when_it_was_never_read(void **state)
{
	(void)state;
	add(START)->found.queued = 8;
	assert_advice("has not read to the end of file (7 bytes before it are unread, too)");
	sockets[0].origin.how = OWNER_CONNECT;
	sockets[0].origin.created.time = 1;
	assert_advice("a pool must drop what has become readable while idle");
}

static void advice_when_it_was_not_accepted(void **state)
{
	(void)state;
	add(START)->found.inode = 0;
	assert_advice("server does not call accept(): they wait in the queue of its listener on "
		      "port 8080");
}

static void advice_when_nobody_holds_it(void **state)
{
	(void)state;
	add(START)->holder_count = 0;
	assert_advice("no process holds them");
	assert_false(view(START + THRESHOLD)->groups[0].held);
}

static void advice_when_others_hold_it(void **state)
{
	struct socket *socket = add(START);

	(void)state;
	create(socket, OWNER_ACCEPT, 0);
	socket->origin.created.task.pid = 700;
	assert_advice("server[700] accepted them and server holds them now");
	socket->origin.created.task.pid = 812;
	socket->holders[1] = (struct close_wait_holder){.pid = 812, .fd = 10, .comm = "server"};
	socket->holder_count = 2;
	assert_advice("read the end of file");
	socket->holders[2] = (struct close_wait_holder){.pid = 900, .fd = 9, .comm = "child"};
	socket->holder_count = 3;
	assert_advice("2 processes hold each of them");
}

static void advice_when_it_is_stopped(void **state)
{
	(void)state;
	add(START)->holders[0].stopped = true;
	assert_advice("server is stopped");
}

static void hostile_names_in_advice(void **state)
{
	(void)state;
	make_stack(0, 0x10000, 0x500, "\033[2Jx\n");
	create(add(START), OWNER_ACCEPT, 1);
	memcpy(sockets[0].holders[0].comm, "\033]0;x", 6);
	assert_advice("\\x1b]0;x read");
	for (const char *at = view(START + THRESHOLD)->groups[0].advice; *at; at++)
		assert_true((unsigned char)*at >= 0x20);
}

static void commands_that_would_end_them(void **state)
{
	const struct close_wait_view *found;

	(void)state;
	add(START);
	assert_string_equal(view(START + THRESHOLD)->groups[0].kill,
			    "ss -K state close-wait sport = :8080");
	sockets[0].found.netns = 7;
	assert_string_equal(view(START + THRESHOLD)->groups[0].kill,
			    "nsenter -t 812 -n ss -K state close-wait sport = :8080");
	sockets[0].holder_count = 0;
	assert_null(view(START + THRESHOLD)->groups[0].kill);
	teardown(state);
	setup(state);
	create(add(START), OWNER_CONNECT, 0);
	sockets[0].found.flow.local_port = 50000;
	sockets[0].found.flow.remote_port = 5432;
	assert_string_equal(view(START + THRESHOLD)->groups[0].kill,
			    "ss -K state close-wait dst 0.0.0.1 dport = :5432");
	/* Several services of one stack: no command names just them. */
	make_stack(0, 0x10000, 0x500, "accept_client");
	create(add(START), OWNER_ACCEPT, 1);
	create(add(START), OWNER_ACCEPT, 1);
	sockets[2].found.flow.local_port = 9090;
	found = view(START + THRESHOLD);
	assert_int_equal(found->groups[0].count, 2);
	assert_int_equal(found->groups[0].port, 0);
	assert_null(found->groups[0].kill);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_is_a_suspect_before_the_threshold),
		TEST(each_is_told_of_once),
		TEST(what_was_not_told_of_stays_fresh),
		TEST(one_that_leaves_vanishes),
		TEST(older_ones_have_a_lower_bound),
		TEST(what_was_read),
		TEST(groups_by_program_and_stack),
		TEST(the_pid_of_a_group_is_of_its_name),
		TEST(without_a_stack_groups_by_service),
		TEST(peers_the_most_first),
		TEST(a_filter_leaves_out),
		TEST(a_stack_is_asked_for_early_and_waited_for),
		TEST(no_more_than_the_limit),
		TEST(the_same_addresses_again_are_another_socket),
		TEST(one_after_the_other_is_growing),
		TEST(a_slow_leak_is_growing_too),
		TEST(a_burst_is_not_growing_and_drains),
		TEST(a_short_burst_drains_too),
		TEST(what_was_there_at_the_start_has_no_trend),
		TEST(advice_when_it_was_read),
		TEST(advice_when_it_was_never_read),
		TEST(advice_when_it_was_not_accepted),
		TEST(advice_when_nobody_holds_it),
		TEST(advice_when_others_hold_it),
		TEST(advice_when_it_is_stopped),
		TEST(hostile_names_in_advice),
		TEST(commands_that_would_end_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

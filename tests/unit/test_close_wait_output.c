// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Sockets in CLOSE_WAIT in each format against its file in tests/unit/golden. After a change that
 * was meant: GOLDEN=write build/tests/unit/test_close_wait_output, and read the diff.
 * To be run from the top of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "core/close_wait.h"
#include "golden.h"
#include "output/output.h"
#include "screen_model.h"

#define SECOND 1000000000ull
#define MINUTE (60 * SECOND)
#define NOW 100000000000000ull
#define WALL (1795172743123456789ll - (int64_t)NOW)
#define NETNS 4026531840u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct output output;
static struct close_wait_report reports[8];
static const struct close_wait_report *fresh[COUNT(reports)];
static struct close_wait_group groups[8];
static struct close_wait_view view;
static const char *cgroup;

static const char *cgroup_path(void *context, uint64_t id)
{
	(void)context;
	return id ? cgroup : NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(reports, 0, sizeof(reports));
	memset(groups, 0, sizeof(groups));
	view = (struct close_wait_view){
		.time = NOW,
		.threshold = 30 * SECOND,
		.fresh = fresh,
		.groups = groups,
	};
	cgroup = NULL;
	output = (struct output){
		.options.wall_offset = WALL,
		.options.lookup.cgroup_path = cgroup_path,
	};
	buffer_init(&output.out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buffer_done(&output.out);
	return 0;
}

static void set_comm(char comm[RECORD_COMM_LENGTH], const char *name)
{
	memset(comm, 0, RECORD_COMM_LENGTH);
	memcpy(comm, name, strnlen(name, RECORD_COMM_LENGTH));
}

#define V4(last)                                                                                   \
	{                                                                                          \
		[10] = 0xff, 0xff, 10, 0, 0, last                                                  \
	}

static struct flow make_flow(uint16_t local_port, uint8_t last, uint16_t remote_port)
{
	return (struct flow){
		.local = V4(9),
		.remote = V4(last),
		.local_port = local_port,
		.remote_port = remote_port,
	};
}

static struct close_wait_report *add_report(struct flow flow, uint64_t age)
{
	struct close_wait_report *report = &reports[view.fresh_count];

	*report = (struct close_wait_report){
		.time = NOW,
		.flow = flow,
		.netns = NETNS,
		.uid = 33,
		.since = NOW - age,
		.age = age,
		.accepted = true,
		.holders_known = true,
	};
	fresh[view.fresh_count++] = report;
	view.in_close_wait += 1;
	return report;
}

/* Suspects of which this one is the oldest. */
static struct close_wait_group *add_group(const struct close_wait_report *oldest, uint64_t count)
{
	struct close_wait_group *group = &groups[view.group_count++];

	*group = (struct close_wait_group){
		.held = oldest->holder_count > 0,
		.accepted = oldest->accepted,
		.how = oldest->created.how,
		.stack = oldest->created.stack,
		.count = count,
		.eof_read = oldest->eof_read ? count : 0,
		.unread_bytes = oldest->unread_bytes * count,
		.oldest = oldest->age,
		.oldest_at_least = !oldest->since,
		.trend = TREND_STEADY,
		.peer_count = 1,
		.all_peers = 1,
		.port = oldest->created.how == OWNER_CONNECT ? oldest->flow.remote_port
							     : oldest->flow.local_port,
		.netns = oldest->netns,
		.example = oldest,
	};
	memcpy(group->peers[0].address, oldest->flow.remote, 16);
	group->peers[0].count = count;
	if (oldest->holder_count) {
		memcpy(group->comm, oldest->holders[0].comm, sizeof(group->comm));
		group->pid = oldest->holders[0].pid;
		group->processes = 1;
	}
	view.suspects += count;
	view.in_close_wait += count - 1;
	if (oldest->age > view.oldest) {
		view.oldest = oldest->age;
		view.oldest_at_least = !oldest->since;
	}
	return group;
}

static void set_step(struct close_wait_step *step, uint8_t how, uint32_t pid, const char *comm,
		     uint64_t time, const struct stack *stack)
{
	*step = (struct close_wait_step){
		.how = how,
		.task = {.pid = pid, .tid = pid + 3},
		.time = time,
		.stack = stack,
	};
	set_comm(step->task.comm, comm);
}

#define SERVER "/usr/local/bin/server"
#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define ADVICE_CLOSE                                                                               \
	"the program read the end of file and did not close: close() each socket when read() "     \
	"returns 0, also on the paths for errors"

static const struct stack_frame accept_frames[] = {
	{0x7f3a4c1270a4, 0x1270a4, LIBC, "accept4", NULL, 0, false},
	{0x55d0c0a01a2b, 0x1a2b, SERVER, "take_connection", "/home/build/server/src/net/accept.c",
	 77, true},
	{0x55d0c0a01a2b, 0x1a2b, SERVER, "handle_client", "server.c", 42, false},
	{0x55d0c0a01c40, 0x1c40, SERVER, "event_loop", "server.c", 101, false},
	{0x7f3a4c5b1200, 0x11200, "/usr/lib/x86_64-linux-gnu/libuv.so.1.0.0", "uv_run", NULL, 0,
	 false},
	{0x7f3a4c5b1310, 0x11310, "/usr/lib/x86_64-linux-gnu/libuv.so.1.0.0", NULL, NULL, 0, false},
	{0x55d0c0a01d99, 0x1d99, SERVER, "main", "server.c", 130, false},
	{0x7f3a4c02724a, 0x2724a, LIBC, "__libc_start_call_main", NULL, 0, false},
};
static const struct stack accept_stack = {accept_frames, COUNT(accept_frames), STACK_WHOLE};

static const struct stack_frame read_frames[] = {
	{0x7f3a4c11a1cd, 0x11a1cd, LIBC, "__read", NULL, 0, false},
	{0x55d0c0a01f10, 0x1f10, SERVER, "read_request", "server.c", 58, false},
	{0x55d0c0a01c6b, 0x1c6b, SERVER, "event_loop", "server.c", 109, false},
};
static const struct stack read_stack = {read_frames, COUNT(read_frames), STACK_WHOLE};

static const struct stack_frame connect_frames[] = {
	{0x7f90aa127b40, 0x127b40, LIBC, "__connect", NULL, 0, false},
	{0x7f90ab00f3c2, 0xf3c2, "/usr/lib/x86_64-linux-gnu/libhiredis.so.0.14",
	 "redisContextConnectTcp", NULL, 0, false},
};
static const struct stack connect_stack = {connect_frames, COUNT(connect_frames),
					   STACK_NO_FRAME_POINTERS};

static const struct close_wait_holder server_holder[] = {
	{.pid = 812,
	 .fd = 9,
	 .comm = "server",
	 .cgroup = "/system.slice/docker-0123456789ab.scope",
	 .container = "0123456789ab",
	 .engine = "docker",
	 .unit = "nginx.service"},
};

static const struct close_wait_holder worker_holders[] = {
	{.pid = 2001,
	 .fd = 5,
	 .comm = "worker",
	 .cgroup = "/user.slice/user-1000.slice/user@1000.service/app.slice/batch-of-the-night"},
	{.pid = 2002, .fd = 5, .comm = "worker", .stopped = true, .foreign = true},
	{.pid = 2003, .fd = 5, .comm = "worker", .foreign = true},
	{.pid = 2004, .fd = 12, .comm = "worker"},
};

static const struct close_wait_holder listener[] = {
	{.pid = 640,
	 .fd = 3,
	 .comm = "slow-api",
	 .container = "fedcba987654",
	 .engine = "containerd",
	 .pod = "8f3e2c1a-5b7d-4e6f-9a0b-1c2d3e4f5a6b",
	 .foreign = true,
	 .stopped = true},
};

static void show(const char *format)
{
	output_format_find(format)->close_wait_view(&output, &view);
}

/* The one that the manual would show: accepted, read to the end, never closed. */
static struct close_wait_report *add_server(void)
{
	struct close_wait_report *report = add_report(make_flow(8080, 5, 52344), 243 * SECOND);

	report->cgroup = 7;
	report->eof_read = true;
	report->holders = server_holder;
	report->holder_count = 1;
	set_step(&report->created, OWNER_ACCEPT, 812, "server", NOW - 250 * SECOND, &accept_stack);
	set_step(&report->last_read, 0, 812, "server", NOW - 242 * SECOND, &read_stack);
	return report;
}

static void add_server_group(void)
{
	struct close_wait_group *group = add_group(add_server(), 100);

	group->trend = TREND_GROWING;
	group->growth_per_min = 12040;
	group->peers[0].count = 60;
	group->peers[1] = (struct close_wait_peer){V4(6), 38};
	group->peer_count = 2;
	group->all_peers = 4;
	group->advice = ADVICE_CLOSE;
	group->kill = "ss -K state close-wait sport = :8080";
}

/* A pool whose server has closed its ends; nobody looks at them. */
static void add_client_group(void)
{
	struct close_wait_report *report = add_report(make_flow(40112, 7, 6379), 67 * SECOND);
	struct close_wait_group *group;

	report->unread_bytes = 12;
	report->holders = &worker_holders[3];
	report->holder_count = 1;
	set_step(&report->created, OWNER_CONNECT, 2004, "worker", NOW - 600 * SECOND,
		 &connect_stack);
	group = add_group(report, 8);
	group->eof_read = 3;
	group->trend = TREND_DRAINING;
	group->growth_per_min = -2500;
	group->advice = "data and the end of file wait to be read: read sockets of a pool that "
			"are idle, or check them before they are used again";
	group->kill = "ss -K state close-wait dst 10.0.0.7 dport = :6379";
}

static void add_shared_group(void)
{
	struct close_wait_report *report = add_report(make_flow(9000, 8, 33001), 45 * SECOND);
	struct close_wait_group *group;

	report->eof_read = true;
	report->holders = worker_holders;
	report->holder_count = COUNT(worker_holders);
	set_step(&report->created, OWNER_ACCEPT, 1999, "master", NOW - 90 * SECOND, NULL);
	group = add_group(report, 1);
	group->processes = 4;
	group->trend = TREND_UNKNOWN;
	group->advice = "4 processes hold the same socket: it ends when the last one closes it; "
			"close descriptors after fork()";
}

static void add_queued_group(void)
{
	struct close_wait_report *report = add_report(make_flow(5000, 5, 41000), 95 * SECOND);
	struct close_wait_group *group;

	report->accepted = false;
	report->unread_bytes = 120;
	report->holders = listener;
	report->holder_count = 1;
	group = add_group(report, 17);
	group->advice = "the program does not call accept(), or too slowly";
}

static void add_unheld_group(void)
{
	struct close_wait_report *report = add_report(make_flow(7000, 5, 47000), 31 * SECOND);

	report->unread_bytes = 1;
	set_step(&report->created, OWNER_ACCEPT, 700, "gone", NOW - 40 * SECOND, NULL);
	add_group(report, 1)->advice = "no process has a descriptor of it: it may be on its way "
				       "in a message between processes (SCM_RIGHTS)";
}

/* Several groups, of all kinds. */
static void busy(const char *format)
{
	cgroup = "/system.slice/docker-0123456789ab.scope";
	/* The largest does not grow. */
	add_queued_group();
	add_server_group();
	add_client_group();
	add_shared_group();
	add_unheld_group();
	view.in_close_wait += 25;
	show(format);
	/* The same later: nothing is new */
	if (output.options.rows)
		return;
	view.fresh_count = 0;
	view.group_count = 1;
	view.suspects = groups[0].count;
	view.time += 2 * SECOND;
	view.final = true;
	show(format);
}

static void none(const char *format)
{
	show(format);
	view.in_close_wait = 1;
	show(format);
	view.in_close_wait = 1234;
	view.threshold = 1500 * SECOND / 1000;
	view.final = true;
	show(format);
}

/* It was there before: neither when it began is known nor where it comes from. */
static void older(const char *format)
{
	struct close_wait_report *report = add_report(make_flow(8080, 5, 52344), 65 * MINUTE);

	report->since = 0;
	report->unread_bytes = 70000;
	report->holders = server_holder;
	report->holder_count = 1;
	add_group(report, 3)->trend = TREND_UNKNOWN;
	/* Since yesterday, and not looked for */
	report = add_report(make_flow(443, 6, 1024), 26 * 60 * MINUTE);
	report->holders_known = false;
	report->eof_read = true;
	add_group(report, 2)->held = true;
	view.dropped = 3;
	view.origins_lost = 1;
	view.stacks_lost = 12;
	show(format);
}

/* Every way in which a stack is not all that one would like to see. */
static void short_stacks(const char *format)
{
	static const struct stack_frame deep[] = {
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
		{0x401000, 0x1000, "/opt/app/bin/recurse", "descend", "descend.c", 7, false},
	};
	static const struct stack_frame nameless[] = {
		{0x7f3a4c1270a4, 0, NULL, NULL, NULL, 0, false},
		{0x55d0c0a01a2b, 0, NULL, NULL, NULL, 0, false},
	};
	static const struct stack_frame unreadable[] = {
		{0x7f3a4c1270a4, 0x1270a4, LIBC, NULL, NULL, 0, false},
		{0x55d0c0a01a2b, 0x1a2b, "/srv/secret/daemon", NULL, NULL, 0, false},
	};
	static const struct stack_frame go[] = {
		{0x47f30e, 0x7f30e, "/srv/api", "internal/runtime/syscall.Syscall6",
		 "/usr/local/go/src/internal/runtime/syscall/asm_linux_amd64.s", 36, false},
		{0x4f0001, 0xf0001, "/srv/api", "net.(*TCPListener).Accept",
		 "/usr/local/go/src/net/tcpsock.go", 380, false},
		{0x6a1234, 0x2a1234, "/srv/api",
		 "github.com/example/very/long/module/path/internal/server.(*Server).Serve.func1",
		 "/build/src/github.com/example/very/long/module/path/internal/server/serve.go",
		 214, false},
	};
	static const struct stack stacks[STACK_ENDS] = {
		[STACK_WHOLE] = {go, COUNT(go), STACK_WHOLE},
		[STACK_NO_FRAME_POINTERS] = {accept_frames, 1, STACK_NO_FRAME_POINTERS},
		[STACK_DEEP] = {deep, COUNT(deep), STACK_DEEP},
		[STACK_PROCESS_GONE] = {nameless, COUNT(nameless), STACK_PROCESS_GONE},
		[STACK_UNREADABLE] = {unreadable, COUNT(unreadable), STACK_UNREADABLE},
		[STACK_PENDING] = {nameless, 0, STACK_PENDING},
	};

	for (unsigned int end = 0; end < STACK_ENDS; end++) {
		struct close_wait_report *report = add_report(
			make_flow((uint16_t)(8000 + end), 5, (uint16_t)(52000 + end)), MINUTE);

		report->eof_read = true;
		report->holders = server_holder;
		report->holder_count = 1;
		set_step(&report->created, end % 2 ? OWNER_ACCEPT : 0, 812, "server",
			 NOW - 2 * MINUTE, &stacks[end]);
		if (end == STACK_PENDING)
			set_step(&report->last_read, 0, 812, "server", NOW - MINUTE, &read_stack);
		add_group(report, 1);
	}
	show(format);
}

#define EVIL "\033]0;owned\007\n\xe2\x80\xae\"\xff"

/* Names as they must never be. */
static void hostile(const char *format)
{
	static const struct stack_frame frames[] = {
		{UINT64_MAX, UINT64_MAX, "/" EVIL "/" EVIL, EVIL, "/" EVIL "/" EVIL ".c",
		 UINT32_MAX, true},
		{1, 0, EVIL, NULL, NULL, 0, false},
		{2, 3, EVIL, "operator<< <std::vector<a, b>, c>(std::ostream&, char const*)", EVIL,
		 0, false},
		{4, 5, "", "", "", 0, false},
	};
	static const struct stack stack = {frames, COUNT(frames), STACK_DEEP};
	static const struct close_wait_holder holders[] = {
		{.pid = UINT32_MAX,
		 .fd = INT32_MAX,
		 .comm = "\033]0;\xff\n\007\xe2\x80\xae\"evil!", /* without an end */
		 .cgroup = "/" EVIL,
		 .container = EVIL,
		 .engine = EVIL,
		 .unit = EVIL,
		 .pod = EVIL},
		{.pid = 1, .fd = -1, .comm = "", .cgroup = EVIL},
	};
	static const struct flow flow = {
		.local = {0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		.remote = {0xfe, 0x80, [8] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		.local_port = 65535,
		.remote_port = 65535,
	};
	struct close_wait_report *report = add_report(flow, UINT64_MAX >> 1);
	struct close_wait_group *group;

	cgroup = "/" EVIL;
	report->cgroup = 1;
	report->since = 0;
	report->uid = UINT32_MAX;
	report->unread_bytes = UINT32_MAX;
	report->holders = holders;
	report->holder_count = COUNT(holders);
	set_step(&report->created, 0xff, UINT32_MAX - 3, EVIL, NOW, &stack);
	set_step(&report->last_read, 0, UINT32_MAX - 3, EVIL, NOW, &stack);
	report->last_read_bytes = UINT32_MAX;
	group = add_group(report, UINT64_MAX >> 1);
	group->trend = TREND_GROWING;
	group->growth_per_min = INT64_MAX;
	group->processes = UINT32_MAX;
	group->all_peers = UINT32_MAX;
	group->advice = EVIL " is not advice";
	group->kill = "ss -K " EVIL;
	view.in_close_wait = UINT64_MAX;
	group = add_group(report, 1);
	group->trend = TREND_DRAINING;
	group->growth_per_min = INT64_MIN;
	group->comm[0] = '\0';
	group->example = NULL;
	group->stack = NULL;
	group->peer_count = UINT32_MAX;
	show(format);
}

static void end(void)
{
	buffer_add_char(&output.out, '\0');
	assert_false(output.out.failed);
	output.out.length--;
}

static void live(const char *format)
{
	const struct output_format *to = output_format_find(format);

	add_server_group();
	add_client_group();
	add_shared_group();
	add_queued_group();
	add_unheld_group();
	older("text");
	output.out.length = 0;
	to->begin(&output);
	for (size_t i = 0; i < view.fresh_count; i++)
		to->close_wait(&output, fresh[i]);
}

static const struct {
	const char *name;
	void (*make)(const char *format);
	size_t width; /* of the widest line of text */
} stories[] = {
	{"close-wait-busy", busy, 100},   {"close-wait-none", none, 100},
	{"close-wait-older", older, 100}, {"close-wait-stacks", short_stacks, 100},
	{"close-wait-live", live, 200},   {"close-wait-hostile", hostile, 200},
};

static void all_formats_read_as_before(void **state)
{
	static const char *const formats[] = {"text", "table", "json"};

	(void)state;
	for (size_t i = 0; i < COUNT(stories); i++) {
		for (size_t j = 0; j < COUNT(formats); j++) {
			teardown(NULL);
			setup(NULL);
			stories[i].make(formats[j]);
			end();
			check_lines(&output.out, j ? SIZE_MAX : stories[i].width);
			golden_compare(stories[i].name, formats[j], &output.out);
		}
	}
}

static void set_terminal(unsigned int rows, unsigned int columns, bool color)
{
	teardown(NULL);
	setup(NULL);
	output.options.rows = rows;
	output.options.columns = columns;
	output.options.color = color;
}

static void no_screen_is_too_small(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stories); i++) {
		if (stories[i].make == none || stories[i].make == live)
			continue; /* several screens, and none */
		for (unsigned int rows = 1; rows < 64; rows++) {
			set_terminal(rows, 20 + rows * 3, rows % 2);
			stories[i].make("text");
			end();
			check_screen(&output.out, rows, output.options.columns);
		}
	}
}

static void a_terminal_is_drawn_over(void **state)
{
	static const struct {
		const char *name;
		unsigned int rows, columns;
		bool color;
	} terminals[] = {
		{"close-wait-small", 24, 80, false},
		{"close-wait-color", 24, 80, true},
		{"close-wait-tall", 60, 120, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(terminals); i++) {
		set_terminal(terminals[i].rows, terminals[i].columns, terminals[i].color);
		busy("text");
		end();
		golden_compare(terminals[i].name, "text", &output.out);
	}
}

/* A ladder that follows is set apart, the next line is not. */
static void a_live_line_is_a_line(void **state)
{
	(void)state;
	add_server();
	output_timeline.close_wait(&output, fresh[0]);
	assert_true(output.after_line);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_formats_read_as_before),
		TEST(no_screen_is_too_small),
		TEST(a_terminal_is_drawn_over),
		TEST(a_live_line_is_a_line),
	};

	return cmocka_run_group_tests_name("close_wait_output", tests, NULL, NULL);
}

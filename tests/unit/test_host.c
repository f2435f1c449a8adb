// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Messages, clocks and mounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <cmocka.h>

#include "host/clock.h"
#include "host/log.h"
#include "host/mounts.h"
#include "host/proc.h"

/* What was written to stderr between begin and end. */
struct capture {
	int pipe[2];
	int stderr_copy;
	char text[1024];
};

static void capture_begin(struct capture *capture)
{
	assert_int_equal(pipe(capture->pipe), 0);
	capture->stderr_copy = dup(STDERR_FILENO);
	dup2(capture->pipe[1], STDERR_FILENO);
	close(capture->pipe[1]);
}

static const char *capture_end(struct capture *capture)
{
	ssize_t length;

	dup2(capture->stderr_copy, STDERR_FILENO);
	close(capture->stderr_copy);
	length = read(capture->pipe[0], capture->text, sizeof(capture->text) - 1);
	close(capture->pipe[0]);
	capture->text[length > 0 ? length : 0] = '\0';
	return capture->text;
}

static void messages_are_escaped_lines(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_error("cannot open %s: %d", "a\nb\033[31m", 7);
	log_warning("w");
	log_info("1 teardowns");
	log_debug("unseen");
	assert_string_equal(capture_end(&capture),
			    "tcpclose-trace: cannot open a\\x0ab\\x1b[31m: 7\n"
			    "tcpclose-trace: warning: w\n1 teardowns\n");
}

static void a_warning_is_said_once(void **state)
{
	struct log_once once = {};
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	for (int i = 0; i < 3; i++)
		log_warning_once(&once, "number %d", i);
	assert_string_equal(capture_end(&capture), "tcpclose-trace: warning: number 0\n");
	assert_int_equal(once.count, 3);
}

static libbpf_print_fn_t bridge(void)
{
	libbpf_print_fn_t print;

	log_take_libbpf();
	print = libbpf_set_print(NULL);
	libbpf_set_print(print);
	return print;
}

static void libbpf_says(enum libbpf_print_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	bridge()(level, format, arguments);
	va_end(arguments);
}

static void the_cause_of_a_failure_is_kept(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_libbpf_forget();
	assert_string_equal(log_libbpf_cause(), "");
	libbpf_says(LIBBPF_DEBUG, "libbpf: noise\n");
	libbpf_says(LIBBPF_WARN, "libbpf: prog '%s': BPF program load failed: Invalid argument\n",
		    "x");
	libbpf_says(LIBBPF_WARN, "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n%s",
		    "0: (85) call bpf_get_socket_cookie#46\nunknown func bpf_get_socket_cookie#46\n"
		    "processed 1 insns (limit 1000000)\n-- END PROG LOAD LOG --\n");
	libbpf_says(LIBBPF_WARN, "libbpf: failed to load object 'socket'\n");
	assert_string_equal(log_libbpf_cause(),
			    "prog 'x': BPF program load failed: Invalid argument: "
			    "unknown func bpf_get_socket_cookie#46");
	log_libbpf_forget();
	assert_string_equal(log_libbpf_cause(), "");
	assert_null(bpf_object__open_file("/no/such/object", NULL));
	assert_non_null(strstr(log_libbpf_cause(), "/no/such/object"));
	assert_string_equal(capture_end(&capture), "");
}

static void verbose_shows_libbpf(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_set_verbose(true);
	libbpf_says(LIBBPF_DEBUG, "libbpf: one\n%s\n", "two\033");
	log_debug("three");
	log_set_verbose(false);
	assert_string_equal(capture_end(&capture), "libbpf: one\ntwo\\x1b\nthree\n");
}

static void clocks_agree(void **state)
{
	int64_t wall = (int64_t)time(NULL) * 1000000000;
	uint64_t first = clock_boot();
	int64_t offset = clock_wall_offset();

	(void)state;
	assert_true(clock_boot() >= first);
	assert_true(llabs((int64_t)first + offset - wall) < 2000000000);
	assert_true(llabs(clock_wall_offset() - offset) < 1000000);
}

static void lines_of_mountinfo(void **state)
{
	char plain[] = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
	char shared[] =
		"9 8 0:4 net:[4026532567] /run/netns/a\\040b\\134 rw shared:9 master:1 - nsfs n\n";
	char no_dash[] = "41 31 0:38 / /sys rw\n", cut[] = "41 31 0:38 / - cgroup2", empty[] = "";
	struct mount mount;

	(void)state;
	assert_true(mounts_parse(plain, &mount));
	assert_string_equal(mount.type, "cgroup2");
	assert_string_equal(mount.root, "/");
	assert_string_equal(mount.point, "/sys/fs/cgroup");
	assert_true(mounts_parse(shared, &mount));
	assert_string_equal(mount.type, "nsfs");
	assert_string_equal(mount.root, "net:[4026532567]");
	assert_string_equal(mount.point, "/run/netns/a b\\");
	assert_false(mounts_parse(no_dash, &mount));
	assert_false(mounts_parse(cut, &mount));
	assert_false(mounts_parse(empty, &mount));
}

static void files_that_are_open(void **state)
{
	(void)state;
	assert_true(proc_open_files() >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_escaped_lines),
		cmocka_unit_test(a_warning_is_said_once),
		cmocka_unit_test(the_cause_of_a_failure_is_kept),
		cmocka_unit_test(verbose_shows_libbpf),
		cmocka_unit_test(clocks_agree),
		cmocka_unit_test(lines_of_mountinfo),
		cmocka_unit_test(files_that_are_open),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The owner room against this very machine: our own sockets, name, namespace and control group.
 * Needs no privilege; what needs root (a control group of our own) is skipped without it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/mounts.h"
#include "owner/cgroups.h"
#include "owner/holders.h"
#include "owner/netns.h"

#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * SECOND)

static uint64_t inode_of(int descriptor)
{
	struct stat status;

	assert_int_equal(fstat(descriptor, &status), 0);
	return status.st_ino;
}

static void holder_of_our_socket(void **state)
{
	struct holders *holders = holders_new(1 << 16);
	uint64_t inodes[2], now = HOUR;
	struct holder holder;
	int sockets[2], copy;

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, "holding"), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	copy = dup(sockets[0]);
	inodes[0] = inode_of(sockets[0]);
	inodes[1] = inode_of(sockets[1]);

	assert_false(holders_find(holders, inodes[0], &holder));
	assert_int_equal(holders_refresh(holders, now, UINT64_MAX), 1);
	assert_true(holders_find(holders, inodes[0], &holder));
	assert_int_equal(holder.pid, getpid());
	assert_int_equal(holder.count, 1); /* two descriptors, one process */
	assert_string_equal(holder.comm, "holding");
	assert_false(holders_find(holders, 0, &holder));
	assert_true(holders_stats(holders).sockets >= 2);

	/* Under its cookie a socket keeps its holder when the descriptor is gone. */
	holders_keep(holders, 77, inodes[0]);
	holders_keep(holders, 78, 0);
	close(sockets[0]);
	close(copy);
	assert_int_equal(holders_refresh(holders, now + HOUR, UINT64_MAX), 1);
	assert_false(holders_find(holders, inodes[0], &holder));
	assert_true(holders_find(holders, inodes[1], &holder));
	assert_true(holders_find_cookie(holders, 77, &holder));
	assert_int_equal(holder.pid, getpid());
	assert_false(holders_find_cookie(holders, 78, &holder));
	close(sockets[1]);
	holders_free(holders);
}

static void scans_are_rare_and_in_parts(void **state)
{
	struct holders *holders = holders_new(1 << 16);
	uint64_t now = HOUR;
	int calls = 1;

	(void)state;
	while (holders_refresh(holders, now, 1) == 0)
		calls++;
	assert_true(calls >= (int)holders_stats(holders).processes);
	assert_int_equal(holders_refresh(holders, now, UINT64_MAX), 0);
	assert_int_equal(holders_refresh(holders, now + SECOND - 1, UINT64_MAX), 0);
	assert_int_equal(holders_refresh(holders, now + HOUR, UINT64_MAX), 1);
	holders_free(holders);
}

static void holders_are_bounded(void **state)
{
	struct holders *holders = holders_new(3);
	int sockets[4][2];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[i]), 0);
	assert_int_equal(holders_refresh(holders, HOUR, UINT64_MAX), 1);
	assert_int_equal(holders_stats(holders).sockets, 3);
	assert_true(holders_stats(holders).dropped >= 5);
	for (int i = 0; i < 8; i++)
		close(sockets[i / 2][i % 2]);
	holders_free(holders);
}

static void a_shared_socket_has_several_holders(void **state)
{
	struct holders *holders = holders_new(1 << 16);
	struct holder holder;
	int sockets[2];
	pid_t child;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(holders_refresh(holders, HOUR, UINT64_MAX), 1);
	assert_true(holders_find(holders, inode_of(sockets[0]), &holder));
	assert_int_equal(holder.count, 2);
	assert_true(holder.pid == (uint32_t)getpid() || holder.pid == (uint32_t)child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(sockets[0]);
	close(sockets[1]);
	holders_free(holders);
}

static void namespaces_by_pid_and_name(void **state)
{
	char reason[96] = "", text[32];
	struct stat own;
	uint32_t inode = 0;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &own), 0);
	snprintf(text, sizeof(text), "%d", getpid());
	assert_int_equal(netns_find(text, &inode, reason, sizeof(reason)), 0);
	assert_int_equal(inode, own.st_ino);

	assert_int_equal(netns_find("4294967295", &inode, reason, sizeof(reason)), -ENOENT);
	assert_string_equal(reason, "no process has this pid, no namespace this name");
	assert_int_equal(netns_find("no-such", &inode, reason, sizeof(reason)), -ENOENT);
	assert_string_equal(reason, "no such name in /run/netns");
	assert_int_equal(netns_find("../self", &inode, reason, sizeof(reason)), -EINVAL);
	assert_string_equal(reason, "not a pid and not a name");
	assert_int_equal(netns_find("", &inode, reason, sizeof(reason)), -EINVAL);
}

static void note_cgroup2(void *context, const struct mount *mount)
{
	char *point = context;

	if (strcmp(mount->type, "cgroup2") == 0)
		snprintf(point, 256, "%s", mount->point);
}

static void find_cgroup2(char point[256])
{
	point[0] = '\0';
	mounts_each(note_cgroup2, point);
	if (!point[0]) {
		print_message("no cgroup2 mount: skipped\n");
		skip();
	}
}

static void the_root_of_cgroups(void **state)
{
	struct cgroup_place root, same;
	char point[256], reason[96];
	struct cgroups *cgroups;

	(void)state;
	find_cgroup2(point);
	cgroups = cgroups_new();
	assert_int_equal(cgroups_find(cgroups, "/", &root, reason, sizeof(reason)), 0);
	assert_int_equal(root.level, 0);
	assert_int_equal(cgroups_find(cgroups, point, &same, reason, sizeof(reason)), 0);
	assert_int_equal(root.id, same.id);
	assert_non_null(cgroups_path(cgroups, root.id));
	assert_null(cgroups_path(cgroups, UINT64_MAX / 2));
	assert_null(cgroups_path(cgroups, 0));

	assert_int_equal(cgroups_find(cgroups, "/no/such", &same, reason, sizeof(reason)), -ENOENT);
	assert_true(strncmp(reason, "no such cgroup below /", 22) == 0);
	assert_int_equal(cgroups_find(cgroups, "cgroup.procs", &same, reason, sizeof(reason)),
			 -ENOTDIR);
	assert_string_equal(reason, "it is not a cgroup (version 2)");
	cgroups_free(cgroups);
}

/* What a process without capabilities finds: handles are refused, it walks the tree. */
static int unprivileged_finds(uint64_t id, const char *path)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		struct cgroups *cgroups;
		const char *found;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		cgroups = cgroups_new();
		found = cgroups_path(cgroups, id);
		_exit(found && strcmp(found, path) == 0 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_cgroup_of_our_own(void **state)
{
	char point[256], outer[320], inner[340], name[64], full[80], reason[96];
	struct cgroup_place place, same;
	struct cgroups *cgroups;

	(void)state;
	find_cgroup2(point);
	snprintf(name, sizeof(name), "tcpclose-test-%d", getpid());
	snprintf(outer, sizeof(outer), "%s/%s", point, name);
	snprintf(inner, sizeof(inner), "%s/a b", outer);
	snprintf(full, sizeof(full), "/%s/a b", name);
	if (geteuid() || mkdir(outer, 0755) < 0) {
		print_message("cannot make a control group: skipped\n");
		skip();
	}
	assert_int_equal(mkdir(inner, 0755), 0);
	cgroups = cgroups_new();
	assert_int_equal(cgroups_find(cgroups, inner, &place, reason, sizeof(reason)), 0);
	assert_int_equal(place.level, 2);
	assert_int_equal(cgroups_find(cgroups, full, &same, reason, sizeof(reason)), 0);
	assert_int_equal(same.id, place.id);
	assert_int_equal(cgroups_find(cgroups, full + 1, &same, reason, sizeof(reason)), 0);
	assert_int_equal(same.id, place.id);
	assert_string_equal(cgroups_path(cgroups, place.id), full);
	assert_int_equal(unprivileged_finds(place.id, full), 0);

	assert_int_equal(cgroups_find(cgroups, outer, &same, reason, sizeof(reason)), 0);
	assert_true(cgroups_within(cgroups, place.id, same.id));
	assert_true(cgroups_within(cgroups, place.id, place.id));
	assert_false(cgroups_within(cgroups, same.id, place.id));
	assert_false(cgroups_within(cgroups, 0, same.id));

	/* The path is still known when the group is gone, but not to one who never asked. */
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(outer), 0);
	assert_string_equal(cgroups_path(cgroups, place.id), full);
	cgroups_free(cgroups);
	cgroups = cgroups_new();
	assert_null(cgroups_path(cgroups, place.id));
	cgroups_free(cgroups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holder_of_our_socket),
		cmocka_unit_test(scans_are_rare_and_in_parts),
		cmocka_unit_test(holders_are_bounded),
		cmocka_unit_test(a_shared_socket_has_several_holders),
		cmocka_unit_test(namespaces_by_pid_and_name),
		cmocka_unit_test(the_root_of_cgroups),
		cmocka_unit_test(a_cgroup_of_our_own),
	};

	return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kernel/port_settings.h"

#define SECOND 1000000000ull

static uint32_t own_netns(void)
{
	struct stat status;

	assert_int_equal(stat("/proc/self/ns/net", &status), 0);
	return (uint32_t)status.st_ino;
}

/* The numbers in a file of /proc/sys/net/ipv4, how many there are. */
static int numbers_of(const char *name, unsigned int *first, unsigned int *second)
{
	char path[96];
	FILE *file;
	int count;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = fopen(path, "r");
	if (!file)
		return 0;
	count = fscanf(file, "%u %u", first, second);
	fclose(file);
	return count;
}

static void ours_are_those_of_proc(void **state)
{
	struct port_settings_cache *cache = port_settings_cache_new();
	const struct port_settings *settings;
	unsigned int first = 0, last = 0;

	(void)state;
	assert_non_null(cache);
	settings = port_settings_find(cache, own_netns(), SECOND);
	assert_non_null(settings);
	assert_int_equal(numbers_of("ip_local_port_range", &first, &last), 2);
	assert_int_equal(settings->first_port, first);
	assert_int_equal(settings->last_port, last);
	assert_non_null(settings->reserved);
	assert_int_equal(numbers_of("tcp_fin_timeout", &first, &last), 1);
	assert_int_equal(settings->fin_timeout, first);
	assert_int_equal(numbers_of("tcp_max_tw_buckets", &first, &last), 1);
	assert_int_equal(settings->max_tw_buckets, first);
	assert_int_equal(numbers_of("tcp_tw_reuse", &first, &last), 1);
	assert_int_equal(settings->tw_reuse, first);
	/* Asked again soon: the same ones; later: read anew */
	assert_ptr_equal(port_settings_find(cache, own_netns(), 2 * SECOND), settings);
	assert_non_null(port_settings_find(cache, own_netns(), 60 * SECOND));
	port_settings_cache_free(cache);
}

static void one_that_is_not_there_is_not_known(void **state)
{
	struct port_settings_cache *cache = port_settings_cache_new();

	(void)state;
	assert_non_null(cache);
	assert_null(port_settings_find(cache, 0, SECOND));
	/* More than are kept, none of which exists; ours is found all the same. */
	for (uint32_t netns = 1; netns < 40; netns++)
		assert_null(port_settings_find(cache, netns, SECOND));
	assert_non_null(port_settings_find(cache, own_netns(), 2 * SECOND));
	port_settings_cache_free(cache);
	port_settings_cache_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_are_those_of_proc),
		cmocka_unit_test(one_that_is_not_there_is_not_known),
	};

	return cmocka_run_group_tests_name("port_settings", tests, NULL, NULL);
}

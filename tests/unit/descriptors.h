/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How many descriptors the test holds: what opens some must close them all. */
#ifndef TCPCLOSE_TESTS_DESCRIPTORS_H
#define TCPCLOSE_TESTS_DESCRIPTORS_H

#include <dirent.h>

static int open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_octal(char character)
{
	return character >= '0' && character <= '7';
}

/* The kernel writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) &&
		    is_octal(text[3])) {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		}
	}
	*to = '\0';
}

/* "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw": the number of fields
 * before the dash varies, proc(5). */
bool mounts_parse(char *line, struct mount *mount)
{
	char *fields[5] = {}, *next = NULL, *tail = strstr(line, " - ");
	char *type;

	if (!tail)
		return false;
	*tail = '\0';
	for (int i = 0; i < 5; i++) {
		fields[i] = strtok_r(i ? NULL : line, " ", &next);
		if (!fields[i])
			return false;
	}
	type = strtok_r(tail + 3, " \n", &next);
	if (!type)
		return false;
	unescape(fields[3]);
	unescape(fields[4]);
	*mount = (struct mount){.type = type, .root = fields[3], .point = fields[4]};
	return true;
}

int mounts_each(void (*each)(void *context, const struct mount *mount), void *context)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t capacity = 0;
	char *line = NULL;

	if (!file)
		return -errno;
	while (getline(&line, &capacity, file) > 0) {
		struct mount mount;

		if (mounts_parse(line, &mount))
			each(context, &mount);
	}
	free(line);
	fclose(file);
	return 0;
}

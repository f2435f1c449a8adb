// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/privileges.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool has(uint64_t set, int capability)
{
	return set >> capability & 1;
}

uint64_t privileges_held(void)
{
	cap_t own = cap_get_proc();
	uint64_t held = 0;

	for (int i = 0; own && i <= CAP_LAST_CAP; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		cap_get_flag(own, i, CAP_EFFECTIVE, &value);
		held |= (uint64_t)(value == CAP_SET) << i;
	}
	cap_free(own);
	return held;
}

static const struct {
	uint64_t greater;
	uint64_t lesser;
} implications[] = {
	{PRIVILEGE(SYS_ADMIN), PRIVILEGE(BPF) | PRIVILEGE(PERFMON) | PRIVILEGE(CHECKPOINT_RESTORE)},
	{PRIVILEGE(DAC_OVERRIDE), PRIVILEGE(DAC_READ_SEARCH)},
};

#define IMPLICATIONS (sizeof(implications) / sizeof(implications[0]))

uint64_t privileges_implied(uint64_t held)
{
	uint64_t implied = held;

	for (size_t i = 0; i < IMPLICATIONS; i++)
		if (held & implications[i].greater)
			implied |= implications[i].lesser;
	return implied;
}

uint64_t privileges_available(uint64_t held, uint64_t set)
{
	uint64_t available = set & held;

	for (size_t i = 0; i < IMPLICATIONS; i++)
		if (set & ~held & implications[i].lesser)
			available |= held & implications[i].greater;
	return available;
}

void privileges_names(uint64_t set, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i <= CAP_LAST_CAP && used < size; i++) {
		char *name = has(set, i) ? cap_to_name(i) : NULL;

		if (!name)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
		cap_free(name);
	}
	for (; *text; text++)
		*text = (char)toupper((unsigned char)*text);
}

static int set_own(uint64_t permitted, uint64_t effective)
{
	cap_t own = cap_init();
	int error = own ? 0 : -ENOMEM;

	for (int i = 0; !error && i <= CAP_LAST_CAP; i++) {
		if (has(permitted, i))
			cap_set_flag(own, CAP_PERMITTED, 1, &i, CAP_SET);
		if (has(effective, i))
			cap_set_flag(own, CAP_EFFECTIVE, 1, &i, CAP_SET);
	}
	if (!error && cap_set_proc(own))
		error = -errno;
	cap_free(own);
	return error;
}

/* The bounding set is that of programs executed later: without CAP_SETPCAP it stays as it is, and
 * says nothing to one that has no_new_privs. */
int privileges_keep(uint64_t set)
{
	uint64_t kept = privileges_held() & set;
	int error;

	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (!has(kept, i) && cap_get_bound(i) > 0)
			cap_drop_bound(i);
	error = set_own(kept, kept);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		error = -errno;
	return error;
}

bool privileges_override_folder(const char *path)
{
	uint64_t held = privileges_held();
	char *copy = has(held, CAP_DAC_OVERRIDE) ? strdup(path) : NULL;
	bool needed = false;

	/* Asked as one who does not have it. */
	if (copy && !set_own(held, held & ~PRIVILEGE(DAC_OVERRIDE))) {
		needed = faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS);
		set_own(held, held);
	}
	free(copy);
	return needed;
}

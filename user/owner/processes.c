// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "owner/processes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOTS 1024
#define REMEMBER_NS UINT64_C(1000000000)

/* One name for each value of pid modulo SLOTS: neighbours, as servers start them, do not collide.
 */
struct slot {
	uint32_t pid; /* 0: free */
	char comm[16];
	uint64_t until;
};

struct processes {
	struct slot slots[SLOTS];
};

struct processes *processes_new(void)
{
	return calloc(1, sizeof(struct processes));
}

void processes_free(struct processes *processes)
{
	free(processes);
}

static void slot_read(struct slot *slot)
{
	ssize_t length = 0;
	char path[32];
	int file;

	snprintf(path, sizeof(path), "/proc/%u/comm", slot->pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		length = read(file, slot->comm, sizeof(slot->comm));
		close(file);
	}
	/* The kernel ends the name with a newline: at most 15 bytes before it. */
	slot->comm[length > 0 ? length - 1 : 0] = '\0';
}

const char *processes_name(struct processes *processes, uint32_t pid, uint64_t now)
{
	struct slot *slot = &processes->slots[pid % SLOTS];

	if (!pid)
		return NULL;
	if (slot->pid != pid || now >= slot->until) {
		slot->pid = pid;
		slot->until = now + REMEMBER_NS;
		slot_read(slot);
	}
	return slot->comm[0] ? slot->comm : NULL;
}

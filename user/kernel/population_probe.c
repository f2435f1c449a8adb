// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A stub that counts nothing, until the programs are there. */
#include "kernel/population_probe.h"

#include <errno.h>
#include <stdlib.h>

struct population_probe {
	char nothing;
};

int population_probe_open(struct population_probe **probe, const struct plan *plan,
			  const struct settings *settings, struct buffer *why)
{
	(void)plan;
	(void)settings;
	(void)why;
	*probe = calloc(1, sizeof(**probe));
	return *probe ? 0 : -ENOMEM;
}

void population_probe_close(struct population_probe *probe)
{
	free(probe);
}

int population_probe_attach(struct population_probe *probe, const struct plan *plan,
			    struct buffer *why)
{
	(void)probe;
	(void)plan;
	(void)why;
	return 0;
}

int population_probe_add(struct population_probe *probe, const struct time_wait_record *found)
{
	(void)probe;
	(void)found;
	return 0;
}

int population_probe_read(struct population_probe *probe, struct population_reading *reading)
{
	(void)probe;
	*reading = (struct population_reading){0};
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is planned and what the kernel's programs are told, from the options: names of the command
 * line become numbers of the kernel. Knows nothing of what is attached.
 */
#ifndef TCPCLOSE_REQUEST_H
#define TCPCLOSE_REQUEST_H

#include <stdbool.h>

#include "kernel/features.h"
#include "kernel/plan.h"
#include "options.h"
#include "owner/cgroups.h"
#include "settings.h"

/* What all parts of a command want together. */
struct plan_request request_plan(const struct options *options);

/* What is there at this moment is told, and nothing is waited for. */
bool request_looks_once(const struct options *options);

/* 0; or a negative errno, and it has said itself what cannot be used. */
int request_settings(const struct options *options, const struct features *features,
		     const struct plan *plan, struct cgroups *cgroups, struct settings *settings);

#endif

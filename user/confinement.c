// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "confinement.h"

#include <errno.h>
#include <string.h>

#include "host/log.h"
#include "host/memory.h"
#include "host/privileges.h"
#include "host/syscall_filter.h"
#include "request.h"

static void confine(uint64_t kept, enum syscall_filter filter)
{
	int error = privileges_keep(kept);
	char names[256];

	if (error)
		log_warning("cannot give up capabilities: %s; all are kept", strerror(-error));
	privileges_names(privileges_held(), names, sizeof(names));
	error = syscall_filter_apply(filter);
	if (error == -ENOSYS)
		log_debug(
			"system calls are not filtered: this kernel or this build has no seccomp");
	else if (error)
		log_warning("cannot filter system calls: %s; all are let through",
			    strerror(-error));
	log_debug("capabilities kept: %s", names[0] ? names : "none");
}

/* Root without CAP_DAC_OVERRIDE is nobody special in the folder of a user. */
static bool writes_elsewhere(const struct options *options)
{
	bool rotates = options->write && (options->rotate_size || options->rotate_interval);

	return (rotates && privileges_override_folder(options->write)) ||
	       (options->ready_file && privileges_override_folder(options->ready_file));
}

void confine_tracing(const struct options *options, const struct features *features)
{
	const struct plan_request request = request_plan(options);
	uint64_t kept = plan_make(features, &request).kept;

	if (writes_elsewhere(options))
		kept |= PRIVILEGE(DAC_OVERRIDE);
	memory_give_back();
	confine(kept, SYSCALL_FILTER_TRACE);
}

void confine_replay(void)
{
	confine(0, SYSCALL_FILTER_REPLAY);
}
